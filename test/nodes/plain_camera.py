"""A camera as anybody would write it: rclpy and standard messages, no code of this package.

Usage: plain_camera.py NAMESPACE. Publishes pictures of something that moves until objects come
back, prints them as JSON and exits with 0; with 1 when none come within a minute.
"""
import json
import sys
import time

import rclpy
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection3DArray

WIDTH, HEIGHT = 320, 240

rclpy.init()
node = rclpy.create_node("plain_camera", namespace=sys.argv[1])
images = node.create_publisher(Image, "image", 10)
infos = node.create_publisher(CameraInfo, "camera_info", 10)
stamps, found = {}, []


def on_objects(message):
    stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
    for thing in message.detections:
        p = thing.results[0].pose.pose.position
        found.append({"exact": stamps.get(stamp), "frame": message.header.frame_id, "id": thing.id,
                      "class": thing.results[0].hypothesis.class_id, "xyz": [p.x, p.y, p.z]})


node.create_subscription(Detection3DArray, "objects", on_objects, 10)
ground = bytearray((x * 7 + y * 13) % 61 + 90 for y in range(HEIGHT) for x in range(WIDTH))
begin, number = time.monotonic(), 0
while not found and time.monotonic() - begin < 60:
    image = Image(height=HEIGHT, width=WIDTH, encoding="mono8", step=WIDTH)
    image.header.frame_id = "plain_optical"
    image.header.stamp = node.get_clock().now().to_msg()
    pixels = bytearray(ground)
    left = 20 + max(0, number - 15) * 5 % 220  # a bright thing 40 wide, 80 high, that sets off
    for row in range(100, 180):
        pixels[row * WIDTH + left:row * WIDTH + left + 40] = b"\xf0" * 40
    image.data = bytes(pixels)
    info = CameraInfo(header=image.header, width=WIDTH, height=HEIGHT,
                      k=[300.0, 0.0, 159.5, 0.0, 300.0, 119.5, 0.0, 0.0, 1.0])
    stamps[(image.header.stamp.sec, image.header.stamp.nanosec)] = True
    infos.publish(info)
    images.publish(image)
    number += 1
    end = time.monotonic() + 1 / 15
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.01)
print(json.dumps(found))
sys.exit(0 if found else 1)

"""Another detector and an RGB-D camera: rclpy and standard messages, no code of this package.

Usage: plain_fusion_input.py NAMESPACE. Publishes a box and depth until an object comes back,
prints it as JSON and exits with 0; with 1 when none comes within half a minute.
"""
import array
import json
import sys
import time

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    Detection3DArray,
    ObjectHypothesisWithPose,
)

WIDTH, HEIGHT = 64, 48

rclpy.init()
node = rclpy.create_node("plain_detector", namespace=sys.argv[1])
boxes = node.create_publisher(Detection2DArray, "detections", 10)
depths = node.create_publisher(Image, "depth/image_rect", qos_profile_sensor_data)
infos = node.create_publisher(CameraInfo, "depth/camera_info", qos_profile_sensor_data)
found = []
node.create_subscription(Detection3DArray, "objects", found.append, 10)
begin = time.monotonic()
while not found and time.monotonic() - begin < 30:
    stamp = node.get_clock().now().to_msg()
    message = Detection2DArray()
    message.header.stamp, message.header.frame_id = stamp, "plain_optical"
    box = Detection2D(header=message.header, results=[ObjectHypothesisWithPose()])
    box.results[0].hypothesis.class_id, box.results[0].hypothesis.score = "pallet", 0.75
    box.bbox.center.position.x, box.bbox.center.position.y = 31.5, 23.5
    box.bbox.size_x = box.bbox.size_y = 20.0
    message.detections.append(box)
    depth = Image(header=message.header, height=HEIGHT, width=WIDTH, encoding="16UC1",
                  step=2 * WIDTH, data=array.array("H", [1500] * WIDTH * HEIGHT).tobytes())
    infos.publish(CameraInfo(header=message.header, width=WIDTH, height=HEIGHT,
                             k=[60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0]))
    depths.publish(depth)
    boxes.publish(message)
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.01)
if found:
    thing = found[0].detections[0]
    p = thing.results[0].pose.pose.position
    print(json.dumps({"class": thing.results[0].hypothesis.class_id, "xyz": [p.x, p.y, p.z],
                      "score": thing.results[0].hypothesis.score}))
sys.exit(0 if found else 1)

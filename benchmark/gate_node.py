"""The whole gate node's processor time at 30 frames a second, over DDS, in a process of its own."""
from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmark.domain import own_domain

RATE_HZ = 30.0
_SIZE = (1920, 1080)
_PICTURES = 8
_SETTLE_S = 3.0
_READY_S = 30.0


def rows(seconds: float) -> dict[str, Any]:
    """Cores that the node needs for 1080p, compressed and raw; empty where there is no ROS.

    Args:
        seconds: measured time for each of the two.
    """
    try:
        import rclpy
    except ImportError:
        print("no rclpy: the node's rows are left out")
        return {}
    with contextlib.ExitStack() as stack:
        own_domain(stack)
        rclpy.init()
        stack.callback(rclpy.shutdown)
        found = {}
        for transport in ("compressed", "raw"):
            cpu, share = _measure(transport, seconds)
            found[f"node_cpu_1080p_{transport}"] = cpu
            found[f"node_frames_seen_{transport}"] = share
        return found


def _measure(transport: str, seconds: float) -> tuple[float, float]:
    """Processor seconds in a second, and the share of the sent frames that the node decided on."""
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CompressedImage, Image
    from smolvlm_ros.msg import GateState

    from smolvlm_ros.demo.processes import Child

    node = rclpy.create_node("gate_benchmark")
    messages = _messages(transport)
    kind, topic = ((CompressedImage, "image/compressed") if transport == "compressed"
                   else (Image, "image"))
    publisher = node.create_publisher(kind, topic, qos_profile_sensor_data)
    decided = [0]
    node.create_subscription(GateState, "gate/state",
                             lambda _: decided.__setitem__(0, decided[0] + 1),
                             qos_profile_sensor_data)
    with tempfile.TemporaryDirectory() as folder:
        settings = ("autostart:=true", f"image_transport:={transport}")
        child = Child("gate", ["--ros-args", *(part for s in settings for part in ("-p", s))],
                      Path(folder) / "gate.log")
        try:
            deadline_s = time.monotonic() + _READY_S
            while publisher.get_subscription_count() == 0:
                child.check()
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"the gate did not come up in {_READY_S:g} s")
                time.sleep(0.1)
            _send(node, publisher, messages, _SETTLE_S)
            before, first = _cpu_s(child.pid), decided[0]
            begin_s = time.monotonic()
            sent = _send(node, publisher, messages, seconds)
            elapsed_s = time.monotonic() - begin_s
            return ((_cpu_s(child.pid) - before) / elapsed_s, (decided[0] - first) / sent)
        finally:
            child.stop()
            node.destroy_node()


def _send(node: Any, publisher: Any, messages: list[Any], seconds: float) -> int:
    """Publish at the rate; what the node answers is taken in between."""
    import rclpy

    begin_s, count = time.monotonic(), 0
    while (now_s := time.monotonic()) - begin_s < seconds:
        message = messages[count % len(messages)]
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)
        count += 1
        due_s = begin_s + count / RATE_HZ
        while (left_s := due_s - time.monotonic()) > 0:
            rclpy.spin_once(node, timeout_sec=left_s)
        if now_s > due_s + 1:  # a machine that cannot send so fast: begin the beat anew
            begin_s, count = now_s, 0
    return max(count, 1)


def _messages(transport: str) -> list[Any]:
    """Views of one scene with a thing that moves; noise as a camera's."""
    from sensor_msgs.msg import CompressedImage, Image

    random = np.random.default_rng(0)
    width, height = _SIZE
    cells = random.uniform(40, 200, (height // 40, width // 40, 3)).astype(np.float32)
    still = cv2.resize(cells, _SIZE, interpolation=cv2.INTER_CUBIC)
    found = []
    for index in range(_PICTURES):
        view = still + random.normal(0, 2, (height, width, 1))
        left = 200 + 60 * index
        view[400:700, left:left + 150] = 230
        bgr = np.clip(view, 0, 255).astype(np.uint8)
        if transport == "compressed":
            message = CompressedImage(format="bgr8; jpeg compressed bgr8")
            message.data.frombytes(cv2.imencode(".jpg", bgr)[1].tobytes())
        else:
            message = Image(encoding="bgr8", width=width, height=height, step=3 * width)
            message.data.frombytes(bgr.tobytes())
        message.header.frame_id = "camera"
        found.append(message)
    return found


def _cpu_s(pid: int) -> float:
    """User and system time of a process, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")



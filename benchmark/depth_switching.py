"""The depth node changes its variant a hundred times while frames come, with networks of real size.

Both variants have the same random weights, so that the right metres are known: the outdoor ones are
the indoor ones times the ratio of the ranges.
"""
from __future__ import annotations

import contextlib
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

from benchmark.domain import own_domain

_WAIT_S = 120.0
_SIZE = (112, 140)
_VIEW = (140, 112)
_TOLERANCE = 0.01


def rows(folder: Path, checkpoints: tuple[Path, Path], switches: int) -> dict[str, Any]:
    """Changes made, frames lost and of the wrong range, and memory; nothing without ROS.

    Args:
        folder: for the exported files.
        checkpoints: the indoor and the outdoor one, of the same weights.
        switches: how many changes.
    """
    try:
        import rclpy
        from smolvlm_ros.msg import DepthState  # noqa: F401
    except ImportError:
        print("no ROS 2 here: no switch rows", file=sys.stderr)
        return {}
    from smolvlm_ros.models.export import export_depth
    files = [export_depth(checkpoint, folder / f"{checkpoint.name}_switch.onnx", _SIZE).path
             for checkpoint in checkpoints]
    with contextlib.ExitStack() as stack:
        own_domain(stack)
        rclpy.init()
        stack.callback(rclpy.shutdown)
        return _Run(files[0], files[1]).rows(switches)


class _Run:
    """A depth node, and a peer that sends a frame as soon as the one before has its depth."""

    def __init__(self, indoor: Path, outdoor: Path) -> None:
        import rclpy
        from rclpy.parameter import Parameter
        from sensor_msgs.msg import CameraInfo, Image
        from smolvlm_ros.msg import DepthState
        from smolvlm_ros.srv import SetDepthScene

        from smolvlm_ros.camera import CameraModel
        from smolvlm_ros.nodes.depth import DepthNode
        from smolvlm_ros.ros.process import Spinner
        from smolvlm_ros.ros.stats import Stats
        values = {"autostart": True, "model_indoor": str(indoor), "model_outdoor": str(outdoor),
                  "focal_correction": False, "num_threads": 1, "stabiliser.enabled": False}
        self._node = DepthNode(parameter_overrides=[Parameter(name, value=value)
                                                    for name, value in values.items()])
        self._peer = rclpy.create_node("depth_benchmark")
        self._peer.stats = Stats()  # type: ignore[attr-defined]
        self._images = self._peer.create_publisher(Image, "gate/image", 10)
        self._infos = self._peer.create_publisher(CameraInfo, "gate/camera_info", 10)
        self._medians: dict[int, float] = {}
        self._states: dict[int, Any] = {}
        self._peer.create_subscription(Image, "depth/image_rect", self._on_depth, 10)
        self._peer.create_subscription(DepthState, "depth/state", self._on_state, 10)
        self._client = self._peer.create_client(SetDepthScene, "depth/set_scene")
        self._camera = CameraModel.from_fov(*_VIEW, 60.0)
        self._picture = np.random.default_rng(0).integers(0, 255, (*_VIEW[::-1], 3), np.uint8)
        self._sent = 0
        self._stop = threading.Event()
        self._spinners = [Spinner(self._node, self._node.executor_threads), Spinner(self._peer)]

    def rows(self, switches: int) -> dict[str, Any]:
        from smolvlm_ros.msg import DepthState
        from smolvlm_ros.srv import SetDepthScene
        settled_mib, times = 0.0, []
        sender = threading.Thread(target=self._send)
        try:
            self._wait(self._ready, "the node")
            sender.start()
            for count in range(switches):
                scene = SetDepthScene.Request(scene=2 - count % 2)
                before = len(self._medians)
                self._wait(lambda b=before: len(self._medians) > b, "a frame")
                begin_s = time.monotonic()
                answer = self._client.call_async(scene)
                self._wait(answer.done, "an answer")
                times.append(1e3 * (time.monotonic() - begin_s))
                if not answer.result().success:
                    raise RuntimeError(answer.result().message)
                if count == switches // 4:
                    settled_mib = common.resident_mb()
            grown_mib = common.resident_mb() - settled_mib
        finally:
            self._stop.set()
            if sender.ident:
                sender.join()
        self._wait(lambda: len(self._states) >= self._sent, "the states")
        reference = {variant: statistics.median(
            median for key, median in self._medians.items()
            if self._states[key].variant == variant)
            for variant in (DepthState.INDOOR, DepthState.OUTDOOR)}
        ratio = reference[DepthState.OUTDOOR] / reference[DepthState.INDOOR]
        wrong = sum(abs(median / reference[self._states[key].variant] - 1) > _TOLERANCE
                    for key, median in self._medians.items())
        for spinner in self._spinners:
            spinner.stop()
        return {"switches": switches, "switch_ms": statistics.median(times),
                "switch_frames": len(self._medians),
                "switch_frames_lost": self._sent - len(self._medians),
                "switch_frames_wrong_range": wrong, "switch_range_ratio": ratio,
                "switch_memory_growth_mb": grown_mib}

    def _ready(self) -> bool:
        return bool(self._node.state == "active" and self._client.service_is_ready()
                    and self._images.get_subscription_count()
                    and self._infos.get_subscription_count())

    def _send(self) -> None:
        from std_msgs.msg import Header

        from smolvlm_ros.ros import images
        from smolvlm_ros.ros.camera_info import from_camera_model
        from smolvlm_ros.ros.stamps import from_nanoseconds
        while not self._stop.is_set():
            self._sent += 1
            header = Header(stamp=from_nanoseconds(10**9 + self._sent * 10**8), frame_id="camera")
            self._infos.publish(from_camera_model(self._camera, header))
            self._images.publish(images.from_rgb(self._picture, header))
            self._wait(lambda: len(self._medians) >= self._sent, "a frame's depth")

    def _on_depth(self, message: Any) -> None:
        from smolvlm_ros.ros import images
        from smolvlm_ros.ros.stamps import to_nanoseconds
        depth_m = images.to_depth_m(message)
        self._medians[to_nanoseconds(message.header.stamp)] = float(np.nanmedian(depth_m))

    def _on_state(self, message: Any) -> None:
        from smolvlm_ros.ros.stamps import to_nanoseconds
        if message.header.frame_id:
            self._states[to_nanoseconds(message.header.stamp)] = message

    @staticmethod
    def _wait(condition: Any, what: str) -> None:
        end_s = time.monotonic() + _WAIT_S
        while not condition():
            if time.monotonic() > end_s:
                raise TimeoutError(f"waited {_WAIT_S:g} s for {what}")
            time.sleep(0.002)

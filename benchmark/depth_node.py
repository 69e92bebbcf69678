"""What the depth node does around its network, from message to message, on one core."""
from __future__ import annotations

import contextlib
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.domain import own_domain
from smolvlm_ros.depth import depth_anything
from smolvlm_ros.models.depth_metadata import DepthMetadata

_SETTLE = 3              # first frames, which fill caches
_VIEW = (640, 480)
_NS = 1_000_000_000


@dataclass
class _GivenNetwork:
    """Stands where the network is: the answers are made beforehand and cost nothing."""

    metadata: DepthMetadata
    answers: list[NDArray[np.float32]]
    path: Path = Path("given.onnx")
    provider: str = "cpu"
    backend: str = "none"
    notes: tuple[str, ...] = ()
    self_check: str = ""
    asked: int = field(default=0)

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked += 1
        return self.answers[(self.asked - 1) % len(self.answers)]

    def close(self) -> None:
        """Nothing to free."""


def rows(frames: int, sizes: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    """Processor time of a frame of 640x480, all threads, without the network.

    Taken in are: the message to an array, resize and normalise, the checks and units, upsampling,
    the stabiliser, the messages and their publishing to a subscriber. The frames are of a moving
    camera in the embedded world.

    Args:
        frames: measured, by network size.
        sizes: (height, width) of the network's input.

    Returns:
        The median by network size and the largest of these; nothing where there is no ROS.
    """
    try:
        import rclpy
        from smolvlm_ros.msg import DepthState  # noqa: F401
    except ImportError:
        print("no ROS 2 here: no overhead_ms rows", file=sys.stderr)
        return {}
    with contextlib.ExitStack() as stack:
        stack.callback(cv2.setNumThreads, cv2.getNumThreads())
        cv2.setNumThreads(1)
        own_domain(stack)
        rclpy.init()
        stack.callback(rclpy.shutdown)
        found = {f"overhead_ms_640x480_at_{size[0]}": _measure(frames, size) for size in sizes}
    return {**found, "overhead_ms_640x480": max(found.values())}


def _measure(frames: int, size: tuple[int, int]) -> float:
    import rclpy
    from rclpy.parameter import Parameter
    from sensor_msgs.msg import Image

    from smolvlm_ros.nodes.depth import DepthNode

    pairs, answers = _frames(frames, size)
    network = _GivenNetwork(DepthMetadata(
        variant="indoor", max_depth_m=20.0, depth_estimation_type="metric", height=size[0],
        width=size[1], licence="Apache-2.0", source="given"), answers)
    with patch.object(depth_anything, "open_network", lambda config: network):
        node = DepthNode(parameter_overrides=[Parameter("autostart", value=False)])
        listener = rclpy.create_node("depth_benchmark")
        try:
            node.trigger_configure()
            node.trigger_activate()
            if node.state != "active":
                raise RuntimeError(f"the depth node is {node.state}")
            listener.create_subscription(Image, "depth/image_rect", lambda message: None, 10)
            times = []
            for pair in pairs:
                begin_s = time.process_time()
                node._estimate(pair)
                times.append(1e3 * (time.process_time() - begin_s))
        finally:
            listener.destroy_node()
            node.close()
    if network.asked != len(pairs):
        raise RuntimeError(f"{network.asked} of {len(pairs)} frames reached the network")
    return statistics.median(times[_SETTLE:])


def _frames(count: int, size: tuple[int, int]
            ) -> tuple[list[tuple[Any, Any]], list[NDArray[np.float32]]]:
    """Image and calibration as messages, and what a network of that size would say."""
    from std_msgs.msg import Header

    from smolvlm_ros.camera import CameraModel
    from smolvlm_ros.ros import images
    from smolvlm_ros.ros.camera_info import from_camera_model
    from smolvlm_ros.ros.stamps import from_nanoseconds
    from smolvlm_ros.world import World

    world = World("room", 900, camera="drone", duration_s=30.0)
    random = np.random.default_rng(0)
    camera = CameraModel.from_fov(*_VIEW, 60.0)
    pairs, answers = [], []
    for index in range(count + _SETTLE):
        frame = world.frame(index)
        image = cv2.resize(frame.image_rgb, _VIEW)
        header = Header(stamp=from_nanoseconds(_NS + index * _NS // 10), frame_id="camera")
        pairs.append((images.from_rgb(np.asarray(image, np.uint8), header),
                      from_camera_model(camera, header)))
        depth = np.nan_to_num(frame.depth_m, nan=20.0, posinf=20.0)
        small = cv2.resize(depth, size[::-1], interpolation=cv2.INTER_NEAREST)
        answers.append(np.asarray(small * np.exp(random.normal(0, 0.05)), np.float32).clip(0, 20))
    return pairs, answers

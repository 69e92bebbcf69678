"""A video_source with a listener for all that it publishes, and small sources to play."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from peer import LATCHED, Peer, fresh_namespace, running, textured, wait_for
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from smolvlm_ros.nodes.video_source import VideoSourceNode
from smolvlm_ros.ros.stamps import to_nanoseconds

PICTURE = cv2.GaussianBlur(textured(48, 64), (0, 0), 2)
CALIBRATION = """
image_width: 128
image_height: 96
camera_matrix: {rows: 3, cols: 3, data: [100.0, 0, 63.5, 0, 101.0, 47.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.1, 0.01, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [90.0, 0, 63.5, -9.0, 0, 91.0, 47.5, 0, 0, 0, 1, 0]}
"""


class Screen:
    """Listens to all that a video_source publishes; it has not begun to play."""

    def __init__(self, peer: Peer, node: VideoSourceNode) -> None:
        self.peer, self.node = peer, node
        self.images: list[Image] = peer.listen("image_raw", Image)
        self.compressed: list[CompressedImage] = peer.listen("image_raw/compressed",
                                                             CompressedImage)
        self.infos: list[CameraInfo] = peer.listen("camera_info", CameraInfo)
        self.depths: list[Image] = peer.listen("source/depth/image_rect", Image)
        self.depth_infos: list[CameraInfo] = peer.listen("source/depth/camera_info", CameraInfo)
        self.finished: list[Bool] = peer.listen("video_source/finished", Bool, LATCHED)
        self.moving: list[TFMessage] = peer.listen("/tf", TFMessage, matched=False)
        self.fixed: list[TFMessage] = peer.listen("/tf_static", TFMessage, LATCHED, matched=False)

    def start(self) -> Any:
        return self.peer.call("video_source/start", Trigger, Trigger.Request())

    def stop(self) -> Any:
        return self.peer.call("video_source/stop", Trigger, Trigger.Request())

    def play(self) -> None:
        """Start, and wait for the end and for all that came before it."""
        assert self.start().success
        wait_for(lambda: self.finished and self.finished[-1].data, "the end")
        sent = self.node.stats.counters().get("frames", 0)
        wait_for(lambda: len(self.images) + len(self.compressed) >= sent <= len(self.infos),
                 f"{sent} frames with their camera_info")

    def transforms(self, kind: list[TFMessage]) -> list[Any]:
        return [t for message in tuple(kind) for t in message.transforms]


@contextmanager
def screen(source: Path | str, **parameters: Any) -> Iterator[Screen]:
    namespace = fresh_namespace()
    values = {"source": str(source), "start_paused": True, "rate": 10.0, "image_qos__depth": 100,
              **parameters}
    with Peer(namespace) as peer, running(VideoSourceNode, namespace, **values) as node:
        yield Screen(peer, node)


def change(peer: Peer, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(peer.call("video_source/change_state", ChangeState, request).success)


def stamps_ns(messages: list[Any]) -> list[int]:
    return [to_nanoseconds(m.header.stamp) for m in messages]


def write_bag(path: Path, entries: list[tuple[str, str, Callable[[Any], Any]]]) -> Path:
    """A recording by rosbags: topic, type, and what makes the message from the types; at 10 Hz."""
    pytest.importorskip("rosbags", reason="the recording is written with rosbags")
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for index, (topic, kind, make) in enumerate(entries):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            message = make(store.types)
            writer.write(connections[topic], 10**18 + index * 10**8,
                         store.serialize_cdr(message, kind))
    return path


def recorded_header(types: Any, stamp_ns: int) -> Any:
    time_type = types["builtin_interfaces/msg/Time"]
    return types["std_msgs/msg/Header"](time_type(stamp_ns // 10**9, stamp_ns % 10**9),
                                        "rear_optical")


def recorded_image(stamp_ns: int) -> tuple[str, str, Callable[[Any], Any]]:
    kind = "sensor_msgs/msg/Image"
    data = np.arange(2 * 9, dtype=np.uint8)
    return "/rear/image_raw", kind, lambda types: types[kind](
        recorded_header(types, stamp_ns), 2, 4, "mono16", 1, 9, data)


def recorded_jpeg(stamp_ns: int, data: bytes) -> tuple[str, str, Callable[[Any], Any]]:
    kind = "sensor_msgs/msg/CompressedImage"
    return "/rear/image_raw/compressed", kind, lambda types: types[kind](
        recorded_header(types, stamp_ns), "jpeg", np.frombuffer(data, np.uint8))


def recorded_info(stamp_ns: int) -> tuple[str, str, Callable[[Any], Any]]:
    kind = "sensor_msgs/msg/CameraInfo"
    k = np.array([9.0, 0, 1.5, 0, 9.0, 0.5, 0, 0, 1])
    return "/rear/camera_info", kind, lambda types: types[kind](
        recorded_header(types, stamp_ns), 2, 4, "plumb_bob", np.array([0.1, 0, 0, 0, 0]), k,
        np.eye(3).ravel(), np.arange(12.0), 1, 1,
        types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False))

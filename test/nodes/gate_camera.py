"""A camera before a gate node under test: sends frames, keeps what the gate says and passes on."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from peer import Peer, fresh_namespace, running, stamp, textured, wait_for
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from smolvlm_ros.msg import GateState
from std_msgs.msg import Header

from smolvlm_ros.nodes.gate import GateNode
from smolvlm_ros.ros import images

_stamps = itertools.count(1_700_000_000_123_456_789, 100_000_001)
SCENE = cv2.GaussianBlur(textured(96, 128), (0, 0), 3)


class Camera:
    """Sends frames to a gate, and keeps what the gate says and passes on."""

    def __init__(self, peer: Peer, node: GateNode, compressed: bool = False) -> None:
        self.peer, self.node = peer, node
        self.topic = "image/compressed" if compressed else "image"
        kind = CompressedImage if compressed else Image
        self.states: list[GateState] = peer.listen("gate/state", GateState)
        self.passed: list[Any] = peer.listen(f"gate/{self.topic}", kind)
        self.infos: list[CameraInfo] = peer.listen("gate/camera_info", CameraInfo)

    def send(self, message: Any) -> GateState:
        """Send a message; the gate's decision on it."""
        self.peer.send(self.topic, message)
        return wait_for(lambda: next((s for s in self.states if s.header == message.header), None),
                        f"the state of {message.header.stamp}")

    def show(self, image: np.ndarray, at: int | None = None, encoding: str = "rgb8") -> GateState:
        """Send an image, at a stamp or at the next one."""
        return self.send(images.from_rgb(image, header(at), encoding))

    def has_passed(self, message: Any) -> Any:
        """Wait for a message on the gate's output."""
        return wait_for(lambda: next((p for p in self.passed if p.header == message.header), None),
                        "the frame that passed")


def header(at: int | None = None) -> Header:
    return Header(stamp=stamp(next(_stamps) if at is None else at), frame_id="front_optical")


@contextmanager
def camera(compressed: bool = False, **parameters: Any) -> Iterator[Camera]:
    namespace = fresh_namespace()
    defaults = {"image_qos__reliability": "reliable", "image_qos__depth": 20,
                "camera_lost_after_s": 60.0, "camera_late_after_s": 0.0,
                "image_transport": "compressed" if compressed else "raw"}
    values = {**defaults, **parameters}
    with Peer(namespace) as peer, running(GateNode, namespace, **values) as node:
        yield Camera(peer, node, compressed)


def scene(seed: int) -> np.ndarray:
    """The scene under a sensor's noise."""
    noise = np.random.default_rng(seed).normal(0, 1, SCENE.shape)
    return np.clip(SCENE + noise, 0, 255).astype(np.uint8)

"""The gate's part for tests of the depth node, and networks of known answers."""
from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from depth_checkpoints import SIZE, formula_onnx
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from peer import LATCHED, Peer, fresh_namespace, running, stamp, wait_for
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from smolvlm_ros.msg import DepthState
from smolvlm_ros.srv import SetDepthScene
from std_msgs.msg import Header

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.nodes.depth import DepthNode
from smolvlm_ros.ros import depth_scenes, images
from smolvlm_ros.ros.camera_info import from_camera_model

_stamps = itertools.count(1_700_000_000_123_456_789, 100_000_001)
HEIGHT, WIDTH = SIZE
# Hypersim's camera, which the indoor network needs no correction for.
CAMERA = CameraModel(1024, 768, 887.0, 887.0, 511.5, 383.5).scaled(WIDTH, HEIGHT)
SLOPE = np.broadcast_to(np.linspace(0, 180, WIDTH)[None, :, None],
                        (HEIGHT, WIDTH, 3)).astype(np.uint8)
Request = SetDepthScene.Request


class Gate:
    """Plays the gate's part, and keeps the depth that comes."""

    def __init__(self, peer: Peer, node: DepthNode) -> None:
        self.peer, self.node = peer, node
        self.depths: list[Image] = peer.listen("depth/image_rect", Image)
        self.infos: list[CameraInfo] = peer.listen("depth/camera_info", CameraInfo)
        self.states: list[DepthState] = peer.listen("depth/state", DepthState, LATCHED)

    def send(self, image: np.ndarray = SLOPE, camera: CameraModel | None = CAMERA,
             header: Header | None = None, rectified: CameraModel | None = None) -> Header:
        """Send a frame with its calibration; None for a camera that has none.

        Args:
            image: shape (H, W, 3) uint8.
            camera: K and D, and P where `rectified` gives no other.
            header: of the frame, or a fresh one.
            rectified: P.
        """
        header = header or fresh()
        info = (CameraInfo(width=image.shape[1], height=image.shape[0]) if camera is None
                else from_camera_model(camera, header))
        info.header = header
        if rectified is not None:
            info.p = from_camera_model(rectified, header).p
        self.peer.send("gate/camera_info", info)
        self.peer.send("gate/image", images.from_rgb(image, header))
        return header

    def depth(self, header: Header) -> np.ndarray:
        """Wait for the depth of a frame, in metres."""
        message = wait_for(lambda: next((d for d in self.depths if d.header == header), None),
                           f"depth of {header.stamp}")
        return images.to_depth_m(message)

    def look(self, **options: Any) -> np.ndarray:
        """Send a frame; its depth."""
        return self.depth(self.send(**options))

    def info(self, header: Header) -> CameraInfo:
        return wait_for(lambda: next((i for i in self.infos if i.header == header), None),
                        "its camera_info")

    def set_scene(self, scene: int) -> Any:
        return self.peer.call("depth/set_scene", SetDepthScene, Request(scene=scene))

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self.peer.call("depth/change_state", ChangeState, request).success)

    def set(self, **values: Any) -> None:
        results = self.node.set_parameters([Parameter(name.replace("__", "."), value=value)
                                            for name, value in values.items()])
        assert all(result.successful for result in results), results

    def state(self, header: Header) -> DepthState:
        """What made the depth of a frame."""
        return wait_for(lambda: next((s for s in self.states if s.header == header), None),
                        f"the state of {header.stamp}")


def fresh() -> Header:
    return Header(stamp=stamp(next(_stamps)), frame_id="front_optical")


@contextmanager
def gate(**parameters: Any) -> Iterator[Gate]:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(DepthNode, namespace, **parameters) as node:
        yield Gate(peer, node)


class SlowLoading:
    """Holds up the loading of models once `begin` is called, until `go` is set."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self.go, self.loading = threading.Event(), threading.Event()
        self.go.set()
        self.closed: list[str] = []

    def begin(self) -> None:
        self.go.clear()

    def make(self, config: Any) -> Any:
        if not self.go.is_set():
            self.loading.set()
            assert self.go.wait(30.0)
        made = self._make(config)
        close = made.close

        def note() -> None:
            self.closed.append(config.scene)
            close()
        made.close = note
        return made


@pytest.fixture
def slow_loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowLoading]:
    slow = SlowLoading(depth_scenes.make_estimator)
    monkeypatch.setattr(depth_scenes, "make_estimator", slow.make)
    yield slow
    slow.go.set()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Parameters that name an indoor and an outdoor network of known answers."""
    pytest.importorskip("onnxruntime", reason="the network runs on it")
    folder = tmp_path_factory.mktemp("models")
    indoor = formula_onnx(folder / "indoor.onnx")
    outdoor = formula_onnx(folder / "outdoor.onnx", {"variant": "outdoor", "max_depth_m": 80.0})
    return {"model_indoor": str(indoor), "model_outdoor": str(outdoor), "num_threads": 1}

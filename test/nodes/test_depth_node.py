"""Depth over DDS: a network of known answers, flat ground, switching, and what is wrong is told."""
from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from depth_checkpoints import SIZE, formula_depth, formula_onnx  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import Peer, fresh_namespace, running, stamp, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from smolvlm_ros.srv import SetDepthScene  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.models.embedded import WORLD_FRAME_ID  # noqa: E402
from smolvlm_ros.nodes import depth as depth_module  # noqa: E402
from smolvlm_ros.nodes.depth import DepthNode  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.camera_info import from_camera_model, to_camera_model  # noqa: E402

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

    def send(self, image: np.ndarray = SLOPE, camera: CameraModel | None = CAMERA,
             header: Header | None = None) -> Header:
        """Send a frame with its calibration; None for a camera that has none."""
        header = header or fresh()
        info = (CameraInfo(width=image.shape[1], height=image.shape[0]) if camera is None
                else from_camera_model(camera, header))
        info.header = header
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


def fresh() -> Header:
    return Header(stamp=stamp(next(_stamps)), frame_id="front_optical")


@contextmanager
def gate(**parameters: Any) -> Iterator[Gate]:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(DepthNode, namespace, **parameters) as node:
        yield Gate(peer, node)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Parameters that name an indoor and an outdoor network of known answers."""
    pytest.importorskip("onnxruntime", reason="the network runs on it")
    folder = tmp_path_factory.mktemp("models")
    indoor = formula_onnx(folder / "indoor.onnx")
    outdoor = formula_onnx(folder / "outdoor.onnx", {"variant": "outdoor", "max_depth_m": 80.0})
    return {"model_indoor": str(indoor), "model_outdoor": str(outdoor), "num_threads": 1}


class TestNetwork:
    def test_depth_is_metres_under_the_frames_header(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            header = funnel.send()
            depth_m = funnel.depth(header)
            assert funnel.depths[0].encoding == "32FC1" and depth_m.shape == SIZE
            np.testing.assert_allclose(depth_m, formula_depth(SLOPE, 20.0), rtol=0.02)
            assert to_camera_model(funnel.info(header)) == CAMERA
            _, _, values = funnel.peer.await_status(
                "depth", lambda level, _, values: level == 0 and values["frames"] == "1", "health")
            assert (values["variant"], values["max_depth_m"], values["checkpoint"]) == (
                "indoor", "20.0", "indoor.onnx")
            assert float(values["focal_scale"]) == pytest.approx(1.0, abs=1e-3)
            assert {"depth_p50_ms", "depth_p95_ms", "depth_p99_ms", "depth_model_p50_ms"} <= set(
                values)

    def test_the_focal_length_scales_the_metres_and_the_range(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            tele = CameraModel(WIDTH, HEIGHT, 2 * CAMERA.fx, 2 * CAMERA.fy, 48.5, 34.5)
            plain, corrected = funnel.look(), funnel.look(camera=tele)
            np.testing.assert_allclose(corrected, 2 * plain, rtol=1e-3)
            funnel.peer.await_status("depth", lambda *s: s[2]["range_m"].startswith("40"), "range")
            funnel.set(focal_correction=False)
            np.testing.assert_allclose(funnel.look(camera=tele), plain, rtol=1e-3)

    def test_a_smaller_depth_image_has_its_own_calibration(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            funnel.look()
            funnel.set(output_scale=0.5)
            header = funnel.send()
            assert funnel.depth(header).shape == (HEIGHT // 2, WIDTH // 2)
            camera = to_camera_model(funnel.info(header))
            assert camera == CAMERA.scaled(WIDTH // 2, HEIGHT // 2)

    def test_an_uncalibrated_camera_gets_depth_and_a_warning(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            header = funnel.send(camera=None)
            np.testing.assert_allclose(funnel.depth(header), formula_depth(SLOPE, 20.0), rtol=0.02)
            info = funnel.info(header)
            assert (info.width, info.height) == (WIDTH, HEIGHT) and not any(info.k)
            funnel.peer.await_status("depth", lambda level, text, _: level == 1
                                     and "gate/camera_info is not calibrated" in text, "a warning")

    def test_no_torch_in_the_process(self, models: dict[str, Any]) -> None:
        script = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}
import rclpy
rclpy.init()
from test_depth_node import gate
with gate(**{models!r}) as funnel:
    funnel.look()
print("loaded:", sorted({{"torch", "transformers"}} & set(sys.modules)))
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.stdout.strip() == "loaded: []", done.stdout + done.stderr


class TestSwitching:
    def test_indoor_and_outdoor(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            near = funnel.look()
            answer = funnel.set_scene(Request.OUTDOOR)
            assert answer.success and answer.message == "outdoor is active"
            assert (answer.active, answer.max_depth_m) == (Request.OUTDOOR, 80.0)
            # four times the range; the outdoor network's training camera was another
            scale = (CAMERA.fx / CAMERA.width) / (725.0 / 1242.0)
            np.testing.assert_allclose(funnel.look(), 4 * scale * near, rtol=1e-3)
            assert funnel.node.settings.scene == "outdoor"
            assert funnel.node.get_parameter("scene").value == "outdoor"
            assert funnel.set_scene(Request.OUTDOOR).success  # it is that already
            assert funnel.set_scene(Request.INDOOR).success
            np.testing.assert_allclose(funnel.look(), near)
            assert funnel.node.stats.counters()["switches"] == 2

    @pytest.mark.parametrize(("changes", "scene", "words"), [
        ({"model_outdoor": ""}, Request.AUTO, "AUTO needs both variants"),
        ({}, 99, "scene = 99 is not one of INDOOR (1), OUTDOOR (2), AUTO (3)"),
        ({"model_outdoor": ""}, Request.OUTDOOR, "model_outdoor"),
        ({"model_outdoor": "/nowhere/a.onnx"}, Request.OUTDOOR, "/nowhere/a.onnx"),
        # a file of the other variant: its range does not fit
        ({"model_outdoor": None}, Request.OUTDOOR, "indoor"),
    ])
    def test_refusals_say_why_and_change_nothing(self, changes: dict[str, Any], scene: int,
                                                 words: str, models: dict[str, Any]) -> None:
        changes = {k: models["model_indoor"] if v is None else v for k, v in changes.items()}
        with gate(**{**models, **changes}) as funnel:
            near = funnel.look()
            answer = funnel.set_scene(scene)
            assert not answer.success and words in answer.message
            assert (answer.active, answer.max_depth_m) == (Request.INDOOR, 20.0)
            np.testing.assert_allclose(funnel.look(), near)

    def test_flat_ground_has_no_variants(self) -> None:
        with gate(estimator="ground_plane") as funnel:
            answer = funnel.set_scene(Request.OUTDOOR)
            assert not answer.success and "ground_plane has no variants" in answer.message
            assert answer.active == 0

    def test_under_load_no_frame_is_lost_and_every_range_is_right(
            self, models: dict[str, Any], slow_loading: SlowLoading) -> None:
        with gate(**models) as funnel:
            near = funnel.look()
            slow_loading.begin()
            answer = funnel.peer.call_async("depth/set_scene", SetDepthScene,
                                            Request(scene=Request.OUTDOOR))
            assert slow_loading.loading.wait(10.0)
            ratios = [np.median(funnel.look() / near) for _ in range(5)]
            assert ratios == pytest.approx([1.0] * 5)  # the old one works on meanwhile
            slow_loading.go.set()
            while not answer.done() or len(ratios) < 12:
                ratios.append(np.median(funnel.look() / near))
            assert answer.result().success
            far = 4 * (CAMERA.fx / CAMERA.width) / (725.0 / 1242.0)
            switched = next(i for i, ratio in enumerate(ratios) if ratio > 1.5)
            assert ratios == pytest.approx([1.0] * switched + [far] * (len(ratios) - switched),
                                           rel=1e-3)
            assert funnel.node._worker.counts.replaced == 0
            assert funnel.node._worker.counts.failed == 0

    @pytest.mark.parametrize("preload", [False, True])
    def test_auto_follows_the_view(self, preload: bool, models: dict[str, Any]) -> None:
        bright_above = SLOPE.copy()
        bright_above[:HEIGHT // 2], bright_above[HEIGHT // 2:] = 255, 20
        dark = np.full_like(SLOPE, 10)
        with gate(**models, preload=preload, router__hold_s=0.3, router__rest_s=0.0) as funnel:
            said = funnel.set_scene(Request.AUTO).message
            assert said == "indoor is active, chosen from the view"
            for view, scene in ((bright_above, "outdoor"), (dark, "indoor")):
                for _ in range(200):
                    funnel.look(image=view)
                    if funnel.node.settings.scene == scene:
                        break
                assert funnel.node.settings.scene == scene
                funnel.peer.await_status(
                    "depth", lambda *s, want=scene: s[2].get("variant") == want, "the variant")
            assert funnel.node.stats.counters()["switches"] == 2
            assert funnel.set_scene(Request.INDOOR).success  # a planner's word ends it
            for _ in range(20):
                funnel.look(image=bright_above)
            assert funnel.node.settings.scene == "indoor"

    def test_preloaded_both_are_there_at_once(self, models: dict[str, Any],
                                              slow_loading: SlowLoading) -> None:
        with gate(**models, preload=True) as funnel:
            near = funnel.look()
            slow_loading.begin()  # nothing may be loaded any more
            for scene, factor in ((Request.OUTDOOR, 4.0), (Request.INDOOR, 1.0)) * 3:
                assert funnel.set_scene(scene).success
                got = float(np.median(funnel.look() / near))
                right = factor * ((CAMERA.fx / CAMERA.width) / (725.0 / 1242.0)
                                  if factor > 1 else 1.0)
                assert got == pytest.approx(right, rel=1e-3)
            assert not slow_loading.loading.is_set()

    def test_parameters_set_while_it_loads_are_kept(self, models: dict[str, Any],
                                                    slow_loading: SlowLoading) -> None:
        with gate(**models) as funnel:
            slow_loading.begin()
            answer = funnel.peer.call_async("depth/set_scene", SetDepthScene,
                                            Request(scene=Request.OUTDOOR))
            assert slow_loading.loading.wait(10.0)
            funnel.set(output_scale=0.5, focal_correction=False)
            slow_loading.go.set()
            wait_for(answer.done, "the answer")
            depth_m = funnel.look()
            assert depth_m.shape == (HEIGHT // 2, WIDTH // 2)
            assert np.median(depth_m) == pytest.approx(np.median(formula_depth(SLOPE, 80.0)),
                                                       rel=0.02)
            settings = funnel.node.settings
            assert (settings.scene, settings.output_scale) == ("outdoor", 0.5)

    def test_deactivated_while_it_loads_it_stays_what_it_was(self, models: dict[str, Any],
                                                             slow_loading: SlowLoading) -> None:
        with gate(**models) as funnel:
            near = funnel.look()
            slow_loading.begin()
            funnel.peer.call_async("depth/set_scene", SetDepthScene, Request(scene=Request.OUTDOOR))
            assert slow_loading.loading.wait(10.0)
            assert funnel.change(Transition.TRANSITION_DEACTIVATE)
            slow_loading.go.set()
            wait_for(lambda: slow_loading.closed, "the new model's end")
            assert funnel.node.settings.scene == "indoor"
            assert funnel.change(Transition.TRANSITION_ACTIVATE)
            np.testing.assert_allclose(funnel.look(), near)


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
    slow = SlowLoading(depth_module.make_estimator)
    monkeypatch.setattr(depth_module, "make_estimator", slow.make)
    yield slow
    slow.go.set()


class TestGround:
    CAMERA = CameraModel(64, 48, 60.0, 60.0, 31.5, 23.5)
    IMAGE = np.zeros((48, 64, 3), np.uint8)

    def at_bottom(self, height_m: float) -> float:
        """Depth of level ground in the last row, seen by a level camera."""
        return height_m * 60.0 / (47 - 23.5)

    def test_from_parameters_which_change_while_running(self) -> None:
        with gate(estimator="ground_plane", ground_plane__camera_height_m=0.5) as funnel:
            depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(0.5), rel=1e-5)
            assert np.isnan(depth_m[:24]).all()  # the sky
            assert np.isinf(depth_m[24]).all()  # beyond 20 m
            funnel.set(ground_plane__camera_height_m=1.0, ground_plane__max_range_m=1000.0)
            depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(1.0), rel=1e-5)
            assert depth_m[24] == pytest.approx(120.0, rel=1e-4)

    def test_from_tf_at_the_frames_stamp(self) -> None:
        # optical to ground: z forward is x, x right is -y, y down is -z
        level = (-0.5, 0.5, -0.5, 0.5)
        with gate(estimator="ground_plane", ground_frame="floor", tf_timeout_s=10.0) as funnel:
            stamps = [fresh() for _ in range(3)]
            for header, height_m in zip(stamps[::2], (0.5, 1.5), strict=True):
                funnel.peer.transform("floor", "front_optical", header.stamp,
                                      (3.0, 4.0, height_m), level)
            for header, height_m in zip(stamps, (0.5, 1.0, 1.5), strict=True):
                depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA, header=header)
                assert depth_m[47] == pytest.approx(self.at_bottom(height_m), rel=1e-4)
            funnel.set(ground_frame="", ground_plane__camera_height_m=0.25)
            depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(0.25), rel=1e-4)

    def test_without_tf_it_says_so_and_gives_nothing(self) -> None:
        with gate(estimator="ground_plane", ground_frame="floor", tf_timeout_s=0.05) as funnel:
            funnel.send(image=self.IMAGE, camera=self.CAMERA)
            funnel.peer.await_error("depth", "no transform from 'front_optical' to 'floor' at")
            header = fresh()
            funnel.peer.transform("floor", "front_optical", header.stamp, (0.0, 0.0, 1.0),
                                  (-0.5, 0.5, -0.5, 0.5), static=True)
            funnel.set(tf_timeout_s=10.0)
            funnel.look(image=self.IMAGE, camera=self.CAMERA, header=header)
            assert [d.header for d in funnel.depths] == [header]

    def test_a_camera_below_the_ground_is_refused(self) -> None:
        with gate(estimator="ground_plane", ground_frame="floor", tf_timeout_s=10.0) as funnel:
            header = fresh()
            funnel.peer.transform("floor", "front_optical", header.stamp, (0.0, 0.0, -1.0))
            funnel.send(image=self.IMAGE, camera=self.CAMERA, header=header)
            funnel.peer.await_error("depth", "height -1.0 m")

    def test_an_uncalibrated_camera_is_refused(self) -> None:
        with gate(estimator="ground_plane") as funnel:
            funnel.send(camera=None)
            funnel.peer.await_error("depth", "ground_plane needs the camera's CameraInfo")


class TestFaults:
    def test_a_calibration_of_another_size_is_told_and_the_next_frame_is_estimated(
            self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            bad = funnel.send(camera=CAMERA.scaled(2 * WIDTH, 2 * HEIGHT))
            funnel.peer.await_error("depth", "publish the two with the same size")
            good = funnel.send()
            funnel.depth(good)
            assert bad not in [d.header for d in funnel.depths + funnel.infos]

    def test_a_bad_encoding_is_told(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            header = fresh()
            funnel.peer.send("gate/camera_info", from_camera_model(CAMERA, header))
            message = images.from_rgb(SLOPE, header)
            message.encoding = "rgb9"
            funnel.peer.send("gate/image", message)
            funnel.peer.await_error("depth", "gate/image: encoding 'rgb9'")
            funnel.look()

    def test_frames_without_camera_info_of_their_stamp_are_an_error(self, models: dict[str, Any]
                                                                    ) -> None:
        with gate(**models, image_qos__depth=2) as funnel:
            funnel.peer.publisher("gate/camera_info", CameraInfo)
            for count in range(1, 4):
                funnel.peer.send("gate/image", images.from_rgb(SLOPE, fresh()))
                wait_for(lambda count=count: funnel.node.watches["gate/image"].count == count,
                         "the frame's arrival")
            funnel.peer.await_error("depth", "no stamp of the last 3 messages on gate/image has "
                                    "come on the other inputs")
            funnel.look()
            funnel.peer.await_status("depth", lambda level, *_: level == 0, "health")

    def test_a_recording_that_loops_goes_on(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            funnel.look()
            early = Header(stamp=stamp(5 * 10**9), frame_id="front_optical")
            funnel.depth(funnel.send(header=early))
            funnel.peer.await_status("depth", lambda *s: s[2]["time_jumps_back"] == "2", "a jump")

    @pytest.mark.parametrize("how", ["missing", "truncated", "none given", "noncommercial"])
    def test_a_model_that_cannot_be_used_is_refused_and_then_replaced(
            self, how: str, tmp_path: Path, models: dict[str, Any]) -> None:
        path = tmp_path / "model.onnx"
        words = str(path)
        if how == "truncated":
            path.write_bytes(Path(models["model_indoor"]).read_bytes()[:200])
        elif how == "noncommercial":
            formula_onnx(path, {"licence": "CC-BY-NC-4.0", "commercial": False})
            words = "CC-BY-NC-4.0"
        elif how == "none given":
            path, words = Path(""), "model_indoor"
        namespace = fresh_namespace()
        given = {"model_indoor": "" if how == "none given" else str(path)}
        with Peer(namespace) as peer, running(DepthNode, namespace, active=False, **given) as node:
            request = ChangeState.Request(
                transition=Transition(id=Transition.TRANSITION_CONFIGURE))
            assert not peer.call("depth/change_state", ChangeState, request).success
            peer.await_error("depth", "configure failed: ")
            assert words in peer.status("depth")[1]
            assert node.set_parameters([Parameter("model_indoor", value=models["model_indoor"])]
                                       )[0].successful
            assert peer.call("depth/change_state", ChangeState, request).success


class TestEmbedded:
    """A network of the embedded world, which knows no real camera."""

    def test_a_real_camera_is_refused_and_the_world_is_not(self, tmp_path: Path) -> None:
        pytest.importorskip("onnxruntime", reason="the network runs on it")
        model = formula_onnx(tmp_path / "world.onnx", {"source": "world-depth-indoor"})
        with gate(model_indoor=str(model), num_threads=1) as funnel:
            refused = funnel.send()
            _, text, values = funnel.peer.await_status(
                "depth", lambda level, text, _: level == 2 and "embedded world" in text, "health")
            assert "'front_optical'" in text and "models:=hub" in text
            world = Header(stamp=stamp(next(_stamps)), frame_id=WORLD_FRAME_ID)
            assert np.isfinite(funnel.look(header=world)).all()
            # Nothing was said about the other: no empty depth, no depth of nonsense.
            assert all(d.header != refused for d in funnel.depths)

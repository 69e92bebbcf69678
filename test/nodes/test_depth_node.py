"""Depth over DDS: a network of known answers, and what is wrong is told."""
from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

import depth_bench  # noqa: E402
from depth_bench import CAMERA, HEIGHT, SLOPE, WIDTH, fresh, gate  # noqa: E402
from depth_checkpoints import SIZE, formula_depth, formula_onnx  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import Peer, fresh_namespace, running, stamp, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.depth import DepthConfig, DepthInfo, DepthMap  # noqa: E402
from smolvlm_ros.models.embedded import WORLD_FRAME_ID  # noqa: E402
from smolvlm_ros.nodes.depth import DepthNode  # noqa: E402
from smolvlm_ros.ros import depth_scenes, images  # noqa: E402
from smolvlm_ros.ros.camera_info import from_camera_model, to_camera_model  # noqa: E402

models = depth_bench.models


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

    def test_of_rectified_images_p_is_the_camera(self, models: dict[str, Any]) -> None:
        wide = CameraModel(WIDTH, HEIGHT, CAMERA.fx / 2, CAMERA.fy / 2, 48.5, 34.5,
                           (-0.3, 0.1, 0.0, 0.0, 0.0), "plumb_bob")
        with gate(rectified=True, **models) as funnel:
            header = funnel.send(camera=wide, rectified=CAMERA)
            np.testing.assert_allclose(funnel.depth(header), formula_depth(SLOPE, 20.0), rtol=0.02)
            assert to_camera_model(funnel.info(header), rectified=True) == CAMERA
            funnel.look(camera=None)
            funnel.peer.await_status("depth", lambda level, text, _: level == 1
                                     and "not calibrated (P of zeros)" in text, "a warning")

    def test_a_raw_image_s_p_is_its_own_and_a_lens_that_distorts_is_told(
            self, models: dict[str, Any]) -> None:
        # P is what image_proc would rectify to: of an image that nobody rectified it is wrong.
        wide = CameraModel(WIDTH, HEIGHT, CAMERA.fx, CAMERA.fy, 48.5, 34.5,
                           (-0.33, 0.11, 0.0, 0.0, 0.0), "plumb_bob")
        with gate(**models) as funnel:
            info = funnel.info(funnel.send(camera=wide, rectified=CAMERA))
            assert to_camera_model(info) == wide
            assert to_camera_model(info, rectified=True).camera_matrix == pytest.approx(
                wide.camera_matrix)
            funnel.peer.await_status("depth", lambda level, text, _: level == 1 and
                                     "depth/image_rect is not rectified" in text, "a warning")

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
from depth_bench import gate
with gate(**{models!r}) as funnel:
    funnel.look()
print("loaded:", sorted({{"torch", "transformers"}} & set(sys.modules)))
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.stdout.strip() == "loaded: []", done.stdout + done.stderr


class VideoModel:
    """An estimator that keeps state over a video, and is told when to forget."""

    max_gap_s = 1.0

    def __init__(self, config: DepthConfig) -> None:
        self.info = DepthInfo("video", None, 10.0)
        self.told: list[str] = []

    def estimate(self, image_rgb: Any, camera: Any, stamp_s: float) -> DepthMap:
        self.told.append("image")
        return DepthMap(np.ones(image_rgb.shape[:2], np.float32), camera, self.info)

    def reset(self, why: str) -> None:
        self.told.append(why)

    def configure(self, config: DepthConfig) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_model_of_a_whole_video_is_told_when_it_has_to_forget(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth_scenes, "make_estimator", VideoModel)
    with gate() as funnel:
        def look(second: float, scale: int = 1) -> None:
            header = Header(stamp=stamp(int(second * 1e9)), frame_id="front_optical")
            funnel.look(image=np.repeat(SLOPE, scale, 1), header=header,
                        camera=CAMERA.scaled(scale * WIDTH, HEIGHT))
        for second in (100.0, 100.9, 101.8, 103.8):
            look(second)
        look(104.0, scale=2)
        look(104.2, scale=2)
        look(50.0, scale=2)
        assert funnel.node._scenes.estimator.told == [
            "activated", "image", "image", "image", "no image for 2.000 s", "image",
            f"images are {2 * WIDTH}x{HEIGHT} now and were {WIDTH}x{HEIGHT}", "image", "image",
            "time went back by 54.200 s", "image"]


def test_a_frame_that_outlives_the_activation_is_not_told_in_the_next_one(
        monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    class Stuck(VideoModel):
        def estimate(self, image_rgb: Any, camera: Any, stamp_s: float) -> DepthMap:
            begun.set()
            assert go.wait(30.0)
            return super().estimate(image_rgb, camera, stamp_s)
    monkeypatch.setattr(depth_scenes, "make_estimator", Stuck)
    monkeypatch.setattr(depth_scenes, "_SWITCH_S", 0.05)
    with gate() as funnel:
        funnel.node._patience_s = 0.05
        old = funnel.send()
        assert begun.wait(15.0)
        worker = funnel.node._worker
        assert funnel.change(Transition.TRANSITION_DEACTIVATE)
        assert funnel.change(Transition.TRANSITION_ACTIVATE)
        go.set()
        wait_for(lambda: worker.busy_since_s is None, "the old worker's end")
        new = funnel.send()
        funnel.depth(new)
        assert [d.header for d in funnel.depths] == [new]
        assert old not in [s.header for s in funnel.states]
        assert "callback_errors" not in funnel.node.stats.counters()


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

    @pytest.mark.parametrize(("how", "words"), [
        ("truncated", "is truncated"), ("pickled", "pickle"),
        ("other architecture", "'dpt', expected depth_anything")])
    def test_a_checkpoint_that_cannot_be_used_is_refused_and_then_replaced(
            self, how: str, words: str, tmp_path: Path, models: dict[str, Any]) -> None:
        kind = "dpt" if how == "other architecture" else "depth_anything"
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
        header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
        weights = struct.pack("<Q", len(header)) + header + bytes(16)
        if how == "pickled":
            (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"a": [1.0]}))
        else:
            cut = -8 if how == "truncated" else None
            (tmp_path / "model.safetensors").write_bytes(weights[:cut])
        self.refused_and_then_replaced(str(tmp_path), words, models)

    @pytest.mark.parametrize("how", ["missing", "truncated", "pickled", "other architecture",
                                     "other variant", "none given", "noncommercial"])
    def test_a_model_that_cannot_be_used_is_refused_and_then_replaced(
            self, how: str, tmp_path: Path, models: dict[str, Any]) -> None:
        path = tmp_path / "model.onnx"
        words = str(path)
        if how == "truncated":
            path.write_bytes(Path(models["model_indoor"]).read_bytes()[:200])
        elif how == "pickled":
            path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
            words = "is a pickle"
        elif how == "other architecture":
            formula_onnx(path, channels=4)
            words = "(1, 4, 70, 98)"
        elif how == "other variant":
            formula_onnx(path, {"variant": "outdoor", "max_depth_m": 80.0})
            words = "outdoor variant with a range of 80 m"
        elif how == "noncommercial":
            formula_onnx(path, {"licence": "CC-BY-NC-4.0", "commercial": False})
            words = "CC-BY-NC-4.0"
        elif how == "none given":
            path, words = Path(""), "model_indoor"
        self.refused_and_then_replaced("" if how == "none given" else str(path), words, models)

    @staticmethod
    def refused_and_then_replaced(model: str, words: str, models: dict[str, Any]) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(DepthNode, namespace, active=False,
                                              model_indoor=model) as node:
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
            world = Header(stamp=fresh().stamp, frame_id=WORLD_FRAME_ID)
            assert np.isfinite(funnel.look(header=world)).all()
            # Nothing was said about the other: no empty depth, no depth of nonsense.
            assert all(d.header != refused for d in funnel.depths)

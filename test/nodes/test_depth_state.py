"""What made each depth image, told with it; and a planner's hint for the choice of the variant."""
from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

import depth_bench  # noqa: E402
from depth_bench import CAMERA, HEIGHT, SLOPE, WIDTH, Request, fresh, gate  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from peer import LATCHED, Peer, stamp, wait_for  # noqa: E402
from smolvlm_ros.msg import DepthState, SceneHint  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_nanoseconds  # noqa: E402

models = depth_bench.models


def late_joiner(namespace: str, wanted: Callable[[DepthState], bool]) -> DepthState:
    """What somebody hears who begins to listen now; several are kept, and the oldest comes first.

    Raises:
        AssertionError: the last one is not the wanted one.
    """
    with Peer(namespace) as late:
        heard = late.listen("depth/state", DepthState, LATCHED)
        return wait_for(lambda: next((s for s in heard[-1:] if wanted(s)), None),
                        "the wanted state as the last one")


class TestState:
    def test_every_image_has_one_under_its_header(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            tele = CameraModel(WIDTH, HEIGHT, 2 * CAMERA.fx, 2 * CAMERA.fy, 48.5, 34.5)
            header = funnel.send(camera=tele)
            funnel.depth(header)
            state = funnel.state(header)
            assert (state.estimator, state.variant, state.auto_scene) == (
                "depth_anything_v2", DepthState.INDOOR, False)
            assert (state.backend, state.provider, state.precision) == ("onnxruntime", "cpu",
                                                                        "fp32")
            assert (state.input_height, state.input_width) == (HEIGHT, WIDTH)
            assert (state.checkpoint, state.source, state.licence) == (
                "indoor.onnx", "formula", "Apache-2.0")
            assert state.max_depth_m == 20.0
            assert state.focal_scale == pytest.approx(2.0, rel=1e-3)
            assert state.range_m == pytest.approx(40.0, rel=1e-3)
            assert funnel.set_scene(Request.OUTDOOR).success
            header = funnel.send()
            funnel.depth(header)
            state = funnel.state(header)
            assert (state.variant, state.max_depth_m) == (DepthState.OUTDOOR, 80.0)

    def test_a_late_joiner_knows_what_works_before_any_image(self, models: dict[str, Any]) -> None:
        with gate(**models) as funnel:
            namespace = funnel.peer.namespace
            state = late_joiner(namespace, lambda s: not s.header.frame_id)
            assert state.variant == DepthState.INDOOR
            assert to_nanoseconds(state.header.stamp) > 0
            header = funnel.send()
            funnel.depth(header)
            late_joiner(namespace, lambda s: s.header == header)
            # A closed gate: no image comes after the change, and the state tells it all the same.
            assert funnel.set_scene(Request.OUTDOOR).success
            state = late_joiner(namespace, lambda s: s.variant == DepthState.OUTDOOR)
            assert (state.max_depth_m, state.header.frame_id) == (80.0, "")
            assert funnel.change(Transition.TRANSITION_DEACTIVATE)
            assert funnel.change(Transition.TRANSITION_ACTIVATE)
            late_joiner(namespace, lambda s: s.variant == DepthState.OUTDOOR)

    def test_flat_ground_has_one_too(self) -> None:
        with gate(estimator="ground_plane", ground_plane__max_range_m=12.0) as funnel:
            header = funnel.send()
            funnel.depth(header)
            state = funnel.state(header)
            assert (state.estimator, state.variant, state.range_m) == (
                "ground_plane", DepthState.NONE, 12.0)
            assert (state.backend, state.provider, state.checkpoint) == ("", "none", "")


class TestHint:
    DARK = np.full_like(SLOPE, 10)

    def hint(self, funnel: Any, outdoor: float, valid_s: float = 1e6, at: Header | None = None
             ) -> None:
        before = funnel.node.stats.counters().get("scene_hints", 0)
        funnel.peer.send("depth/scene_hint", SceneHint(
            header=at or Header(), outdoor_probability=outdoor, valid_s=valid_s))
        wait_for(lambda: funnel.node.stats.counters().get("scene_hints", 0) > before, "the hint")

    def scene_after(self, funnel: Any, frames: int = 30, scene: str = "") -> str:
        """Frames of a dark room; what works then, or as soon as it is `scene`."""
        for _ in range(frames):
            funnel.look(image=self.DARK)
            if funnel.node.settings.scene == scene:
                break
        return str(funnel.node.settings.scene)

    def test_it_is_weighed_with_the_view(self, models: dict[str, Any]) -> None:
        with gate(**models, preload=True, auto_scene=True, router__hold_s=0.3,
                  router__rest_s=0.0) as funnel:
            self.hint(funnel, 0.8)  # a guess does not outweigh a view of a dark room
            assert self.scene_after(funnel) == "indoor"
            funnel.peer.await_status("depth", lambda *s: s[2]["hint_outdoor_probability"] == "0.80"
                                     and float(s[2]["hint_left_s"]) > 9e5, "the hint")
            self.hint(funnel, 1.0)  # a planner that is sure does
            assert self.scene_after(funnel, 2000, "outdoor") == "outdoor"
            self.hint(funnel, 1.0, valid_s=0.0)  # withdrawn
            assert self.scene_after(funnel, 2000, "indoor") == "indoor"
            funnel.peer.await_status("depth", lambda *s: "hint_left_s" not in s[2]
                                     and s[2]["scene_hints"] == "3", "no hint any more")

    def test_it_holds_from_its_stamp_for_its_time(self, models: dict[str, Any]) -> None:
        with gate(**models, preload=True, auto_scene=True, router__hold_s=0.3,
                  router__rest_s=0.0) as funnel:
            now = fresh().stamp
            begin = Header(stamp=stamp(to_nanoseconds(now) + 4 * 10**9))
            self.hint(funnel, 1.0, 3.0, begin)  # frames come a tenth of a second apart
            changes = []
            for _ in range(2000):  # a change is made beside the frames, which go on meanwhile
                header = fresh()
                funnel.look(image=self.DARK, header=header)
                since_s = (to_nanoseconds(header.stamp) - to_nanoseconds(begin.stamp)) / 1e9
                scene = funnel.node.settings.scene
                if scene != (changes[-1][0] if changes else "indoor"):
                    changes.append((scene, since_s))
                if len(changes) == 2:
                    break
            assert [scene for scene, _ in changes] == ["outdoor", "indoor"]
            assert changes[0][1] >= 0.3 and changes[1][1] >= 3.3

    @pytest.mark.parametrize(("outdoor", "valid_s", "words"), [
        (1.5, 1.0, "outdoor_probability = 1.5"), (math.nan, 1.0, "outdoor_probability = nan"),
        (0.5, -1.0, "valid_s = -1.0"), (0.5, math.inf, "valid_s = inf")])
    def test_a_bad_one_is_told(self, outdoor: float, valid_s: float, words: str) -> None:
        with gate(estimator="ground_plane") as funnel:
            funnel.peer.send("depth/scene_hint", SceneHint(outdoor_probability=outdoor,
                                                           valid_s=valid_s))
            funnel.peer.await_error("depth", words)
            assert funnel.node.stats.counters()["bad_input"] == 1


def test_a_bad_frame_has_no_state(models: dict[str, Any]) -> None:
    with gate(**models) as funnel:
        header = fresh()
        bad = images.from_rgb(SLOPE, header)
        bad.encoding = "rgb9"
        funnel.send(header=fresh())
        funnel.peer.send("gate/camera_info", depth_bench.from_camera_model(CAMERA, header))
        funnel.peer.send("gate/image", bad)
        funnel.peer.await_error("depth", "encoding 'rgb9'")
        assert header not in [s.header for s in funnel.states]

"""Switching between the indoor and the outdoor variant, by request and by AUTO."""
from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

import depth_bench  # noqa: E402
from depth_bench import (  # noqa: E402
    CAMERA,
    HEIGHT,
    SLOPE,
    WIDTH,
    Request,
    SlowLoading,
    gate,
)
from depth_checkpoints import formula_depth  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from peer import wait_for  # noqa: E402
from smolvlm_ros.srv import SetDepthScene  # noqa: E402

from smolvlm_ros.ros import depth_scenes  # noqa: E402

models, slow_loading = depth_bench.models, depth_bench.slow_loading


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
            ratios.append(np.median(funnel.look() / near))  # surely after the change
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
                for _ in range(2000):  # loading takes as long as it takes
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

    @pytest.mark.parametrize("error", [ValueError("no such file"), TypeError("a library's defect")])
    def test_auto_that_cannot_load_says_so_and_the_old_one_works_on(
            self, error: Exception, models: dict[str, Any],
            monkeypatch: pytest.MonkeyPatch) -> None:
        make = depth_scenes.make_estimator

        def indoor_only(config: Any) -> Any:
            if config.scene == "outdoor":
                raise error
            return make(config)
        monkeypatch.setattr(depth_scenes, "make_estimator", indoor_only)
        sky = SLOPE.copy()
        sky[:HEIGHT // 2], sky[HEIGHT // 2:] = 255, 20
        with gate(**models, auto_scene=True, router__hold_s=0.3, router__rest_s=0.0) as funnel:
            for _ in range(20):
                funnel.look(image=sky)
            funnel.peer.await_status(
                "depth", lambda level, text, values: level == 1 and str(error) in text
                and "the view looks outdoor" in text and int(values["switches_refused"]) > 0,
                "what is wrong")
            assert funnel.node.settings.scene == "indoor"
            assert np.isfinite(funnel.look()).all()

    def test_auto_begins_one_change_at_a_time(self, models: dict[str, Any],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
        begun, go = [], threading.Event()

        def slow(scenes: Any, variant: Any, **_: Any) -> None:  # has not taken its lock yet
            begun.append(variant)
            assert go.wait(30.0)
        monkeypatch.setattr(depth_scenes.DepthScenes, "_switch", slow)
        dark = np.full_like(SLOPE, 10)
        sky = dark.copy()
        sky[:HEIGHT // 2] = 255
        with gate(**models, auto_scene=True, router__hold_s=0.3, router__rest_s=0.0) as funnel:
            try:
                for _ in range(20):
                    funnel.look(image=sky)
                wait_for(lambda: begun, "the change")
                assert len(begun) == 1
            finally:
                go.set()

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

"""Which frames a verdict is begun on, by their age, the model's speed and the clock."""
from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from smolvlm_ros.srv import AskScene  # noqa: E402

from smolvlm_ros.qa.crops import OBJECT, Subject  # noqa: E402
from smolvlm_ros.qa.frames import FramePick, FrameRing  # noqa: E402
from smolvlm_ros.qa.verdict import Frame  # noqa: E402
from smolvlm_ros.ros.frame_supply import NoFreshFrame  # noqa: E402
from smolvlm_ros.ros.picking import pick, shelf_end_s  # noqa: E402
from smolvlm_ros.ros.qa_settings import SceneQaSettings  # noqa: E402
from smolvlm_ros.ros.unanswered import Unanswered  # noqa: E402

NOW_S = 100.0
NEWEST, FRESH = AskScene.Request.NEWEST, AskScene.Request.FRESH


class Supply:
    """Two frames of that age, and a gate that passes none, or `fresh` ones without the subject."""

    def __init__(self, age_s: float, fresh: bool = False) -> None:
        self.ring, self.fresh = FrameRing(), fresh
        self.until_s: list[float] = []
        for seed, stamp_s in enumerate((NOW_S - age_s - 1.0, NOW_S - age_s)):
            pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            self.ring.add(Frame(pixels, stamp_s))

    def newest(self) -> Frame | None:
        return self.ring.newest

    def pick(self, separation_s: float, max_age_s: float | None = None) -> FramePick:
        return self.ring.pick(NOW_S, separation_s, max_age_s)

    def pick_crops(self, _: Any, __: Any, separation_s: float, max_age_s: float) -> FramePick:
        return self.pick(separation_s, max_age_s)

    def crops(self, *_: Any) -> tuple[Frame, ...]:
        return self.ring.since()

    def await_fresh(self, deadline_s: float, should_stop: Any) -> float:
        self.until_s.append(deadline_s)
        if self.fresh:
            return NOW_S
        raise NoFreshFrame("no fresh frame came in time")


def asked(age_s: float, cost_s: float, simulated: bool, which: int = NEWEST, max_age_ms: int = 0,
          subject: Subject | None = None, fresh: bool = False) -> tuple[Supply, Any]:
    """The supply and what was picked, or why nothing was."""
    supply = Supply(age_s, fresh)
    node = SimpleNamespace(
        settings=SceneQaSettings(), scheduler=SimpleNamespace(cost_s=lambda _: cost_s),
        frames=supply, engine=SimpleNamespace(embedded=False), boxes_told=lambda _: False,
        get_clock=lambda: SimpleNamespace(ros_time_is_active=simulated))
    try:
        return supply, pick(node, which, max_age_ms, time.monotonic() + 20.0, subject,
                            "verdict").frames
    except Unanswered as error:
        return supply, error


def test_a_model_slower_than_the_shelf_life_is_asked_about_the_newest_frame() -> None:
    supply, got = asked(8.0, 6.0, False)
    assert len(got) == 2 and supply.until_s == []
    node = SimpleNamespace(
        settings=SceneQaSettings(), scheduler=SimpleNamespace(cost_s=lambda _: 6.0),
        frames=SimpleNamespace(now_s=lambda: NOW_S),
        get_clock=lambda: SimpleNamespace(ros_time_is_active=False))
    newest = supply.ring.newest
    assert newest is not None and shelf_end_s(node, newest, "verdict") == math.inf
    node.scheduler.cost_s = {"verdict": 4.0, "past": 6.0}.get
    assert shelf_end_s(node, newest, "verdict") < time.monotonic()
    assert shelf_end_s(node, newest, "past") == math.inf  # of its own kind


@pytest.mark.parametrize(("age_s", "cost_s", "simulated", "frames"), [
    (2.0, 1.0, False, 2), (4.5, 1.0, False, 0), (4.5, 1.0, True, 2), (0.1, 6.0, True, 2)])
def test_what_a_verdict_takes_counts_on_the_real_clock_only(
        age_s: float, cost_s: float, simulated: bool, frames: int) -> None:
    supply, got = asked(age_s, cost_s, simulated)
    if frames:
        assert len(got) == frames and supply.until_s == []
    else:
        assert isinstance(got, Unanswered) and "no fresh frame came" in str(got)


def test_a_simulator_that_stands_still_has_its_newest_frame_asked_about() -> None:
    supply, got = asked(8.0, 1.0, True)
    assert len(got) == 2 and supply.until_s[0] < time.monotonic() + 11.0
    assert isinstance(asked(13.0, 1.0, True)[1], Unanswered)  # frames.max_age_s is 12 s
    assert isinstance(asked(8.0, 1.0, False)[1], Unanswered)
    # A fresh one came, and does not show what was asked about.
    _, got = asked(8.0, 1.0, True, subject=Subject(OBJECT, "7"), fresh=True)
    assert isinstance(got, Unanswered) and "does not show" in str(got)

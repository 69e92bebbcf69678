"""Two things of the embedded world come one after the other: the cases and their score."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smolvlm_ros.qa.verdict import YesNo
from smolvlm_ros.world import SCENES
from smolvlm_ros.world.scoring.order import OrderCase, case_of, score


def first_case() -> OrderCase:
    return next(c for c in (case_of(SCENES[seed % 3], seed) for seed in range(30)) if c)


class Differing:
    """Takes what is new since the first frame for one thing, and what is new later for the other.

    It sees how many pixels differ from the empty place: none, one thing's, or both things'.
    """

    name, description, embedded = "differing", "differing", False

    def __init__(self, case: OrderCase) -> None:
        self.words = case.question.rstrip("?").replace("Did the ", "").split(" come before the ")
        self.early = self.words[0] if case.truth else self.words[1]
        self.empty = case.frames[0].image_rgb.astype(int)
        counts = [self.differ(f.image_rgb) for f in case.frames]
        self.levels = sorted(counts)[-1] * 0.5

    def differ(self, image_rgb: Any) -> int:
        return int((np.abs(image_rgb - self.empty).max(axis=2) > 40).sum())

    def yes_no(self, image_rgb: Any, questions: Sequence[str]) -> list[YesNo]:
        new = self.differ(image_rgb)
        there = new > (20 if self.early in questions[0] else self.levels * 1.7)
        return [YesNo(0.95 if there == (i == 0) else 0.05, 1.0, 1.0)
                for i in range(len(questions))]

    def stream(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody asks for a description")

    def close(self) -> None:
        pass


def test_a_case_is_what_it_says_and_the_same_each_time() -> None:
    case = first_case()
    assert case.question == first_case().question
    stamps = [f.stamp_s for f in case.frames]
    assert stamps == sorted(stamps) and stamps[-1] - stamps[0] == 20.0
    assert np.array_equal(case.frames[3].image_rgb, first_case().frames[3].image_rgb)


def test_who_sees_is_right_and_who_says_one_thing_always_is_not() -> None:
    case = first_case()

    class Blind(Differing):
        def yes_no(self, image_rgb: Any, questions: Sequence[str]) -> list[YesNo]:
            return [YesNo(0.5, 1.0, 1.0) for _ in questions]

    seen, blind = score([case], Differing(case)), score([case], Blind(case))
    assert (seen.cases, seen.video_right, seen.video_wrong) == (1, 1, 0)
    assert (blind.video_right, blind.video_wrong) == (0, 0)
    assert blind.single_right == int(case.truth)  # it says yes

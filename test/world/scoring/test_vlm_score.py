"""Scores of answers: one who knows, one who does not look, one who turns nothing round."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.verdict import YesNo
from smolvlm_ros.world import World, sample
from smolvlm_ros.world.scoring.vlm import View, score, views_of
from smolvlm_ros.world.scoring.vlm_crops import LEAST_PX, crop_by_chance

KEYS = {"vlm_presence_accuracy", "vlm_state_accuracy", "vlm_colour_accuracy",
        "vlm_negated_accuracy", "vlm_blind_accuracy"}


@pytest.fixture(scope="module")
def views(small: CameraModel) -> list[View]:
    worlds = [World(scene, seed=4, model=small, duration_s=30) for scene in ("room", "path")]
    return views_of(worlds, np.random.default_rng(1), frames=12)


class Knowing:
    """Knows every picture's truth."""

    def __init__(self, views: Sequence[View]) -> None:
        self._truth = {view.image_rgb.tobytes(): {f.question: f.answer for f in view.facts}
                       for view in views}

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        facts = self._truth[image_rgb.tobytes()]
        facts = {**{negate(text): not answer for text, answer in facts.items()}, **facts}
        # What is not known of a picture is denied.
        return [YesNo(float(facts.get(text, False)), 1.0, 0.0) for text in questions]


class Blind:
    """Answers by the text alone."""

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        return [YesNo(float(len(text) % 2), 1.0, 0.0) for text in questions]


class Silent:
    """Gives no probability."""

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        return [YesNo(float("nan"), 0.0, 0.0) for _ in questions]


def test_one_who_knows_is_always_right_and_by_chance_on_other_pictures(views: list[View]) -> None:
    found = score(Knowing(views), views, np.random.default_rng(2))
    assert set(found.accuracy) == KEYS
    for key in KEYS - {"vlm_blind_accuracy"}:
        assert found.accuracy[key] == 1.0, key
    assert found.accuracy["vlm_blind_accuracy"] < 0.85
    total = sum(found.asked[f"vlm_{kind}_accuracy"] for kind in ("presence", "state", "colour"))
    assert found.asked["vlm_negated_accuracy"] == found.asked["vlm_blind_accuracy"] == total > 40
    assert {"presence, frames", "presence, crops"} <= set(found.by_view)


def test_one_who_does_not_look_is_right_half_of_the_time(views: list[View]) -> None:
    found = score(Blind(), views, np.random.default_rng(2))
    for key in KEYS - {"vlm_negated_accuracy"}:
        assert found.accuracy[key] == 0.5, key


def test_no_probability_is_no_answer(views: list[View]) -> None:
    assert set(score(Silent(), views, np.random.default_rng(2)).accuracy.values()) == {0.0}


def test_nothing_asked_is_nan(views: list[View]) -> None:
    found = score(Blind(), [View(views[0].image_rgb, (), False)], np.random.default_rng(0))
    assert np.isnan(list(found.accuracy.values())).all() and set(found.asked.values()) == {0}


def test_a_crop_shows_its_object_and_stays_in_the_image() -> None:
    frame = sample(3)
    rng = np.random.default_rng(0)
    height, width = frame.mask.shape
    shown = 0
    for _ in range(40):
        left, top, right, bottom = crop_by_chance(frame.objects, width, height, rng, 0.0)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert right - left >= LEAST_PX and bottom - top >= LEAST_PX
        shown += bool(frame.mask[top:bottom, left:right].any())
    assert shown == 40

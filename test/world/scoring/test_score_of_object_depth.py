"""Depth on objects: what covers few pixels is not lost in a whole image's error."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.depth.types import DepthInfo, DepthMap
from smolvlm_ros.world import World
from smolvlm_ros.world.scoring.depth import evaluate_depth
from smolvlm_ros.world.scoring.object_depth import ObjectDepths


class Scripted:
    """Gives the depths it was given, one after the other."""

    info = DepthInfo("scripted", None, 20.0)
    max_gap_s = float("inf")

    def __init__(self, *depths: np.ndarray) -> None:
        self._depths = list(depths)

    def estimate(self, image_rgb, camera, stamp_s):
        return DepthMap(self._depths.pop(0), camera, self.info)

    def configure(self, config): ...
    def reset(self, why): ...
    def close(self): ...


FRAMES = [World("room", 301).frame(index) for index in (120, 400)]


def test_the_truth_is_without_error() -> None:
    watched = ObjectDepths(Scripted(*(f.depth_m.copy() for f in FRAMES)))
    assert evaluate_depth(watched, watched.noting(FRAMES)).absrel == 0.0
    errors = watched.median_errors()
    assert errors["all"] == 0.0 and len(errors) >= 2


def test_an_estimator_that_overlooks_objects_is_found_out() -> None:
    depths = [np.where(f.mask > 0, np.float32(1.5), np.float32(1)) * f.depth_m for f in FRAMES]
    watched = ObjectDepths(Scripted(*depths))
    assert evaluate_depth(watched, watched.noting(FRAMES)).absrel < 0.1
    assert watched.median_errors()["all"] == pytest.approx(0.5, abs=1e-3)


def test_what_is_unknown_or_beyond_range_is_a_large_error() -> None:
    depths = [np.full_like(f.depth_m, value) for f, value in zip(FRAMES, (np.nan, np.inf),
                                                                 strict=True)]
    watched = ObjectDepths(Scripted(*depths))
    evaluate_depth(watched, watched.noting(FRAMES))
    assert watched.median_errors()["all"] >= 1.0


def test_nothing_seen_is_no_figure() -> None:
    assert ObjectDepths(Scripted()).median_errors() == {}

"""Depth errors of estimates whose errors are known."""
from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import DepthInfo, DepthMap, Variant
from smolvlm_ros.world import CAMERA, World, WorldFrame
from smolvlm_ros.world.scoring.depth import evaluate_depth, frame_errors, frames_of

TRUTH = np.array([[2.0, 4.0], [8.0, np.inf]], np.float32)


def test_the_right_depth_has_no_error() -> None:
    assert frame_errors(TRUTH.copy(), TRUTH, 20.0) == (0.0, 1.0, 0.0, 1.0)


def test_errors_are_shares_of_the_truth_and_sky_is_left_out() -> None:
    found = np.array([[2.2, 3.0], [8.0, 70.0]], np.float32)
    absrel, delta1, unknown, sky = frame_errors(found, TRUTH, 20.0)
    assert absrel == pytest.approx((0.1 + 0.25 + 0.0) / 3)
    assert delta1 == pytest.approx(2 / 3)   # 4 m over 3 m is more than 1.25
    assert (unknown, sky) == (0.0, 0.0)


def test_no_answer_is_an_error() -> None:
    found = np.array([[np.nan, np.inf], [8.0, np.inf]], np.float32)
    absrel, delta1, unknown, sky = frame_errors(found, TRUTH, 20.0)
    assert absrel == pytest.approx((1.0 + 16 / 4 + 0.0) / 3)   # +Inf counts as the range, 20 m
    assert delta1 == pytest.approx(1 / 3) and unknown == pytest.approx(2 / 3) and sky == 1.0


def test_indoors_there_is_no_sky() -> None:
    flat = np.full((2, 2), 3.0, np.float32)
    assert math.isnan(frame_errors(flat, flat, 20.0)[3])


def test_another_resolution_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 2\), the truth \(2, 2\)"):
        frame_errors(TRUTH[:1], TRUTH, 20.0)


class Teller:
    """Knows the truth of the frames it is shown, and tells it too far by a factor."""

    def __init__(self, frames: list[WorldFrame], factor: float) -> None:
        self.frames, self.factor = iter(frames), factor
        self.info = DepthInfo("teller", Variant.INDOOR, 20.0)
        self.forgot = False

    def estimate(self, image_rgb: np.ndarray, camera: CameraModel | None,
                 stamp_s: float) -> DepthMap:
        assert self.forgot
        self.forgot = False
        frame = next(self.frames)
        assert image_rgb is frame.image_rgb and camera is frame.camera
        return DepthMap(frame.depth_m * np.float32(self.factor), camera, self.info)

    def configure(self, config: object) -> None: ...

    def reset(self, why: str) -> None:
        self.forgot = True

    def close(self) -> None: ...


def test_frames_weigh_the_same() -> None:
    frames = [World("corridor", 3).frame(0)]
    frames.append(replace(frames[0], index=1))
    score = evaluate_depth(Teller(frames, 1.1), frames)
    assert score.absrel == pytest.approx(0.1, abs=1e-3) and score.delta1 == 1.0
    assert score.frames == 2 and score.unknown == 0.0 and math.isnan(score.sky)
    with pytest.raises(ValueError, match="no frame"):
        evaluate_depth(Teller([], 1.0), [])


def test_frames_are_the_seeds_own_on_every_camera() -> None:
    one, two = (list(frames_of(("path",), [7], 1)) for _ in range(2))
    assert len(one) == 3 and all(f.camera is CAMERA and f.outdoor for f in one)
    assert [f.index for f in one] == [f.index for f in two]
    assert len({f.pose_world_from_camera.tobytes() for f in one}) == 3

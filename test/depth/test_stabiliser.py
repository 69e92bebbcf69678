"""The stabiliser: what wobbles is steadied, what moves is taken as it comes."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.depth.stabiliser import DepthStabiliser, StabiliserConfig

SIZE = (240, 320)
FOCAL = 280.0


def view(x_m: float = 0.0, ahead_m: float = 0.0, box_px: int | None = None, seed: int = 0
         ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A textured wall 6 m away over a floor, seen from 1 m; a flat box stands before it at 2 m."""
    height, width = SIZE
    v, u = np.mgrid[:height, :width].astype(np.float32)
    below = (v - height / 2) / FOCAL
    depth = np.minimum(6.0 - ahead_m, 1.0 / np.maximum(below, 1e-3)).astype(np.float32)
    x = (u - width / 2) / FOCAL * depth + x_m
    z = depth + ahead_m
    cells = np.random.default_rng(seed).integers(30, 220, (64, 64)).astype(np.float32)
    texture = cv2.resize(cells, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    wall = z > 5.99
    upward = np.where(wall, -below * depth, z)
    grey = cv2.remap(texture, (x * 60 + 512).astype(np.float32) % 1023,
                     (upward * 60 + 300).astype(np.float32) % 1023, cv2.INTER_LINEAR)
    if box_px is not None:
        grey[100:150, box_px:box_px + 40] = 240
        depth[100:150, box_px:box_px + 40] = 2.0
    image = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)
    return image, depth


def scales(found: list[NDArray[np.float32]], truth: list[NDArray[np.float32]]
           ) -> NDArray[np.float64]:
    return np.array([np.median(np.log(f / t)) for f, t in zip(found, truth, strict=True)])


def flicker(values: NDArray[np.float64]) -> float:
    return float(np.abs(np.diff(values)).mean())


@pytest.mark.parametrize(("ahead_m", "aside_m", "least"), [(0.0, 0.0, 0.9), (0.02, 0.0, 0.8),
                                                          (0.0, 0.02, 0.8)])
def test_wobble_goes_and_the_way_stays(ahead_m: float, aside_m: float, least: float) -> None:
    random = np.random.default_rng(3)
    stabiliser = DepthStabiliser()
    truth, found, wobbles = [], [], []
    for index in range(60):
        image, depth = view(aside_m * index, ahead_m * index)
        wobble = np.float32(np.exp(random.normal(0, 0.05)))
        truth.append(depth)
        wobbles.append(np.log(wobble))
        found.append(stabiliser.steady(depth * wobble, image, index / 15))
    left = scales(found, truth)
    assert flicker(left) < (1 - least) * flicker(np.array(wobbles))
    assert np.abs(left[10:]).max() < 0.1
    assert stabiliser.restarts == 0


def test_without_wobble_nothing_drifts() -> None:
    stabiliser = DepthStabiliser()
    for index in range(60):
        image, depth = view(0.01 * index, 0.02 * index)
        found = stabiliser.steady(depth, image, index / 15)
    # Four seconds towards a wall: it came nearer by a fifth, and the depth must say so.
    assert abs(float(np.median(np.log(found / depth)))) < 0.06


def test_what_moves_is_not_smeared() -> None:
    stabiliser = DepthStabiliser()
    random = np.random.default_rng(1)
    for index in range(30):
        image, depth = view(box_px=20 + 8 * index)
        noisy = depth * np.exp(random.normal(0, 0.02, depth.shape)).astype(np.float32)
        found = stabiliser.steady(noisy, image, index / 15)
    left = 20 + 8 * 29
    assert np.median(found[105:145, left + 4:left + 36]) == pytest.approx(2.0, rel=0.05)
    behind = found[105:125, left - 60:left - 12]  # where it was half a second ago
    assert np.median(behind / depth[105:125, left - 60:left - 12]) == pytest.approx(1.0, rel=0.05)


def test_flicker_of_places_goes_where_the_camera_stands() -> None:
    stabiliser = DepthStabiliser()
    random = np.random.default_rng(2)
    image, depth = view()
    raw, steadied = [], []
    for index in range(45):
        cells = random.normal(0, 0.04, (6, 8)).astype(np.float32)
        local = np.exp(cv2.resize(cells, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
        raw.append(np.log(depth * local))
        steadied.append(np.log(stabiliser.steady(depth * local, image, index / 15)))
    def change(maps: list[NDArray[np.float32]]) -> float:
        return float(np.abs(np.diff(np.array(maps[10:]), axis=0)).mean())
    assert change(steadied) < 0.3 * change(raw)


def test_gaps_are_bridged_while_the_view_stays() -> None:
    image, depth = view()
    stabiliser = DepthStabiliser()
    for index in range(20):
        stabiliser.steady(depth, image, index / 15)
    found = stabiliser.steady(depth * np.float32(1.1), image, 8.0)
    assert stabiliser.restarts == 0
    assert abs(float(np.median(np.log(found / depth)))) < 0.075


def test_another_view_begins_anew() -> None:
    stabiliser = DepthStabiliser()
    image, depth = view()
    stabiliser.steady(depth, image, 0.0)
    other, _ = view(seed=9)
    twice = depth * np.float32(2)
    found = stabiliser.steady(twice, other, 1.0)
    assert stabiliser.restarts == 1
    assert np.array_equal(found, twice)


def test_unknown_and_far_stay_what_they_are() -> None:
    stabiliser = DepthStabiliser()
    image, depth = view()
    depth[:40], depth[200:] = np.inf, np.nan
    for index in range(3):
        found = stabiliser.steady(depth * np.float32(1 + 0.05 * index), image, index / 15)
    assert np.isposinf(found[:40]).all() and np.isnan(found[200:]).all()
    assert np.isfinite(found[40:200]).all()


@pytest.mark.parametrize("case", ["time goes back", "reset", "another shape", "switched off"])
def test_when_it_forgets(case: str) -> None:
    stabiliser = DepthStabiliser()
    image, depth = view()
    for index in range(5):
        stabiliser.steady(depth, image, index / 15)
    stamp_s, changed = 1.0, depth * np.float32(1.3)
    if case == "time goes back":
        stamp_s = 0.1
    elif case == "reset":
        stabiliser.reset()
    elif case == "another shape":
        image, changed = image[:, :200], changed[:, :200]
    else:
        stabiliser.config = StabiliserConfig(enabled=False)
    assert np.array_equal(stabiliser.steady(changed, image, stamp_s), changed)


def test_a_bare_view_is_left_as_it_is() -> None:
    stabiliser = DepthStabiliser()
    image = np.full((*SIZE, 3), 128, np.uint8)
    depth = np.full(SIZE, 3, np.float32)
    for index, scale in enumerate((1.0, 1.1, 0.9)):
        found = stabiliser.steady(depth * np.float32(scale), image, index / 15)
        assert np.array_equal(found, depth * np.float32(scale))

"""Depth in colour."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.drawing import colour_depth, depth_panel, depth_scale_bar
from smolvlm_ros.drawing.depth import BEYOND, TOO_NEAR, UNKNOWN, _ticks


def luma(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(float) @ (0.299, 0.587, 0.114)


def test_nearer_is_brighter_everywhere() -> None:
    colours = colour_depth(np.linspace(0.5, 10, 200, dtype=np.float32)[None], 0.5, 10.0)
    light = luma(colours)[0]
    assert (np.diff(light) <= 1.0).all() and light[0] - light[-1] > 150


def test_beyond_the_limits_is_the_end_of_the_scale() -> None:
    colours = colour_depth(np.array([[0.1, 1.0, 9.0, 50.0]], np.float32), 1.0, 9.0)
    assert (colours[0, 0] == colours[0, 1]).all() and (colours[0, 2] == colours[0, 3]).all()


def test_what_has_no_number_has_a_colour_of_its_own() -> None:
    values = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    assert [tuple(c) for c in colour_depth(values, 1.0, 9.0)[0]] == [UNKNOWN, BEYOND, TOO_NEAR]
    scale = colour_depth(np.linspace(1, 9, 2000, dtype=np.float32)[None], 1.0, 9.0)[0].astype(int)
    for neutral in (UNKNOWN, BEYOND, TOO_NEAR):
        assert np.abs(scale - neutral).sum(1).min() > 40


@pytest.mark.parametrize("depth", [np.zeros((2, 2), np.uint16), np.zeros((2, 2, 1), np.float32),
                                   np.zeros((0, 2), np.float32)])
def test_what_is_no_depth_is_refused(depth) -> None:
    with pytest.raises(ValueError, match=r"expected float metres \(H, W\)"):
        colour_depth(depth, 1.0, 2.0)


@pytest.mark.parametrize(("near", "far"), [(2.0, 1.0), (1.0, 1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_limits_in_wrong_order_are_refused(near: float, far: float) -> None:
    for call in (lambda: colour_depth(np.ones((2, 2), np.float32), near, far),
                 lambda: depth_scale_bar(100, near, far)):
        with pytest.raises(ValueError, match="near below far"):
            call()


@pytest.mark.parametrize(("near", "far", "most", "expected"), [
    (0.0, 10.0, 6, [0, 2, 4, 6, 8, 10]),
    (0.5, 4.2, 5, [1, 2, 3, 4]),
    (0.0, 80.0, 5, [0, 20, 40, 60, 80]),
    (1.0, 1.5, 6, [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]),
])
def test_ticks_are_round(near: float, far: float, most: int, expected: list[float]) -> None:
    assert _ticks(near, far, most) == pytest.approx(expected)


@pytest.mark.parametrize("height", [64, 97, 480, 1080])
def test_the_scale_is_as_high_as_asked_and_in_the_same_colours(height: int) -> None:
    bar = depth_scale_bar(height, 0.5, 8.0)
    assert bar.shape[0] == height and bar.dtype == np.uint8
    column = bar[:, max(3, height // 60) + 2]
    ends = colour_depth(np.array([[8.0, 0.5]], np.float32), 0.5, 8.0)[0]
    for end in ends:
        assert (column == end).all(1).any()
    light = luma(column[(column != column[0]).any(1)][-height // 3:])
    assert light[-1] >= light[0]  # near is below


def test_the_panel_is_depth_beside_its_scale() -> None:
    depth = np.full((120, 160), 2.0, np.float32)
    panel = depth_panel(depth, 1.0, 4.0)
    assert panel.shape[0] == 120 and panel.shape[1] > 160
    assert (panel[:, :160] == colour_depth(depth, 1.0, 4.0)).all()
    assert depth_panel(depth[:10], 1.0, 4.0).shape[0] == 64  # a low image gets room for its scale

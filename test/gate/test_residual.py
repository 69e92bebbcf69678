"""What moves before a camera that pans, found between two frames."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.gate import GateConfig
from smolvlm_ros.gate.residual import ResidualMotion

WIDTH, HEIGHT, FPS = 160, 120, 15.0
CONFIG = GateConfig()


def wide_view() -> NDArray[np.uint8]:
    cells = np.random.default_rng(0).integers(40, 200, (48, 120, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(cells, (600, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


VIEW = wide_view()


def frame(index: int, pan_px: float = 0.6, box: tuple[int, int, int] | None = None,
          speed_px: float = 3.0, gain: float = 1.0) -> NDArray[np.uint8]:
    """A crop that pans, with a box of 10x24 in that colour that moves against it."""
    shift = np.array([[1, 0, -100 - pan_px * index], [0, 1, -60]], np.float64)
    shown = np.asarray(cv2.warpAffine(VIEW, shift, (WIDTH, HEIGHT)), np.float32) * gain
    if box is not None:
        left = round(40 + speed_px * index)
        shown[50:74, left:left + 10] = box
    noise = np.random.default_rng(index).normal(0, 1.5, shown.shape)
    return np.clip(shown + noise, 0, 255).astype(np.uint8)


def found(frames: list[NDArray[np.uint8]]) -> list[list[tuple[float, float, float, float]]]:
    motion = ResidualMotion()
    boxes = []
    for index, image in enumerate(frames):
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
        boxes.append([blob.box for blob in motion.find(grey, image, index / FPS, CONFIG)])
    return boxes


def test_a_camera_that_pans_alone_shows_nothing() -> None:
    assert not any(found([frame(i) for i in range(20)]))


def test_a_change_of_light_while_it_pans_shows_nothing() -> None:
    assert not any(found([frame(i, gain=1.0 - 0.02 * i) for i in range(15)]))


@pytest.mark.parametrize("colour", [(240, 240, 240), (10, 10, 10)])
def test_what_moves_is_found_where_it_is(colour: tuple[int, int, int]) -> None:
    boxes = found([frame(i, box=colour) for i in range(20)])
    middles = [45 + 3.0 * index for index in range(20)]
    assert sum(bool(b) for b in boxes[4:]) >= 14
    for at, seen in zip(middles, boxes, strict=True):
        assert all(b[0] - 16 <= at <= b[2] + 16 and b[1] <= 62 <= b[3] for b in seen)


def test_what_creeps_is_found_before_a_camera_that_hardly_turns() -> None:
    boxes = found([frame(i, pan_px=0.05, box=(240, 240, 240), speed_px=0.2) for i in range(40)])
    assert sum(bool(b) for b in boxes[20:]) >= 10


def test_what_differs_by_colour_alone_is_found() -> None:
    grey = np.asarray(cv2.cvtColor(VIEW[:1, :1] * 0 + np.array([[[230, 60, 110]]], np.uint8),
                                   cv2.COLOR_RGB2GRAY))
    assert abs(int(grey[0, 0]) - float(VIEW.mean())) < 12  # as bright as what is behind it
    boxes = found([frame(i, box=(230, 60, 110)) for i in range(20)])
    assert sum(bool(b) for b in boxes[4:]) >= 14


def test_what_goes_with_the_view_is_part_of_it() -> None:
    assert not any(found([frame(i, box=(240, 240, 240), speed_px=-0.6) for i in range(15)])[5:])


def test_a_bare_view_says_nothing() -> None:
    assert not any(found([np.full((HEIGHT, WIDTH, 3), 120 + i, np.uint8) for i in range(8)]))


def test_grey_frames_do_as_well() -> None:
    motion, seen = ResidualMotion(), 0
    for index in range(20):
        grey = np.asarray(cv2.cvtColor(frame(index, box=(240, 240, 240)), cv2.COLOR_RGB2GRAY))
        seen += bool(motion.find(grey.astype(np.float32), grey, index / FPS, CONFIG))
    assert seen >= 14


def test_forgotten_frames_are_not_compared() -> None:
    motion = ResidualMotion()
    for index in range(10):
        image = frame(index, box=(240, 240, 240))
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
        assert motion.find(grey, image, index / FPS, CONFIG) == []
        motion.forget()

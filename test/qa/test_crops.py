"""Crops round an object, and what is known of where objects are."""
from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.crops import (
    ZONE,
    Box,
    CropConfig,
    KnownBoxes,
    cropped,
    square_around,
    tightened,
)
from smolvlm_ros.qa.verdict import Frame

COORDINATE = st.floats(-50, 700, allow_nan=False)


def frame(stamp_s: float = 1.0, width: int = 640, height: int = 480) -> Frame:
    """A picture in which every pixel says where it is."""
    ys, xs = np.mgrid[:height, :width]
    return Frame(np.stack([xs % 256, ys % 256, xs // 256 * 16 + ys // 256], 2).astype(np.uint8),
                 stamp_s, "optical")


@pytest.mark.parametrize(("box", "expected"), [
    ((300, 200, 340, 300), (230, 160, 410, 340)),   # 100 px high, enlarged 1.8 times
    ((320, 240, 330, 250), (277, 197, 373, 293)),   # small: the least edge of 96 px
    ((0, 0, 20, 100), (0, 0, 180, 180)),            # at the edge: moved into the image
    ((600, 400, 640, 480), (496, 336, 640, 480)),
    ((10, 0, 600, 480), (0, 0, 640, 480)),          # larger than the image
    ((300, 200, 300, 200), (252, 152, 348, 248)),   # no size: still a place
])
def test_a_crop_is_a_square_inside_the_image(box: Box, expected: tuple[int, ...]) -> None:
    assert square_around(box, 640, 480, CropConfig()) == expected


@given(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE), st.integers(1, 700),
       st.integers(1, 700), st.floats(1, 10), st.integers(8, 500))
def test_any_box_gives_a_part_that_shows_it_or_is_refused(
        corners: Box, width: int, height: int, enlargement: float, least: int) -> None:
    x0, x1 = sorted(corners[::2])
    y0, y1 = sorted(corners[1::2])
    config = CropConfig(enlargement=enlargement, min_px=least)
    try:
        left, top, right, bottom = square_around((x0, y0, x1, y1), width, height, config)
    except ValueError as error:
        assert "outside of the image" in str(error)
        assert x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height
        return
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    # A square, but where the image ends; and all of the box that is in the image.
    edge = max(right - left, bottom - top)
    assert right - left == min(edge, width) and bottom - top == min(edge, height)
    assert edge >= min(least, max(width, height))
    assert left <= max(x0, 0) + 1 and right >= min(x1, width) - 1
    assert top <= max(y0, 0) + 1 and bottom >= min(y1, height) - 1


def test_a_box_as_large_as_a_float_is_the_whole_image() -> None:
    assert square_around((-1e308, 0, 1e308, 480), 640, 480, CropConfig()) == (0, 0, 640, 480)


def test_a_zone_has_an_enlargement_of_its_own() -> None:
    config = CropConfig(enlargement=1.0, zone_enlargement=2.0, min_px=8)
    box = (300, 200, 340, 240)
    assert square_around(box, 640, 480, config) == (300, 200, 340, 240)
    assert square_around(box, 640, 480, config, ZONE) == (280, 180, 360, 260)
    boxes = KnownBoxes(8, ZONE)
    boxes.tell(1.0, {"door": box})
    assert boxes.crops([frame()], "door", config)[0].region == (280, 180, 360, 260)


@pytest.mark.parametrize("box", [(math.nan, 0, 1, 1), (5, 0, 1, 1), (0, 0, math.inf, 1)])
def test_a_box_that_is_none_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="is none"):
        square_around(box, 640, 480, CropConfig())


def test_a_cropped_frame_holds_those_pixels_and_says_which() -> None:
    whole = frame()
    part = cropped(whole, (300, 200, 340, 300), CropConfig())
    assert part.region == (230, 160, 410, 340)
    assert np.array_equal(part.image_rgb, whole.image_rgb[160:340, 230:410])
    assert (part.stamp_s, part.frame_id) == (whole.stamp_s, whole.frame_id)
    assert whole.region is None


@pytest.mark.parametrize(("box", "expected"), [
    ((200, 60, 350, 420), (185, 24, 365, 456)),    # its crop is the whole image
    ((150, 60, 560, 470), (109, 19, 601, 480)),
    ((320, 240, 330, 250), (285, 205, 365, 285)),  # small: an eighth of the image's longer edge
    ((-90, 100, 50, 500), (0, 62, 65, 480)),       # what of the box is in the image counts
])
def test_a_crop_cut_closer_shows_little_but_the_object(box: Box, expected: tuple[int, ...]) -> None:
    whole = frame()
    close = tightened(cropped(whole, box, CropConfig()), 0.1)
    left, top, right, bottom = expected
    assert close.region == expected
    assert np.array_equal(close.image_rgb, whole.image_rgb[top:bottom, left:right])
    crop = cropped(whole, box, CropConfig())
    half = dataclasses.replace(crop, image_rgb=crop.image_rgb[::2, ::2], scale=0.5)
    smaller = tightened(half, 0.1)
    assert smaller.region == expected
    shown = whole.image_rgb[crop.region[1]:, crop.region[0]:][::2, ::2]
    y, x = (top - crop.region[1]) // 2, (left - crop.region[0]) // 2
    height, width = smaller.image_rgb.shape[:2]
    assert np.array_equal(smaller.image_rgb, shown[y:y + height, x:x + width])
    assert abs(height - (bottom - top) / 2) <= 1 and abs(width - (right - left) / 2) <= 1
    with pytest.raises(ValueError, match="nothing of what it was cut round"):
        tightened(whole, 0.1)


def test_crops_are_of_the_frames_that_show_the_object() -> None:
    boxes = KnownBoxes(8)
    frames = [frame(t) for t in (1.0, 2.0, 3.0, 4.0)]
    assert not boxes.known(1.0)
    boxes.tell(1.0, {"7": (10, 10, 30, 30), "8": (400, 10, 430, 30)})
    boxes.tell(2.0, {"8": (400, 10, 430, 30)})
    boxes.tell(3.0, {"7": (600, 400, 620, 420)})
    assert boxes.known(2.5) and not boxes.known(4.0)
    found = boxes.crops(frames, "7", CropConfig())
    assert [f.stamp_s for f in found] == [1.0, 3.0]
    assert [f.region for f in found] == [(0, 0, 96, 96), (544, 362, 640, 458)]
    assert not boxes.crops(frames, "9", CropConfig())


def test_a_box_of_another_image_is_left_out_and_counted_once() -> None:
    boxes = KnownBoxes(8)
    boxes.tell(1.0, {"7": (900, 10, 930, 30), "8": (0, 0, 10, 10)})
    for _ in range(2):
        assert boxes.crops([frame()], "7", CropConfig()) == []
    assert boxes.outside == 1
    assert len(boxes.crops([frame()], "8", CropConfig())) == 1


def test_only_so_many_frames_are_remembered_and_time_may_go_back() -> None:
    boxes = KnownBoxes(2)
    for stamp_s in (10.0, 11.0, 12.0):
        boxes.tell(stamp_s, {"7": (0, 0, 10, 10)})
    assert [f.stamp_s for f in boxes.crops([frame(t) for t in (10.0, 11.0, 12.0)], "7",
                                           CropConfig())] == [11.0, 12.0]
    boxes.tell(1.0, {})
    assert boxes.known(1.0) and not boxes.known(12.0)
    # The same stamp after that is another frame.
    assert boxes.crops([frame(12.0)], "7", CropConfig()) == []
    boxes.tell(1.5, {})
    boxes.tell(1.2, {})  # a little out of order
    assert boxes.known(1.5)

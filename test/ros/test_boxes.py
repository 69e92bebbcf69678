"""Boxes as vision_msgs."""
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("vision_msgs.msg", reason="needs the message types of ROS 2")

from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import BoundingBox2D, Detection2D  # noqa: E402

from smolvlm_ros.ros.boxes import (  # noqa: E402
    best_hypothesis,
    from_box,
    hypothesis,
    to_box,
    to_detections,
)

side = st.floats(-1e4, 1e4, width=32)


@given(st.tuples(side, side, side, side))
def test_corners_come_back(corners: tuple[float, float, float, float]) -> None:
    x0, x1 = sorted(corners[::2])
    y0, y1 = sorted(corners[1::2])
    assert from_box(to_box((x0, y0, x1, y1))) == pytest.approx((x0, y0, x1, y1), abs=1e-6)


def test_numpy_corners_are_taken() -> None:
    assert from_box(to_box(np.array([1, 2, 3, 6], np.float32))) == (1.0, 2.0, 3.0, 6.0)


def test_a_rotated_box_gives_its_upright_hull() -> None:
    box = to_box((0.0, 0.0, 4.0, 2.0))
    box.center.theta = math.pi / 2
    assert from_box(box) == pytest.approx((1.0, -1.0, 3.0, 3.0))
    box.center.theta = math.pi / 4
    half = 3 / math.sqrt(2)
    assert from_box(box) == pytest.approx((2 - half, 1 - half, 2 + half, 1 + half))


@pytest.mark.parametrize("field", ["x", "theta", "size_x", "negative"])
def test_what_is_no_box(field: str) -> None:
    box = BoundingBox2D(size_x=4.0, size_y=2.0)
    if field == "x":
        box.center.position.x = math.nan
    elif field == "theta":
        box.center.theta = math.inf
    elif field == "size_x":
        box.size_x = math.nan
    else:
        box.size_y = -1.0
    with pytest.raises(ValueError, match="is not a box"):
        from_box(box)


def test_detections_carry_the_header_and_one_hypothesis_each() -> None:
    header = Header(frame_id="camera")
    made = to_detections(header, np.array([[0, 0, 2, 2], [1, 1, 5, 9]], np.float32), [0.5, 0.25],
                         ["person", "moving"])
    assert made.header == header
    assert [best_hypothesis(d) for d in made.detections] == [("person", 0.5), ("moving", 0.25)]
    assert [from_box(d.bbox) for d in made.detections] == [(0, 0, 2, 2), (1, 1, 5, 9)]
    assert all(d.header == header for d in made.detections)
    assert to_detections(header, np.zeros((0, 4), np.float32), [], []).detections == []


def test_lists_of_different_lengths_are_a_defect() -> None:
    with pytest.raises(ValueError):
        to_detections(Header(), np.zeros((2, 4), np.float32), [0.5], ["person"])


def test_the_best_hypothesis_is_the_one_of_the_greatest_score() -> None:
    detection = Detection2D(results=[hypothesis("cat", 0.2), hypothesis("dog", 0.7)])
    assert best_hypothesis(detection) == ("dog", 0.7)
    with pytest.raises(ValueError, match="no hypothesis"):
        best_hypothesis(Detection2D())

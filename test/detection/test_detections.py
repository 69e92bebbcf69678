"""The detections' own checks, and box arithmetic."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.detection import Detections
from smolvlm_ros.detection.boxes import as_boxes, clip, expanded, intersection, iou, suppress

TWO = Detections([[0, 0, 10, 20], [5, 5, 8, 9]], [0.9, 0.4], ("person", "box"))


def test_arrays_have_their_type_and_are_read_only() -> None:
    assert TWO.xyxy.dtype == np.float32 and TWO.scores.dtype == np.float32 and len(TWO) == 2
    with pytest.raises(ValueError, match="read-only"):
        TWO.xyxy[0, 0] = 1


def test_the_callers_array_stays_writable() -> None:
    boxes = np.array([[0, 0, 1, 1]], np.float32)
    Detections(boxes, [1.0], ("a",))
    boxes[0, 0] = 0.5


def test_none_is_a_valid_answer() -> None:
    for empty in (Detections(), Detections([], [], ())):
        assert empty.xyxy.shape == (0, 4) and len(empty) == 0


@pytest.mark.parametrize(("xyxy", "scores", "names", "words"), [
    # three numbers are no box
    ([[0, 0, 1]], [1.0], ("a",), r"shape \(1, 3\), expected \(N, 4\)"),
    # one box, no score
    ([[0, 0, 1, 1]], [], ("a",), "as many of each"),
    # one box, two names
    ([[0, 0, 1, 1]], [1.0], ("a", "b"), "as many of each"),
    # turned inside out
    ([[5, 0, 1, 1]], [1.0], ("a",), "right > left"),
    # no height
    ([[0, 1, 1, 1]], [1.0], ("a",), "bottom > top"),
    ([[0, 0, np.nan, 1]], [1.0], ("a",), "not finite"),
    ([[0, 0, np.inf, 1]], [1.0], ("a",), "not finite"),
    ([[0, 0, 1, 1]], [1.1], ("a",), "0 to 1"),
    ([[0, 0, 1, 1]], [np.nan], ("a",), "0 to 1"),
    ([[0, 0, 1, 1]], [0.5], ("",), "not empty"),
])
def test_what_cannot_be_is_refused(xyxy, scores, names, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Detections(xyxy, scores, names)


def test_select_and_where_and_join() -> None:
    assert TWO.select([1]).class_names == ("box",)
    assert TWO.select([False, True]).scores.tolist() == pytest.approx([0.4])
    assert len(TWO.select([])) == 0
    assert TWO.where(("person",)).class_names == ("person",)
    assert TWO.where(min_score=0.5).class_names == ("person",)
    assert len(TWO.where()) == 2
    assert (TWO + Detections()).class_names == TWO.class_names
    assert len(TWO + TWO) == 4


def test_iou_of_known_boxes() -> None:
    a = as_boxes([[0, 0, 2, 2]])
    b = as_boxes([[1, 0, 3, 2], [0, 0, 2, 2], [5, 5, 6, 6], [2, 0, 3, 2]])
    # a third in common, the same, apart, touching
    assert iou(a, b)[0].tolist() == pytest.approx([1 / 3, 1, 0, 0])
    assert intersection(a, b)[0].tolist() == [2, 4, 0, 0]


def test_clip_and_expand() -> None:
    assert clip(as_boxes([[-5, -5, 50, 5]]), 20, 10).tolist() == [[0, 0, 20, 5]]
    assert expanded(as_boxes([[0, 0, 10, 20]]), 0.5).tolist() == [[-5, -10, 15, 30]]


def test_suppression_keeps_the_best_and_what_stands_apart() -> None:
    boxes = as_boxes([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]])
    assert suppress(boxes, np.array([0.5, 0.9, 0.1])).tolist() == [1, 2]
    # a small box inside a large one has a low IoU, but lies inside
    boxes = as_boxes([[0, 0, 20, 20], [5, 5, 10, 10]])
    scores = np.array([0.9, 0.8])
    assert suppress(boxes, scores).tolist() == [0, 1]
    assert suppress(boxes, scores, max_inside=0.7).tolist() == [0]


@pytest.mark.parametrize("wrong", [[[1, 2, 3]], [1, 2, 3, 4], [[0, 0, 1, np.nan]]])
def test_boxes_of_another_shape_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="boxes"):
        as_boxes(wrong)


BOX = st.tuples(*[st.floats(-100, 100, width=32)] * 2, *[st.floats(0.125, 100, width=32)] * 2).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3]))


@given(st.lists(BOX, min_size=1, max_size=12), st.data())
def test_suppression_leaves_nothing_that_overlaps(boxes, data) -> None:
    xyxy = as_boxes(boxes)
    scores = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(boxes),
                                         max_size=len(boxes))))
    kept = suppress(xyxy, scores, max_iou=0.5)
    assert scores.max() == scores[kept[0]]  # the best always stays
    overlap = iou(xyxy[kept], xyxy[kept])
    assert (overlap[~np.eye(len(kept), dtype=bool)] <= 0.501).all()

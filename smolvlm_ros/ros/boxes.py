"""Boxes and detections as vision_msgs."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
)


def to_box(xyxy: Sequence[float]) -> BoundingBox2D:
    """A box message of corners (left, top, right, bottom) in pixels."""
    x0, y0, x1, y1 = (float(v) for v in xyxy)
    box = BoundingBox2D(size_x=x1 - x0, size_y=y1 - y0)
    box.center.position.x = (x0 + x1) / 2
    box.center.position.y = (y0 + y1) / 2
    return box


def from_box(box: BoundingBox2D) -> tuple[float, float, float, float]:
    """Corners (left, top, right, bottom) in pixels; a rotated box gives its upright hull.

    Raises:
        ValueError: on sizes below zero or numbers that are not finite.
    """
    x, y, turn = box.center.position.x, box.center.position.y, box.center.theta
    size = (box.size_x, box.size_y)
    if not np.isfinite((x, y, turn, *size)).all() or min(size) < 0:
        raise ValueError(f"box at ({x}, {y}) of size {size[0]} x {size[1]} px, rotated {turn} rad, "
                         "is not a box; expected finite numbers and sizes of at least 0")
    c, s = abs(np.cos(turn)), abs(np.sin(turn))
    half_x = (box.size_x * c + box.size_y * s) / 2
    half_y = (box.size_x * s + box.size_y * c) / 2
    return float(x - half_x), float(y - half_y), float(x + half_x), float(y + half_y)


def hypothesis(class_name: str, score: float) -> ObjectHypothesisWithPose:
    """A class with its score, pose left empty."""
    return ObjectHypothesisWithPose(
        hypothesis=ObjectHypothesis(class_id=class_name, score=float(score)))


def to_detections(header: Header, xyxy: NDArray[np.floating], scores: Sequence[float],
                  class_names: Sequence[str]) -> Detection2DArray:
    """Detections with one hypothesis each.

    Args:
        header: of the image.
        xyxy: shape (N, 4), pixels.
        scores: N values, 0 to 1.
        class_names: N names.
    """
    return Detection2DArray(header=header, detections=[
        Detection2D(header=header, bbox=to_box(box), results=[hypothesis(name, score)])
        for box, score, name in zip(xyxy, scores, class_names, strict=True)])


def boxes_by_id(message: Detection2DArray) -> dict[str, tuple[float, float, float, float]]:
    """Corners (left, top, right, bottom) in pixels, by track or zone.

    Raises:
        ValueError: a box is none, or an object or zone has no id.
    """
    if any(not detection.id for detection in message.detections):
        raise ValueError("an entry has no id; expected that of its track, or its zone's name")
    return {detection.id: from_box(detection.bbox) for detection in message.detections}


def best_hypothesis(detection: Detection2D) -> tuple[str, float]:
    """Class and score of the best hypothesis.

    Raises:
        ValueError: when there is none.
    """
    if not detection.results:
        raise ValueError("a detection has no hypothesis, so no class; expected at least one result")
    best = max(detection.results, key=lambda r: r.hypothesis.score)
    return best.hypothesis.class_id, float(best.hypothesis.score)


def to_point(xyz: Sequence[float] | NDArray[np.floating]) -> Point:
    """A point of three coordinates in metres."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))

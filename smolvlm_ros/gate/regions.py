"""Things that stand out from the scene in one frame, and their boxes."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.homography import is_identity

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_JOIN = np.ones((5, 5), np.uint8)
NEAR_PX = 4.0
"""Gap below which two boxes are near, work pixels."""
_SHARP = 1.0


@dataclass(frozen=True)
class Blob:
    """A patch of pixels that differ from the scene.

    Attributes:
        box: left, top, right, bottom in work pixels, right and bottom excluded.
        area: pixels that differ.
        active: pixels that also still change.
    """

    box: Box
    area: int
    active: int


def find_blobs(differs: NDArray[np.bool_], active: NDArray[np.bool_],
               sharp: NDArray[np.bool_], min_area_px: float
               ) -> tuple[list[Blob], NDArray[np.bool_]]:
    """Patches of differing pixels, speckle left out and near ones joined.

    Args:
        differs: shape (H, W).
        active: shape (H, W), the part of it that still changes.
        sharp: shape (H, W), the part of it that lies on an edge; a patch that has too few of them
            around it is a soft shadow.
        min_area_px: least number of differing pixels.

    Returns:
        the blobs, and a mask (H, W) of the pixels they cover, joined ones filled up.
    """
    solid = cv2.medianBlur(differs.view(np.uint8), 3)
    covered = np.zeros(differs.shape, bool)
    if np.count_nonzero(solid) < min_area_px:
        return [], covered
    part = around(solid, _JOIN.shape[0] // 2)
    solid = solid[part]
    joined = cv2.dilate(solid, _JOIN)
    count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        joined, 8, cv2.CV_32S, cv2.CCL_GRANA)
    areas = np.bincount(labels[solid > 0], minlength=count)
    moving = np.bincount(labels[active[part] & (solid > 0)], minlength=count)
    edges = np.bincount(labels[sharp[part]], minlength=count)
    big = (areas >= min_area_px) & (edges >= _SHARP * np.sqrt(areas))
    big[0] = False
    blobs = []
    for index in np.flatnonzero(big):
        left, top, width, height = (float(v) for v in stats[index, :4])
        left, top = left + part[1].start, top + part[0].start
        box = (min(left + 2, left + width / 2), min(top + 2, top + height / 2),
               max(left + width - 2, left + width / 2), max(top + height - 2, top + height / 2))
        blobs.append(Blob(box, int(areas[index]), int(moving[index])))
    covered[part] = big[labels]
    return blobs, covered


def around(mask: NDArray[Any], margin_px: int) -> tuple[slice, slice]:
    """The smallest part of an image that holds all pixels of a mask, and a margin around them.

    Args:
        mask: shape (H, W), bool or uint8.
        margin_px: cut off at the border of the image.

    Returns:
        rows and columns, for `image[part]`; next to nothing for an empty mask.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (slice(max(top - margin_px, 0), top + height + margin_px),
            slice(max(left - margin_px, 0), left + width + margin_px))


def extent(box: Box) -> float:
    """Area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """How well two boxes fit: intersection over union, below zero by their gap when apart."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return min(width, 0.0) + min(height, 0.0)
    both = width * height
    return both / (extent(a) + extent(b) - both)


def near(a: Box, b: Box,
         reach_px: float = NEAR_PX) -> bool:
    """True when two boxes overlap or are less than a few work pixels apart."""
    return (a[0] - reach_px < b[2] and b[0] - reach_px < a[2]
            and a[1] - reach_px < b[3] and b[1] - reach_px < a[3])


def moved_box(box: Box, matrix: NDArray[np.float64]
              ) -> Box:
    """The upright box around a box whose corners a homography has moved."""
    if is_identity(matrix):
        return box
    left, top, right, bottom = box
    corners = np.array([[[left, top]], [[right, top]], [[right, bottom]], [[left, bottom]]])
    moved = cv2.perspectiveTransform(corners, matrix)[:, 0]
    low, high = moved.min(0), moved.max(0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])

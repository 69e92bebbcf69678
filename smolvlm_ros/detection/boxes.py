"""Box arithmetic as pure functions on (N, 4) arrays of left, top, right, bottom."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_boxes(xyxy: ArrayLike, name: str = "boxes") -> NDArray[np.float32]:
    """The boxes as a (N, 4) float32 array; an empty sequence gives (0, 4).

    Raises:
        ValueError: when the shape is another or a value is not finite.
    """
    boxes = np.asarray(xyxy, np.float32)
    if boxes.size == 0:
        return np.zeros((0, 4), np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} have shape {boxes.shape}, expected (N, 4): left, top, right, "
                         "bottom")
    if not np.isfinite(boxes).all():
        raise ValueError(f"{name} have values that are not finite: {boxes.tolist()}")
    return boxes


def area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Area in square pixels, shape (N,); 0 for boxes turned inside out."""
    return np.prod(np.clip(xyxy[:, 2:] - xyxy[:, :2], 0, None), axis=1)


def intersection(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Common area of each pair in square pixels, shape (len(a), len(b))."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.clip(high - low, 0, None), axis=2)


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each pair, shape (len(a), len(b)), 0 to 1.

        iou([[0, 0, 2, 2]], [[1, 0, 3, 2]]) == [[1 / 3]]
    """
    common = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - common
    return common / np.maximum(union, 1e-9)


def clip(xyxy: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """The boxes cut at the image's border; may leave boxes of area 0."""
    return np.clip(xyxy, 0, np.array([width, height, width, height], np.float32))


def expanded(xyxy: NDArray[np.float32], ratio: float) -> NDArray[np.float32]:
    """The boxes with `ratio` of their width and height added on every side."""
    margin = (xyxy[:, 2:] - xyxy[:, :2]) * np.float32(ratio)
    return np.hstack([xyxy[:, :2] - margin, xyxy[:, 2:] + margin])


def suppress(xyxy: NDArray[np.float32], scores: NDArray[np.float32], *, max_iou: float = 0.5,
             max_inside: float = 1.0) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        xyxy: shape (N, 4).
        scores: shape (N,), any scale; the order in which boxes are kept.
        max_iou: a box that overlaps a kept one by more is dropped.
        max_inside: so is one of which a greater share than this lies inside a kept one.

    Returns:
        Indices of the boxes kept, in falling order of score.
    """
    order = np.argsort(-scores, kind="stable")
    common = intersection(xyxy, xyxy)
    own = np.maximum(area(xyxy), 1e-9)
    union = np.maximum(own[:, None] + own[None, :] - common, 1e-9)
    stays = (common <= max_iou * union) & (common <= max_inside * own[:, None])
    left = np.ones(len(order), bool)
    kept: list[int] = []
    for i in order:
        if left[i]:
            kept.append(int(i))
            left &= stays[:, i]
    return np.array(kept, np.intp)

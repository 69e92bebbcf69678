"""What D-FINE and RT-DETR give, as plain arrays: scores and boxes of queries, and their comparison.

Detections are compared as sets: the order of queries with nearly the same score is chance, and so
is, at the end of the list, which of them is in it.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float32)))).astype(np.float32)


def best(logits: NDArray[np.float32], boxes: NDArray[np.float32],
         count: int) -> NDArray[np.float32]:
    """The best pairs of a query and a class.

    Args:
        logits: shape (Q, C), by query and class.
        boxes: shape (Q, 4), x, y of the centre, width and height, as shares of the image.
        count: how many to give at most.

    Returns:
        Shape (N, 6) float32: class id, score, x, y, width, height, in falling order of score.
    """
    scores = sigmoid(logits)
    flat = scores.ravel()
    order = np.argsort(-flat, kind="stable")[:count]
    query, class_id = np.divmod(order, scores.shape[1])
    return np.column_stack([class_id, flat[order], boxes[query]]).astype(np.float32)


def unmatched(wanted: ArrayLike, got: ArrayLike, tolerance: float) -> float:
    """Share of the wanted detections for which none of the others is the same.

    Args:
        wanted: shape (N, 6), as `best` gives them.
        got: shape (M, 6).
        tolerance: greatest difference of the score and of each number of the box.

    Returns:
        0 to 1; 0 when nothing is wanted.
    """
    a = np.asarray(wanted, np.float64).reshape(-1, 6)
    b = np.asarray(got, np.float64).reshape(-1, 6)
    if not len(a):
        return 0.0
    near = np.abs(a[:, None, 1:] - b[None, :, 1:]).max(2, initial=0.0) <= tolerance
    same = near & (a[:, None, 0] == b[None, :, 0])
    return float(np.mean(~same.any(1)))


def rounded(detections: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    """The rows as numbers short enough to be written into a file."""
    return tuple(tuple(round(float(v), 5) for v in row) for row in detections)


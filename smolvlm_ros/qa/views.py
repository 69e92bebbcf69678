"""What a frame shows, coarsely: enough to tell whether something came or went."""
from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

View: TypeAlias = NDArray[np.uint8]  # shape (24, 32): grey values

_CELLS = (32, 24)
_CHANGED_CELLS = 38  # a twentieth of them: what somebody covers who comes in


def view_of(image_rgb: NDArray[np.uint8]) -> View:
    """The view of an image (height, width, 3)."""
    small = cv2.resize(image_rgb, _CELLS, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def change(first: View, second: View) -> float:
    """How much two views differ: mean difference of the grey values where it is largest, 0 to 255.
    """
    return float(changes(first[None], second)[0])


def changes(views: NDArray[np.uint8], other: View) -> NDArray[np.float64]:
    """How much each of several views differs from another one; see `change`.

    Args:
        views: shape (n, 24, 32).
        other: shape (24, 32).
    """
    cells = np.abs(views.astype(np.int16) - other).reshape(len(views), -1)
    return np.partition(cells, -_CHANGED_CELLS, axis=1)[:, -_CHANGED_CELLS:].mean(axis=1)

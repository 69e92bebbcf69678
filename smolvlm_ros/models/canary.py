"""The fixed input with which a model shows, before its first frame, that it computes right.

The picture is made of formulas, so export and robot make the same one with no file between them.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID = 8


def canary_image(height: int, width: int) -> NDArray[np.uint8]:
    """A picture with slopes, edges and fine texture, shape (height, width, 3) RGB uint8."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float64)
    v, u = v / height, u / width
    red = 0.5 + 0.5 * np.sin(6.0 * u + 9.0 * v * v)
    green = 0.7 * v + 0.3 * ((np.floor(8 * u) + np.floor(8 * v)) % 2)
    blue = np.where((u - 0.6) ** 2 + (v - 0.4) ** 2 < 0.04, 0.9, 0.2 + 0.3 * u)
    return np.round(255 * np.stack([red, green, blue], 2)).astype(np.uint8)


def fingerprint(output: NDArray[np.floating]) -> NDArray[np.float64]:
    """Means of an output map over a grid of 8x8 cells, shape (8, 8): what an export remembers."""
    rows = np.array_split(np.asarray(output, np.float64), GRID, axis=0)
    return np.array([[cell.mean() for cell in np.array_split(row, GRID, axis=1)] for row in rows])

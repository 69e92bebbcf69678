"""Bring the network's depth to the camera's resolution without inventing surfaces.

Interpolation between a near and a far sample makes points that hang in the air between two
objects. So values are blended only within a surface. Where the four samples around a pixel span a
step, the pixel takes one of them: the one whose colour in the image is most like its own, nearer
samples first. Every output value at a step is therefore a value the network predicted.
"""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Samples differing by more than this share of the nearer one lie on different surfaces.
STEP_SHARE = 0.08
# How many grey levels of difference in colour weigh as much as one sample of distance.
_COLOUR_LEVELS = 24.0
# Stand-ins for +Inf and NaN while comparing: farther than anything, and different from each other.
_INF, _NAN = 1e9, 2e9


def upsample_depth(depth_m: NDArray[np.float32], width: int, height: int,
                   guide_rgb: NDArray[np.uint8] | None = None) -> NDArray[np.float32]:
    """Resize a depth map.

    Args:
        depth_m: shape (h, w) float32; NaN and +Inf allowed, and kept to the pixels they belong to.
        width, height: size of the result.
        guide_rgb: shape (H, W, 3) uint8, the image, of any size; it decides which side of a step a
            pixel belongs to. Without it the nearest sample is taken.

    Returns:
        shape (height, width) float32. Each value is a blend of samples of one surface, or a sample.
    """
    if depth_m.shape == (height, width):
        return depth_m.copy()
    finite = bool(np.isfinite(depth_m).all())
    usable = depth_m if finite else np.nan_to_num(depth_m, nan=_NAN, posinf=_INF, neginf=_NAN)
    result = np.asarray(cv2.resize(usable, (width, height), interpolation=cv2.INTER_LINEAR),
                        np.float32)
    if not finite:  # whole cells of +Inf or NaN; their borders are steps, done below
        unknown = result > 1.5 * _INF
        result[result > 0.5 * _INF] = np.inf
        result[unknown] = np.nan
    rows, columns = _step_pixels(usable, width, height)
    if len(rows):
        result[rows, columns] = _pick(depth_m, guide_rgb, rows, columns, (height, width))
    return result


def _step_pixels(depth: NDArray[np.float32], width: int,
                 height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the output pixels whose four samples do not lie on one surface."""
    near = cv2.erode(depth, np.ones((2, 2), np.uint8), anchor=(0, 0),
                     borderType=cv2.BORDER_REPLICATE)
    far = cv2.dilate(depth, np.ones((2, 2), np.uint8), anchor=(0, 0),
                     borderType=cv2.BORDER_REPLICATE)
    step = far > near * (1 + STEP_SHARE)
    wide = _either(step, _cells(depth.shape[0], height), axis=0)
    rows, columns = np.nonzero(_either(wide, _cells(depth.shape[1], width), axis=1))
    return rows, columns


def _cells(size: int, new_size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The sample before each output pixel, when its position is a little less, and a little more.

    OpenCV computes positions in float: a pixel that lies exactly on a sample may be blended with
    either neighbour, and a millionth of +Inf's stand-in is hundreds of metres.
    """
    position = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    below, above = (np.clip(np.floor(position + shift).astype(np.intp), 0, size - 1)
                    for shift in (-1e-3, 1e-3))
    return below, above


def _either(mask: NDArray[np.bool_], indices: tuple[NDArray[np.intp], NDArray[np.intp]],
            axis: int) -> NDArray[np.bool_]:
    """The mask taken at the first indices or, where they differ, at any of the two."""
    taken = mask.take(indices[0], axis)
    if not np.array_equal(*indices):
        taken |= mask.take(indices[1], axis)
    return taken


def _samples(size: int, new_size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each output pixel: the sample before it and its distance to that, in samples (0 to 1)."""
    position = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    position = np.clip(position, 0, size - 1)
    before = np.minimum(position.astype(np.intp), max(size - 2, 0))
    return before, (position - before).astype(np.float32)


def _pick(depth: NDArray[np.float32], guide_rgb: NDArray[np.uint8] | None,
          rows: NDArray[np.intp], columns: NDArray[np.intp],
          size: tuple[int, int]) -> NDArray[np.float32]:
    """For each listed pixel, the one of its four samples that is nearest in place and colour."""
    (h, w), (height, width) = depth.shape, size
    row0, row_part = (a[rows] for a in _samples(h, height))
    column0, column_part = (a[columns] for a in _samples(w, width))
    if guide_rgb is not None:
        small = cv2.resize(guide_rgb, (w, h), interpolation=cv2.INTER_AREA)
        full = cv2.resize(guide_rgb, (width, height), interpolation=cv2.INTER_LINEAR) \
            if guide_rgb.shape[:2] != size else guide_rgb
        own = full[rows, columns].astype(np.int16)
    best = np.full(len(rows), np.inf, np.float32)
    value = np.empty(len(rows), np.float32)
    for down in (0, 1):
        for right in (0, 1):
            r, c = np.minimum(row0 + down, h - 1), np.minimum(column0 + right, w - 1)
            cost = np.abs(row_part - down) + np.abs(column_part - right)
            if guide_rgb is not None:
                colour = np.abs(small[r, c].astype(np.int16) - own).sum(1)
                cost = cost + colour.astype(np.float32) / (3 * _COLOUR_LEVELS)
            better = cost < best
            best[better] = cost[better]
            value[better] = depth[r[better], c[better]]
    return value

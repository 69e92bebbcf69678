"""From a received image to the small grey one on which the gate decides."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.config import parse_polygon

UNKNOWN = -1.0e6
"""Value of a work-image pixel that must not be looked at (masked, or outside the view)."""
KNOWN_MIN = -0.5
"""Work-image pixels above this are known; interpolation towards UNKNOWN falls below it."""
_THIN = 4


def check_frame(image: Any, stamp_s: float, full_size: tuple[int, int] | None) -> None:
    """Refuse what is no image, or no time.

    Raises:
        ValueError: naming what is wrong and what is expected.
    """
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image is a {type(image).__name__}, expected a numpy array HxWx3 or HxW")
    if image.dtype != np.uint8:
        raise ValueError(f"image has dtype {image.dtype}, expected uint8; scale it to 0..255 first")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"image has shape {image.shape}, expected HxWx3 or HxW")
    if image.shape[0] < 8 or image.shape[1] < 8:
        raise ValueError(f"image is {image.shape[1]}x{image.shape[0]} px, expected at least 8x8")
    if not math.isfinite(stamp_s):
        raise ValueError(f"stamp_s is {stamp_s}, expected a finite time in seconds")
    if full_size is not None and (len(full_size) != 2 or min(full_size) < 1):
        raise ValueError(f"full_size is {full_size}, expected (width, height) in pixels")


def work_size(width: int, height: int, work_width: int) -> tuple[int, int]:
    """Size (width, height) of the work image: never larger than the image itself."""
    if width <= work_width:
        return width, height
    return work_width, max(8, round(height * work_width / width))


def reduce_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image in grey at the work size.

    Large images are thinned to four times the work size first, so that the cost grows little with
    the camera's resolution; then 4x4 pixels are averaged, which takes noise down by as much.

    Args:
        image: shape (H, W, 3) or (H, W), uint8.
        size: (width, height) of the result.
    """
    small: Any = image
    if image.shape[1] > _THIN * size[0]:
        thinned = (_THIN * size[0], _THIN * size[1])
        small = cv2.resize(small, thinned, interpolation=cv2.INTER_NEAREST)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    if small.shape[1] == _THIN * size[0] and small.shape[0] == _THIN * size[1]:
        half = (2 * size[0], 2 * size[1])  # OpenCV halves twice faster than it quarters
        small = cv2.resize(small, half, interpolation=cv2.INTER_AREA)
    if small.shape[1::-1] != size:
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return np.array(small, np.uint8) if small is image else small


def reduce_colour(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image at the work size in its own channels.

    Args:
        image: shape (H, W, 3) or (H, W), uint8.
        size: (width, height) of the result.
    """
    if image.shape[1] > _THIN * size[0]:
        image = np.asarray(cv2.resize(image, (_THIN * size[0], _THIN * size[1]),
                                      interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def mask_image(polygons: Sequence[str], size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """True where the polygons say to look away, shape (height, width); None without polygons."""
    if not polygons:
        return None
    mask = np.zeros((size[1], size[0]), np.uint8)
    for text in polygons:
        corners = parse_polygon(text) * size - 0.5
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return mask.astype(bool)


class RepeatCheck:
    """Tells an image that is exactly the one before.

    Compares the whole work image and every eighth row of the received one: a sensor's noise never
    repeats in either.
    """

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None

    def repeated(self, image: NDArray[np.uint8], work: NDArray[np.uint8]) -> bool:
        """True when this image equals the last one given; keeps it for the next call."""
        rows, last = image[::8], self._last
        if last is not None and np.array_equal(last[1], work) and np.array_equal(last[0], rows):
            return True
        self._last = (rows.copy(), work)
        return False

    def clear(self) -> None:
        """Forget the last image."""
        self._last = None

"""An image to a detector's input tensor, with OpenCV.

The networks were trained on, and the Hugging Face processor uses, PIL's bilinear resize, whose
triangle widens when it shrinks an image (antialiasing). OpenCV's does not widen; the same triangle
as a filter before it makes up for that.
"""
from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray


class Preprocessor:
    """Resize images to one fixed input size and scale their values to 0..1.

    Args:
        height, width: the network's input in pixels.

    The tensor it returns is its own and overwritten by the next call.
    """

    def __init__(self, height: int, width: int) -> None:
        self._size = (width, height)
        self._table = (np.arange(256, dtype=np.float64) / 255).astype(np.float32)
        self._tensor = np.empty((1, 3, height, width), np.float32)

    def __call__(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The tensor of an image.

        Args:
            image_rgb: shape (H, W, 3) uint8. Its aspect is not kept: the network's input is
                filled, so that no pixel of the view is lost.

        Returns:
            shape (1, 3, height, width) float32, valid until the next call.
        """
        for channel, plane in enumerate(cv2.split(resize_rgb(image_rgb, *self._size))):
            cv2.LUT(plane, self._table, dst=self._tensor[0, channel])
        return self._tensor


def resize_rgb(image_rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an image as PIL's bilinear does, within rounding.

    Args:
        image_rgb: shape (H, W, 3) uint8.

    Returns:
        shape (height, width, 3) uint8.
    """
    rows, columns = image_rgb.shape[0] / height, image_rgb.shape[1] / width
    if rows > 1 or columns > 1:
        image_rgb = np.asarray(cv2.sepFilter2D(image_rgb, -1, _triangle(columns), _triangle(rows),
                                               borderType=cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_LINEAR),
                      np.uint8)


@lru_cache(maxsize=32)
def _triangle(shrink: float) -> NDArray[np.float32]:
    """Taps of PIL's kernel for that reduction, summing to 1.

    Linear interpolation between the taps, which is OpenCV's sampling, gives the triangle back
    except at its corners.
    """
    if shrink <= 1:
        return np.ones(1, np.float32)
    reach = int(np.ceil(shrink))
    taps = np.clip(1 - np.abs(np.arange(-reach, reach + 1)) / shrink, 0, None)
    return (taps / taps.sum()).astype(np.float32)

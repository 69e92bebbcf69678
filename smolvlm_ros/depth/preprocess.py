"""An image to the network's input tensor, with OpenCV and one table look-up per pixel and channel.

The Hugging Face processor does the same in float arithmetic on PIL's resize. Its bicubic kernel is
wider when it shrinks (antialiasing); OpenCV's is not, so larger reductions go through an area
average first, which keeps the two within 0.01 of each other on average (tested).
"""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_AREA_BELOW = 0.8  # shrinking by more than this averages areas; see benchmark and test


class Preprocessor:
    """Resize and normalise images for one fixed input size.

    Args:
        height, width: the network's input in pixels.
        mean, std: three each, for RGB scaled to 0..1.

    The tensor it returns is its own and overwritten by the next call.
    """

    def __init__(self, height: int, width: int, mean: Sequence[float],
                 std: Sequence[float]) -> None:
        levels = np.arange(256, dtype=np.float64) / 255
        self._size = (width, height)
        self._tables = [((levels - m) / s).astype(np.float32)
                        for m, s in zip(mean, std, strict=True)]
        self._tensor = np.empty((1, 3, height, width), np.float32)

    def __call__(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The tensor of an image.

        Args:
            image_rgb: shape (H, W, 3) uint8. Its aspect is not kept: the network's input is
                filled, so that no pixel of the view is lost.

        Returns:
            shape (1, 3, height, width) float32, valid until the next call.
        """
        resized = resize_rgb(image_rgb, *self._size)
        for channel, plane in enumerate(cv2.split(resized)):
            cv2.LUT(plane, self._tables[channel], dst=self._tensor[0, channel])
        return self._tensor


def resize_rgb(image_rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an image like PIL's bicubic does, shape (height, width, 3) uint8."""
    shrink = min(width / image_rgb.shape[1], height / image_rgb.shape[0])
    method = cv2.INTER_AREA if shrink < _AREA_BELOW else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_rgb, (width, height), interpolation=method), np.uint8)

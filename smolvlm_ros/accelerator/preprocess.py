"""An image to a network's input tensor, with OpenCV and one table look-up per pixel and channel.

The networks were trained with PIL's resize, and the Hugging Face processors use it. It widens its
kernel when it shrinks an image (antialiasing), which OpenCV's does not; a short filter before
OpenCV's makes up for that. The filters of each task are in its own `preprocess` module.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray


class ImageTensor:
    """Resize and normalise images for one fixed input size.

    Args:
        height, width: the network's input in pixels.
        resize: image, width and height to the image of that size.
        mean, std: three each, for RGB scaled to 0..1.

    The tensor it returns is its own and overwritten by the next call.
    """

    def __init__(self, height: int, width: int,
                 resize: Callable[[NDArray[np.uint8], int, int], NDArray[np.uint8]],
                 mean: Sequence[float] = (0.0, 0.0, 0.0),
                 std: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        levels = np.arange(256, dtype=np.float64) / 255
        self._size, self._resize = (width, height), resize
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
        for channel, plane in enumerate(cv2.split(self._resize(image_rgb, *self._size))):
            cv2.LUT(plane, self._tables[channel], dst=self._tensor[0, channel])
        return self._tensor


def resized(image_rgb: NDArray[np.uint8], width: int, height: int, interpolation: int,
            taps: Callable[[float], NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Resize an image with antialiasing.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        width, height: of the result.
        interpolation: one of OpenCV's.
        taps: from how many times smaller an axis becomes to the filter along it.

    Returns:
        shape (height, width, 3) uint8.
    """
    rows, columns = image_rgb.shape[0] / height, image_rgb.shape[1] / width
    if rows > 1 or columns > 1:
        image_rgb = np.asarray(cv2.sepFilter2D(image_rgb, -1, taps(columns), taps(rows),
                                               borderType=cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.resize(image_rgb, (width, height), interpolation=interpolation),
                      np.uint8)

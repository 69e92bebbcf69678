"""An image to the network's input tensor, with OpenCV and one table look-up per pixel and channel.

The networks were trained on, and the Hugging Face processor uses, PIL's bicubic resize, which
widens its kernel when it shrinks an image (antialiasing). OpenCV's cubic does not, and is up to 0.2
away on fine texture after normalisation. A short filter before it makes up for that: the mean
difference stays below 0.01 on photographs (tested), at a quarter of PIL's time.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

_PIL_CUBIC, _OPENCV_CUBIC = -0.5, -0.75  # the parameter `a` of the two bicubic kernels


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
        for channel, plane in enumerate(cv2.split(resize_rgb(image_rgb, *self._size))):
            cv2.LUT(plane, self._tables[channel], dst=self._tensor[0, channel])
        return self._tensor


def resize_rgb(image_rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an image as PIL's bicubic does, within rounding.

    Args:
        image_rgb: shape (H, W, 3) uint8.

    Returns:
        shape (height, width, 3) uint8.
    """
    rows, columns = image_rgb.shape[0] / height, image_rgb.shape[1] / width
    if rows > 1 or columns > 1:
        image_rgb = np.asarray(cv2.sepFilter2D(image_rgb, -1, _shrink_filter(columns),
                                               _shrink_filter(rows),
                                               borderType=cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_CUBIC),
                      np.uint8)


@lru_cache(maxsize=32)
def _shrink_filter(shrink: float) -> NDArray[np.float32]:
    """Taps p for which the sum of p[k] C(x - k) is nearest to PIL's kernel for that reduction.

    C is OpenCV's cubic kernel, which samples the filtered image afterwards. PIL's kernel is its own
    cubic, stretched by the reduction. Least squares on a fine grid; the taps add up to 1.
    """
    if shrink <= 1:
        return np.ones(1, np.float32)
    taps = np.arange(-int(np.ceil(2 * shrink)) - 1, int(np.ceil(2 * shrink)) + 2)
    x = np.linspace(-2 * shrink - 2, 2 * shrink + 2, 801)
    shifted = _cubic(x[:, None] - taps[None], _OPENCV_CUBIC)
    filter_taps = np.linalg.lstsq(shifted, _cubic(x / shrink, _PIL_CUBIC) / shrink, rcond=None)[0]
    return (filter_taps / filter_taps.sum()).astype(np.float32)


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel (IEEE Trans. ASSP 29, 1981) with parameter a."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))

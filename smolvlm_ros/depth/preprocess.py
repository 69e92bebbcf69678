"""An image to the depth network's input tensor.

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

from smolvlm_ros.accelerator.preprocess import ImageTensor, resized

_PIL_CUBIC, _OPENCV_CUBIC = -0.5, -0.75  # the parameter `a` of the two bicubic kernels


class Preprocessor(ImageTensor):
    """Resize and normalise images for one fixed input size; see `ImageTensor`.

    Args:
        height, width: the network's input in pixels.
        mean, std: three each, for RGB scaled to 0..1.
    """

    def __init__(self, height: int, width: int, mean: Sequence[float],
                 std: Sequence[float]) -> None:
        super().__init__(height, width, resize_rgb, mean, std)


def resize_rgb(image_rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an image as PIL's bicubic does, within rounding.

    Args:
        image_rgb: shape (H, W, 3) uint8.

    Returns:
        shape (height, width, 3) uint8.
    """
    return resized(image_rgb, width, height, cv2.INTER_CUBIC, _shrink_filter)


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

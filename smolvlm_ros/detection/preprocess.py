"""An image to a detector's input tensor.

The networks were trained on, and the Hugging Face processor uses, PIL's bilinear resize, whose
triangle widens when it shrinks an image (antialiasing). OpenCV's does not widen; the same triangle
as a filter before it makes up for that.
"""
from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.accelerator.preprocess import ImageTensor, resized


class Preprocessor(ImageTensor):
    """Resize images to one fixed input size and scale their values to 0..1; see `ImageTensor`.

    Args:
        height, width: the network's input in pixels.

    Attributes:
        fill: share of the input's width and height that the last image takes.
    """

    fill = (1.0, 1.0)

    def __init__(self, height: int, width: int) -> None:
        super().__init__(height, width, resize_rgb)


def resize_rgb(image_rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize an image as PIL's bilinear does, within rounding.

    Args:
        image_rgb: shape (H, W, 3) uint8.

    Returns:
        shape (height, width, 3) uint8.
    """
    return resized(image_rgb, width, height, cv2.INTER_LINEAR, _triangle)


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

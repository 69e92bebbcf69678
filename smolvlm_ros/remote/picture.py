"""Pixels to what a request carries: a JPEG made anew, so nothing but the pixels is in it."""
from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.settings import Settings, setting


@dataclass(frozen=True)
class PictureConfig(Settings):
    """How an image is sent to a server."""

    max_edge_px: int = setting(
        768, "Longer edge at most; a larger image is scaled down.", unit="px", ge=64, le=4096)
    jpeg_quality: int = setting(85, "Quality of the JPEG.", ge=30, le=100)


def shrunk(image_rgb: NDArray[np.uint8], max_edge_px: int) -> NDArray[np.uint8]:
    """The image with its longer edge at most so long, the aspect kept; itself when it is.

    Args:
        image_rgb: (H, W, 3) uint8.
        max_edge_px: pixels.

    Raises:
        ValueError: it is no such image.
    """
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8 or (
            not image_rgb.size):
        raise ValueError(f"image has shape {image_rgb.shape} and type {image_rgb.dtype}, "
                         "expected (H, W, 3) uint8 in RGB")
    height, width = image_rgb.shape[:2]
    scale = max_edge_px / max(height, width)
    if scale >= 1:
        return image_rgb
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image_rgb: NDArray[np.uint8], quality: int) -> bytes:
    """A JPEG of the pixels alone: no EXIF, no comment, no colour profile, no thumbnail."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"an image of shape {image_rgb.shape} cannot be written as JPEG")
    return bytes(data)


def data_url(jpeg_data: bytes) -> str:
    """A JPEG as the `data:` address that a request carries."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg_data).decode("ascii")


def prepared(image_rgb: NDArray[np.uint8], config: PictureConfig) -> str:
    """An image as a request carries it; raises ValueError for what is none."""
    return data_url(jpeg(shrunk(image_rgb, config.max_edge_px), config.jpeg_quality))

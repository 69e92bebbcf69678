"""The small pictures kept with moments."""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 65536
_QUALITIES = (85, 60, 30, 10)


def thumbnail(image_rgb: NDArray[np.uint8], width: int) -> bytes:
    """A JPEG of that width and at most 64 KiB; nothing where no quality makes it that small.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        width: pixels.
    """
    height = min(4 * width, max(1, round(image_rgb.shape[0] * width / image_rgb.shape[1])))
    small = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    for quality in _QUALITIES:
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and data.size <= MAX_BYTES:
            return data.tobytes()
    return b""

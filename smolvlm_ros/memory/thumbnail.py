"""The small pictures kept with moments."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.remote.privacy import SEARCH_EDGE, Box, PrivacyConfig, redact

MAX_BYTES = 65536
_QUALITIES = (85, 60, 30, 10)
_SEARCHED = 2  # times its size: a face of fewer than ten of its pixels is no face to anybody


def thumbnail(image_rgb: NDArray[np.uint8], width: int) -> bytes:
    """A JPEG of that width and at most 64 KiB; nothing where no quality makes it that small.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        width: pixels.
    """
    height = min(4 * width, max(1, round(image_rgb.shape[0] * width / image_rgb.shape[1])))
    small = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
    return _jpeg(np.asarray(small, np.uint8))


def covered(jpeg: bytes, person_boxes: Sequence[Box], config: PrivacyConfig) -> bytes:
    """The picture without faces and plates; nothing where no quality makes it small enough.

    Args:
        jpeg: of `thumbnail`.
        person_boxes: left, top, right, bottom of every person, as shares of width and height.
        config: what is covered.

    Raises:
        PrivacyError: faces cannot be looked for.
    """
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    image = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    height, width = image.shape[:2]
    boxes = [(x0 * width, y0 * height, x1 * width, y1 * height)
             for x0, y0, x1, y1 in person_boxes]
    edge = min(SEARCH_EDGE, _SEARCHED * max(height, width))
    return _jpeg(redact(image, boxes, config, edge).image_rgb)


def _jpeg(image_rgb: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    for quality in _QUALITIES:
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and data.size <= MAX_BYTES:
            return data.tobytes()
    return b""

"""Pictures as CompressedImage, as other programs make them."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

HEADER = Header(frame_id="camera")
JPEG_LOSS = 12  # flat areas at quality 95 and the edges of a smooth picture stay within this


def scene(width: int = 160, height: int = 120) -> Any:
    """A smooth RGB picture with another colour in each quarter."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:height // 2, :width // 2] = (220, 30, 30)
    rgb[:height // 2, width // 2:] = (30, 200, 30)
    rgb[height // 2:, :width // 2] = (30, 30, 210)
    rgb[height // 2:, width // 2:] = (200, 200, 60)
    return cv2.GaussianBlur(rgb, (0, 0), 4)


def packed(image: Any, text: str, extension: str = ".jpg", *options: int) -> CompressedImage:
    """A message as another program makes it: OpenCV's own coding of a BGR or grey array."""
    msg = CompressedImage(format=text)
    msg.data.frombytes(cv2.imencode(extension, image, list(options))[1].tobytes())
    return msg


def cut(msg: CompressedImage, begin: int, end: int | None = None) -> CompressedImage:
    """The message without the bytes from `begin` to `end`."""
    raw = bytes(msg.data)
    made = CompressedImage(format=msg.format)
    made.data.frombytes(raw[:begin] + (raw[end:] if end is not None else b""))
    return made


def difference(a: Any, b: Any) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())

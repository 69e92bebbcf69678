"""The part of a frame that a question is about: the model's few tokens are for the right pixels.

A small model is far better on a crop round an object than on the whole frame, which its tile scales
down to a few hundred pixels.
"""
from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.settings import Settings, setting

Box: TypeAlias = tuple[float, float, float, float]
OBJECT, FRAME = "object", "frame"


@dataclass(frozen=True)
class CropConfig(Settings):
    """What of a frame the question of a zone event is asked on."""

    of: str = setting(
        OBJECT, "'object': a square round the event's object, in frames that show it; 'frame': the "
        "whole frame. A template may say otherwise with its own `crop`; questions of 'leave' "
        "events are asked on the whole frame unless theirs does.", choices=(OBJECT, FRAME),
        runtime=True)
    enlargement: float = setting(
        1.8, "Edge of the crop over the longer edge of the object's box.", ge=1.0, le=10.0,
        runtime=True)
    min_px: int = setting(
        96, "Least edge of the crop; a smaller one would be enlarged to a blur.", unit="px", ge=8,
        le=4096, runtime=True)


def square_around(box: Box, width: int, height: int, config: CropConfig
                  ) -> tuple[int, int, int, int]:
    """The square part of an image round a box, moved into the image and clipped to it.

    `square_around((300, 200, 340, 300), 640, 480, CropConfig())` is `(230, 160, 410, 340)`.

    Args:
        box: left, top, right, bottom in pixels.
        width: of the image, pixels.
        height: of the image, pixels.
        config: enlargement and least edge.

    Returns:
        Left, top, right, bottom in whole pixels inside the image, the last two excluded.

    Raises:
        ValueError: the box is not finite, upside down, or outside the image.
    """
    left, top, right, bottom = box
    if not all(math.isfinite(v) for v in box) or right < left or bottom < top:
        raise ValueError(f"box {box} is none; expected finite left, top, right, bottom in pixels")
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        raise ValueError(f"box {box} lies outside of the image of {width}x{height} px")
    edge = max(round(config.enlargement * max(right - left, bottom - top)), config.min_px)
    x0, x1 = _span((left + right) / 2, edge, width)
    y0, y1 = _span((top + bottom) / 2, edge, height)
    return x0, y0, x1, y1


def cropped(frame: Frame, box: Box, config: CropConfig) -> Frame:
    """The part of a whole frame round a box; `region` says which. Raises as `square_around`."""
    height, width = frame.image_rgb.shape[:2]
    x0, y0, x1, y1 = region = square_around(box, width, height, config)
    part = np.ascontiguousarray(frame.image_rgb[y0:y1, x0:x1])
    return dataclasses.replace(frame, image_rgb=part, region=region)


class ObjectBoxes:
    """Where tracked objects were in the recent frames. Not thread-safe: the owner holds a lock.

    Attributes:
        kept: frames remembered; settable at any time.
        outside: boxes left out because they do not lie in their frame's image.
    """

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self.outside = 0
        self._boxes: OrderedDict[float, dict[str, Box]] = OrderedDict()
        self._newest_s = -math.inf

    def tell(self, stamp_s: float, boxes: Mapping[str, Box]) -> None:
        """What a frame shows: boxes by track; none where it shows nothing."""
        self._boxes[stamp_s] = dict(boxes)
        self._newest_s = stamp_s  # also back: a bag that loops
        while len(self._boxes) > self.kept:
            self._boxes.popitem(last=False)

    def known(self, stamp_s: float) -> bool:
        """True when it is known what that frame shows, or will not be told any more."""
        return stamp_s <= self._newest_s

    def crops(self, frames: Iterable[Frame], track_id: str, config: CropConfig) -> list[Frame]:
        """Crops of those frames that show the object, in their order."""
        found = []
        for frame in frames:
            boxes = self._boxes.get(frame.stamp_s, {})
            if track_id not in boxes:
                continue
            try:
                found.append(cropped(frame, boxes[track_id], config))
            except ValueError:  # of another image; once counted, it is not there
                self.outside += 1
                del boxes[track_id]
        return found


def _span(middle: float, length: int, limit: int) -> tuple[int, int]:
    """First and last pixel (excluded) of a stretch, moved into the image."""
    length = min(length, limit)
    begin = min(max(round(middle - length / 2), 0), limit - length)
    return begin, begin + length

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

from smolvlm_ros.qa.frames import RESET_S
from smolvlm_ros.qa.verdict import Cut, Frame
from smolvlm_ros.settings import Settings, setting

Box: TypeAlias = tuple[float, float, float, float]
OBJECT, ZONE, FRAME = "object", "zone", "frame"
_LEAST_SHARE = 1 / 8  # of the image's longer edge: less shows a model nothing


@dataclass(frozen=True)
class CropConfig(Settings):
    """What of a frame the question of a zone event is asked on."""

    of: str = setting(
        OBJECT, "'object': a square round the event's object, in frames that show it; 'zone': one "
        "round what the camera sees of the event's zone; 'frame': the whole frame. A template may "
        "say otherwise with its own `crop`; questions of 'leave' events are not asked about the "
        "object unless theirs does.", choices=(OBJECT, ZONE, FRAME), runtime=True)
    enlargement: float = setting(
        1.8, "Edge of the crop over the longer edge of the object's box.", ge=1.0, le=10.0,
        runtime=True)
    zone_enlargement: float = setting(
        1.1, "Edge of the crop over the longer edge of the box round a zone.", ge=1.0, le=10.0,
        runtime=True)
    min_px: int = setting(
        96, "Least edge of the crop; a smaller one would be enlarged to a blur.", unit="px", ge=8,
        le=4096, runtime=True)


@dataclass(frozen=True)
class Subject:
    """What is looked at: an object or a zone.

    Attributes:
        of: 'object' or 'zone'.
        name: the object's track, the zone's name.
    """

    of: str
    name: str

    def __str__(self) -> str:
        return f"{self.of} {self.name!r}"


def square_around(box: Box, width: int, height: int, config: CropConfig, of: str = OBJECT
                  ) -> tuple[int, int, int, int]:
    """The square part of an image round a box, moved into the image and clipped to it.

    `square_around((300, 200, 340, 300), 640, 480, CropConfig())` is `(230, 160, 410, 340)`.

    Args:
        box: left, top, right, bottom in pixels.
        width: of the image, pixels.
        height: of the image, pixels.
        config: enlargements and least edge.
        of: what the box is round: 'object' or 'zone'.

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
    larger = config.zone_enlargement if of == ZONE else config.enlargement
    # No larger than the image needs: a box may reach as far out as a float.
    edge = round(min(max(larger * max(right - left, bottom - top), config.min_px),
                     max(width, height)))
    x0, x1 = _span((left + right) / 2, edge, width)
    y0, y1 = _span((top + bottom) / 2, edge, height)
    return x0, y0, x1, y1


def cropped(frame: Frame, box: Box, config: CropConfig, of: str = OBJECT) -> Frame:
    """The part of a whole frame round a box, not copied; `region` says which.

    Raises as `square_around`, whose arguments these are.
    """
    height, width = frame.image_rgb.shape[:2]
    x0, y0, x1, y1 = region = square_around(box, width, height, config, of)
    return dataclasses.replace(frame, image_rgb=frame.image_rgb[y0:y1, x0:x1], region=region,
                               cut=Cut(box, width, height))


def tightened(crop: Frame, margin: float) -> Frame:
    """The part of a crop that shows what it was cut round, and little else; not copied.

    `tightened(cropped(frame, (200, 60, 350, 420), CropConfig()), 0.1)` of 640x480 px is the part
    `(185, 24, 365, 456)`.

    Args:
        crop: of `cropped`.
        margin: left on each side, as a share of the box's width and height.

    Raises:
        ValueError: it does not say what it was cut round.
    """
    if crop.region is None or crop.cut is None:
        raise ValueError("a frame that says nothing of what it was cut round cannot be cut closer")
    cut, (left, top, right, bottom) = crop.cut, crop.region
    least = _LEAST_SHARE * max(cut.width, cut.height)
    x0, x1 = _stretch(cut.box[0], cut.box[2], margin, least, left, right)
    y0, y1 = _stretch(cut.box[1], cut.box[3], margin, least, top, bottom)
    rows, columns = (slice(math.floor(a * crop.scale), math.ceil(b * crop.scale))
                     for a, b in ((y0 - top, y1 - top), (x0 - left, x1 - left)))
    return dataclasses.replace(crop, image_rgb=crop.image_rgb[rows, columns],
                               region=(x0, y0, x1, y1))


class KnownBoxes:
    """Where objects, or zones, were in the recent frames. Not thread-safe: the owner holds a lock.

    Args:
        kept: frames remembered.
        of: 'object' or 'zone'.

    Attributes:
        kept: frames remembered; settable at any time.
        outside: boxes left out because they do not lie in their frame's image.
    """

    def __init__(self, kept: int, of: str = OBJECT) -> None:
        self.kept = kept
        self.of = of
        self.outside = 0
        self._boxes: OrderedDict[float, dict[str, Box]] = OrderedDict()
        self._newest_s = -math.inf

    def tell(self, stamp_s: float, boxes: Mapping[str, Box]) -> None:
        """What a frame shows: boxes by track or zone; none where it shows nothing."""
        self.forget_after(stamp_s)
        self._boxes[stamp_s] = dict(boxes)
        self._newest_s = max(self._newest_s, stamp_s)
        while len(self._boxes) > self.kept:
            self._boxes.popitem(last=False)

    def known(self, stamp_s: float) -> bool:
        """True when it is known what that frame shows, or will not be told any more."""
        return stamp_s <= self._newest_s

    def forget_after(self, stamp_s: float) -> None:
        """Forget all when a frame has a stamp more than 1 s back: a restarted clock (a bag that
        loops, another simulation), by which the same stamps mean other frames."""
        if stamp_s < self._newest_s - RESET_S:
            self._boxes.clear()
            self._newest_s = -math.inf

    def crops(self, frames: Iterable[Frame], name: str, config: CropConfig) -> list[Frame]:
        """Crops of those frames that show the object or zone of that name, in their order."""
        found = []
        for frame in frames:
            boxes = self._boxes.get(frame.stamp_s, {})
            if name not in boxes:
                continue
            try:
                found.append(cropped(frame, boxes[name], config, self.of))
            except ValueError:  # of another image; once counted, it is not there
                self.outside += 1
                del boxes[name]
        return found


def _stretch(begin: float, end: float, margin: float, least: float, low: int, high: int
             ) -> tuple[int, int]:
    """First and last pixel (excluded) of a stretch with its margins, within limits."""
    begin, end = max(begin, low), min(end, high)
    more = max(margin * (end - begin), (least - (end - begin)) / 2)
    return max(math.floor(begin - more), low), min(math.ceil(end + more), high)


def _span(middle: float, length: int, limit: int) -> tuple[int, int]:
    """First and last pixel (excluded) of a stretch, moved into the image."""
    length = min(length, limit)
    begin = min(max(round(middle - length / 2), 0), limit - length)
    return begin, begin + length

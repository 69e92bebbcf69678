"""Where persons are in the recent frames: what is covered before pictures leave or are kept."""
from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.remote.privacy import Box

PERSON = "person"  # what the package's detectors call one


class Persons:
    """Boxes of persons by the stamp of their frame. Safe in threads.

    Args:
        kept: frames that are remembered.
    """

    def __init__(self, kept: int = 512) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._boxes: OrderedDict[float, tuple[Box, ...]] = OrderedDict()

    def tell(self, stamp_s: float, boxes: Sequence[Box]) -> None:
        """Take the boxes (left, top, right, bottom in pixels) of the persons in a frame."""
        with self._lock:
            self._boxes.pop(stamp_s, None)
            self._boxes[stamp_s] = tuple(boxes)
            while len(self._boxes) > self._kept:
                self._boxes.popitem(last=False)

    def forget(self) -> None:
        """Drop all boxes: the clock was set back, and a stamp may come again with another view."""
        with self._lock:
            self._boxes.clear()

    def at(self, stamp_s: float) -> tuple[Box, ...]:
        """The boxes of the persons in the whole frame of that stamp."""
        with self._lock:
            return self._boxes.get(stamp_s, ())

    def shown_in(self, frame: Frame) -> tuple[Box, ...]:
        """The boxes of the persons in a frame or a crop of one, in its own pixels."""
        boxes = self.at(frame.stamp_s)
        left, top = (0, 0) if frame.region is None else frame.region[:2]
        height, width = frame.image_rgb.shape[:2]
        moved = ((x0 - left, y0 - top, x1 - left, y1 - top) for x0, y0, x1, y1 in boxes)
        return tuple(box for box in moved
                     if box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0)

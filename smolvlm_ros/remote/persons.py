"""Where persons are in the recent frames: what is covered before pictures leave or are kept."""
from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.remote.privacy import Box, PrivacyError

PERSON = "person"  # what the package's detectors call one
NEAR_S = 1.0  # how far off in time the boxes of another frame still cover a person
_LOOK_S = 0.05


class PersonsUnknown(PrivacyError):  # noqa: N818 - nothing has failed
    """Which persons a frame shows was not told; nothing of it may leave or be kept then."""


class Persons:
    """Boxes of persons by the stamp of their frame. Safe in threads.

    They come later than the frame, in the frames' order, but for those that a detector leaves out:
    with the boxes of a frame, no older one is worth waiting for. One that was left out is covered
    where persons were in the frames just before and after it.

    Args:
        kept: frames that are remembered.
        teller: whether anybody tells of persons. Where nobody does, every frame counts as told:
            persons are covered only where a face is found.

    Attributes:
        withheld: how often it was asked in vain.
        without_own: how often the boxes of other frames, or none, had to do.
    """

    def __init__(self, kept: int = 512, teller: Callable[[], bool] = lambda: False) -> None:
        self.withheld = self.without_own = 0
        self._kept, self._teller = kept, teller
        self._changed = threading.Condition()
        self._told: OrderedDict[float, tuple[Box, ...]] = OrderedDict()
        self._further: OrderedDict[float, tuple[Box, ...]] = OrderedDict()

    def tell(self, stamp_s: float, boxes: Sequence[Box]) -> None:
        """Take the boxes (left, top, right, bottom in pixels) of all persons in a frame."""
        with self._changed:
            for stamp in [told for told in self._told if told > stamp_s + NEAR_S]:
                del self._told[stamp]  # of before the clock was set back, told after `forget`
            self._keep(self._told, stamp_s, boxes)
            self._changed.notify_all()

    def add(self, stamp_s: float, boxes: Sequence[Box]) -> None:
        """Take boxes of persons in a frame that need not be all; they are covered too."""
        with self._changed:
            self._keep(self._further, stamp_s, boxes)

    def forget(self) -> None:
        """Drop all boxes: the clock was set back, and a stamp may come again with another view."""
        with self._changed:
            self._told.clear()
            self._further.clear()

    def settled(self, stamp_s: float) -> bool:
        """True when nothing more is to be expected of the frame of that stamp."""
        with self._changed:
            if stamp_s in self._told or any(told > stamp_s for told in self._told):
                return True
        return not self._teller()

    def at(self, stamp_s: float, wait_s: float = 0.0,
           should_stop: Callable[[], bool] = lambda: False) -> tuple[Box, ...]:
        """The boxes of the persons in the whole frame of that stamp.

        Args:
            stamp_s: seconds.
            wait_s: how long to wait for them at most.
            should_stop: asked some twenty times a second; True ends the wait.

        Raises:
            PersonsUnknown: neither the frame's own boxes nor those of near ones were told.
        """
        until_s = time.monotonic() + wait_s
        while not (self.settled(stamp_s) or should_stop() or time.monotonic() >= until_s):
            with self._changed:
                self._changed.wait(_LOOK_S)
        teller = self._teller()
        with self._changed:
            further = self._further.get(stamp_s, ())
            own = self._told.get(stamp_s)
            if own is not None:
                return tuple(dict.fromkeys((*own, *further)))
            self.without_own += 1
            near = self._near(stamp_s)
            if teller and near is None:
                self.withheld += 1
                raise PersonsUnknown(
                    f"the detector told of no persons for the frame at {stamp_s:.3f} s, nor for "
                    f"one within {NEAR_S:g} s of it; see whether it keeps up, or raise "
                    "privacy.boxes_wait_s")
            return tuple(dict.fromkeys((*(near or ()), *further)))

    def shown_in(self, frame: Frame, wait_s: float = 0.0,
                 should_stop: Callable[[], bool] = lambda: False) -> tuple[Box, ...]:
        """The boxes of the persons in a frame or a part of one, in its own pixels; see `at`."""
        boxes = self.at(frame.stamp_s, wait_s, should_stop)
        left, top = (0, 0) if frame.region is None else frame.region[:2]
        height, width = frame.image_rgb.shape[:2]
        moved = (((x0 - left) * frame.scale, (y0 - top) * frame.scale, (x1 - left) * frame.scale,
                  (y1 - top) * frame.scale) for x0, y0, x1, y1 in boxes)
        return tuple(box for box in moved
                     if box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0)

    def _keep(self, boxes_of: OrderedDict[float, tuple[Box, ...]], stamp_s: float,
              boxes: Sequence[Box]) -> None:
        boxes_of.pop(stamp_s, None)
        boxes_of[stamp_s] = tuple(boxes)
        while len(boxes_of) > self._kept:
            boxes_of.popitem(last=False)

    def _near(self, stamp_s: float) -> tuple[Box, ...] | None:
        """The boxes of the frames next to that one; None where no frame is near."""
        near = [told for told in self._told if abs(told - stamp_s) <= NEAR_S]
        before = max((told for told in near if told < stamp_s), default=None)
        after = min((told for told in near if told > stamp_s), default=None)
        if before is None and after is None:
            return None
        return tuple(box for told in (before, after) if told is not None
                     for box in self._told[told])

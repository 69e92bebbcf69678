"""A frame and the gate's regions of it, which come on two topics in either order."""
from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
Boxes: TypeAlias = list[tuple[float, float, float, float]]

_KEPT = 64


class RegionJoin(Generic[T]):
    """Joins frames with regions by stamp. One frame waits at most; the caller gives every time.

    Args:
        wait_s: how long a frame waits for its regions.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._regions: OrderedDict[int, Boxes] = OrderedDict()
        self._waiting: tuple[int, T, float] | None = None

    def frame(self, stamp_ns: int, frame: T, now_s: float) -> Boxes | None:
        """Note a frame; returns its regions, or None: it waits for them."""
        regions = self._regions.pop(stamp_ns, None)
        if regions is None:
            self._waiting = (stamp_ns, frame, now_s)
        return regions

    def regions(self, stamp_ns: int, regions: Boxes) -> T | None:
        """Note regions; returns the frame that waits for them."""
        if self._waiting is not None and self._waiting[0] == stamp_ns:
            return self.give_up()
        self._regions[stamp_ns] = regions
        if len(self._regions) > _KEPT:
            self._regions.popitem(last=False)
        return None

    def overdue(self, now_s: float) -> T | None:
        """The frame that has waited for too long; it waits no more."""
        if self._waiting is None or now_s - self._waiting[2] <= self._wait_s:
            return None
        return self.give_up()

    def give_up(self) -> T | None:
        """The frame that waits, if any; it waits no more."""
        waiting, self._waiting = self._waiting, None
        return None if waiting is None else waiting[1]

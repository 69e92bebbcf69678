"""Frames that wait for the boxes of what is in them, which come later and not for every frame."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from smolvlm_ros.remote.persons import NEAR_S

T = TypeVar("T")
Boxes: TypeAlias = tuple[tuple[float, float, float, float], ...]

_KEPT = 64
_NEAR_NS = round(NEAR_S * 1e9)
_JUMP_NS = 1_000_000_000


@dataclass(frozen=True)
class Joined(Generic[T]):
    """A frame that waits no more.

    Attributes:
        frame: as it was given.
        boxes: left, top, right, bottom in pixels; where its own have not come, those of the frames
            before and after it that are at most a second away.
        own: whether they are its own.
    """

    frame: T
    boxes: Boxes
    own: bool


class BoxJoin(Generic[T]):
    """Joins frames with boxes by stamp; frames leave in the order in which they came.

    Boxes come in the frames' order too, but for those that a detector leaves out: with the boxes of
    a frame, no older one waits any longer. The caller gives every time. Not safe in threads.

    Args:
        most: frames that wait at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[int, tuple[T, float]] = OrderedDict()
        self._early: OrderedDict[int, Boxes] = OrderedDict()  # boxes whose frames are to come
        self._last: tuple[int, Boxes] | None = None
        self._newest_ns = 0

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._waiting)

    def frame(self, stamp_ns: int, frame: T, now_s: float) -> list[Joined[T]]:
        """Note a frame; returns those that wait no more, this one included where it need not."""
        if stamp_ns < self._newest_ns - _JUMP_NS:  # the clock was set back: known boxes are others'
            self._early.clear()
            self._last = None
        self._newest_ns = stamp_ns
        again = [self._give_up(stamp_ns)] if stamp_ns in self._waiting else []
        self._waiting[stamp_ns] = (frame, now_s)
        boxes = self._early.pop(stamp_ns, None)
        if boxes is not None:
            return [*again, *self._joined(stamp_ns, boxes)]
        return again + [self._give_up(next(iter(self._waiting)))
                        for _ in range(len(self._waiting) - self._most)]

    def boxes(self, stamp_ns: int, boxes: Boxes) -> list[Joined[T]]:
        """Note the boxes of a frame; returns the frames that wait no more."""
        if stamp_ns in self._waiting:
            return list(self._joined(stamp_ns, boxes))
        self._early[stamp_ns] = boxes
        if len(self._early) > _KEPT:
            self._early.popitem(last=False)
        return []

    def overdue(self, now_s: float, wait_s: float) -> list[Joined[T]]:
        """The frames that have waited for longer than that; they wait no more."""
        late = [stamp for stamp, (_, since_s) in self._waiting.items() if now_s - since_s > wait_s]
        return [self._give_up(stamp) for stamp in late]

    def _joined(self, stamp_ns: int, boxes: Boxes) -> Iterator[Joined[T]]:
        for older in list(self._waiting):
            if older == stamp_ns:
                break
            yield self._give_up(older, (stamp_ns, boxes))
        self._last = (stamp_ns, boxes)
        yield Joined(self._waiting.pop(stamp_ns)[0], boxes, own=True)

    def _give_up(self, stamp_ns: int, after: tuple[int, Boxes] | None = None) -> Joined[T]:
        near: Boxes = ()
        for neighbour in (self._last, after):
            if neighbour is not None and abs(neighbour[0] - stamp_ns) <= _NEAR_NS:
                near += neighbour[1]
        return Joined(self._waiting.pop(stamp_ns)[0], near, own=False)

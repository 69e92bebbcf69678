"""Which camera_info belongs to a frame that is passed on, whichever of the two comes first."""
from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT = 32  # messages: a second of a camera's


class InfoPairing(Generic[T]):
    """Pairs frames that passed with the messages of their stamps. The caller gives every time.

    Args:
        wait_s: how long a frame waits for its message before it counts as alone.
        kept: how many messages wait for their frames.
    """

    def __init__(self, wait_s: float, kept: int = KEPT) -> None:
        self._wait_s = wait_s
        self._kept = kept
        self._messages: OrderedDict[int, T] = OrderedDict()
        self._waiting: OrderedDict[int, float] = OrderedDict()

    def came(self, stamp_ns: int, message: T) -> T | None:
        """Note a message; returns it when a frame of its stamp waits for it."""
        if self._waiting.pop(stamp_ns, None) is not None:
            return message
        self._messages.pop(stamp_ns, None)  # what comes again under one stamp is the newest
        self._messages[stamp_ns] = message
        if len(self._messages) > self._kept:
            self._messages.popitem(last=False)
        return None

    def passed(self, stamp_ns: int, now_s: float) -> T | None:
        """Note a frame that passed; returns its message, or None: it waits for it."""
        message = self._messages.pop(stamp_ns, None)
        if message is None:
            self._waiting[stamp_ns] = now_s
        return message

    def alone(self, now_s: float) -> int:
        """How many frames have waited in vain; they are given up."""
        given_up = [stamp for stamp, since_s in self._waiting.items()
                    if now_s - since_s > self._wait_s]
        for stamp in given_up:
            del self._waiting[stamp]
        return len(given_up)

"""One deadline for everything that a request does, and the wish to stop before it."""
from __future__ import annotations

import time
from collections.abc import Callable

from smolvlm_ros.remote.errors import Cancelled, OutOfTime

_SLICE_S = 0.05  # how soon a wish to stop is noticed while nothing happens


class Deadline:
    """The end of a request's time.

    Attributes:
        seconds: the time there was in all.
    """

    def __init__(self, seconds: float, should_stop: Callable[[], bool] = lambda: False,
                 clock: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        """Begin now. `clock` and `sleep` in seconds."""
        self.seconds = seconds
        self._should_stop = should_stop
        self._clock = clock
        self._sleep = sleep
        self._end_s = clock() + seconds

    def left_s(self) -> float:
        """Seconds left, above 0.

        Raises:
            OutOfTime: none are.
            Cancelled: the answer is not wanted any more.
        """
        if self._should_stop():
            raise Cancelled("the request was cancelled")
        left = self._end_s - self._clock()
        if left <= 0:
            raise OutOfTime(f"no complete answer within timeout_s = {self.seconds:g} s; is the "
                            "server busy, or the model too large?")
        return left

    @property
    def expired(self) -> bool:
        """True when no time is left."""
        return self._clock() >= self._end_s

    def slice_s(self) -> float:
        """How long to wait before the next look at this deadline; raises as `left_s` does."""
        return min(self.left_s(), _SLICE_S)

    def wait(self, seconds: float) -> None:
        """Sleep; raises as `left_s` does."""
        until = self._clock() + seconds
        while (rest := until - self._clock()) > 0:
            self._sleep(min(rest, self.slice_s()))
        self.left_s()

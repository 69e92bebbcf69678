"""Clients that wait in callbacks: a bounded number, and an end in which all of them leave."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from smolvlm_ros.qa.rate import RateConfig, RateLimiter
from smolvlm_ros.qa.scheduler import Refused

_ANSWER_S = 0.5  # from the end of a callback to the answer in the client's hands


class Waiters:
    """Lets so many clients wait at once; the executor's other threads stay free for messages.

    Args:
        most: clients that may wait at once.
        rate: how often each may ask.
    """

    def __init__(self, most: int, rate: RateConfig | None = None) -> None:
        self._most = most
        self._rate = RateLimiter(rate)
        self._count = 0
        self._left_s = -math.inf  # when the last one left, of time.monotonic
        self._changed = threading.Condition()

    def configure(self, rate: RateConfig) -> None:
        """Take another limit."""
        with self._changed:
            self._rate.config = rate

    @contextmanager
    def admitted(self, client: str = "") -> Iterator[None]:
        """Inside, a client waits.

        Args:
            client: its name.

        Raises:
            Refused: it asks too often, or as many as are allowed wait already.
        """
        with self._changed:
            self._rate.admit(client)
            if self._count >= self._most:
                raise Refused(f"{self._count} clients wait already; ask again later")
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._left_s = time.monotonic()
                self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until all have left and have had the time to get their answers.

        The executor sends an answer only after its callback, and a busy client that hears of its
        service's end before it has taken the answer drops it.

        Returns:
            False when some have not left within the time.
        """
        with self._changed:
            empty = self._changed.wait_for(lambda: not self._count, timeout_s)
            time.sleep(max(0.0, self._left_s + _ANSWER_S - time.monotonic()))
            return empty

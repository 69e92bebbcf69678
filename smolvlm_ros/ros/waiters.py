"""Clients that wait in callbacks: a bounded number, and an end in which all of them leave."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from smolvlm_ros.qa.rate import RateConfig, RateLimiter
from smolvlm_ros.qa.scheduler import Refused


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
                self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until all have left; False when some have not within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._count, timeout_s)

"""Clients that wait in callbacks: a bounded number, and an end in which all of them leave."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from smolvlm_ros.qa.rate import RateConfig, RateLimiter
from smolvlm_ros.qa.scheduler import Refused

_ANSWER_S = 0.5  # from the sent answer, or an action's end, to the client's hands
_RESTS = 2  # who asks without a pause does not keep a service from its end


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
        self._unsent = 0
        self._here = threading.local()  # whether this thread has an answer to send
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

    def until_sent(self, service: Any) -> None:
        """Have `wait_empty` wait for every answer of a service to be sent.

        The executor sends it only after the callback, in the same thread.

        Args:
            service: of rclpy; its callback and its send_response are replaced.
        """
        callback, send = service.callback, service.send_response

        def answer(request: Any, response: Any) -> Any:
            with self._changed:
                self._unsent += 1
            self._here.unsent = True
            try:
                return callback(request, response)
            except BaseException:
                self._note_sent()
                raise

        def sent(response: Any, header: Any) -> None:
            try:
                send(response, header)
            finally:
                self._note_sent()

        service.send_response, service.callback = sent, answer

    def _note_sent(self) -> None:
        if not getattr(self._here, "unsent", False):
            return  # asked before `until_sent`
        self._here.unsent = False
        with self._changed:
            self._unsent -= 1
            self._left_s = time.monotonic()
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until all have left and have had the time to get their answers.

        A busy client that hears of its service's end before it has taken the answer drops it. Who
        asks meanwhile is answered, and waited for too, once.

        Returns:
            False when some have not left within the time.
        """
        until_s = time.monotonic() + timeout_s
        for _ in range(_RESTS):
            empty, rest_s = self._look(until_s)
            if rest_s <= 0:
                return empty
            time.sleep(rest_s)  # without the lock: whoever asks needs it
        return self._look(until_s)[0]

    def _look(self, until_s: float) -> tuple[bool, float]:
        """Whether all have left by that time, and how long the last one's answer may take yet."""
        with self._changed:
            empty = self._changed.wait_for(lambda: not self._count and not self._unsent,
                                           max(0.0, until_s - time.monotonic()))
            return empty, self._left_s + _ANSWER_S - time.monotonic()

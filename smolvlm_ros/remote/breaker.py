"""The circuit breaker: a server that is down costs one timeout now and then, not one a question."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from smolvlm_ros.remote.errors import CircuitOpen
from smolvlm_ros.settings import Settings, setting


@dataclass(frozen=True)
class BreakerConfig(Settings):
    """When a server is left alone, and for how long."""

    failures: int = setting(3, "So many failed requests one after the other, and the server is "
                            "left alone.", ge=1, le=100)
    pause_s: float = setting(30.0, "For so long; then one request tries it.", unit="s", ge=0.1,
                             le=3600.0)


class State(str, Enum):
    """What a breaker lets through."""

    CLOSED = "closed"  # everything
    OPEN = "open"  # nothing
    HALF_OPEN = "half_open"  # one probe


class Breaker:
    """Counts failures of one server. Safe for several threads.

    Each `enter` must be followed by one `leave` with what became of the request.
    """

    def __init__(self, config: BreakerConfig, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, never going back."""
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_s: float | None = None
        self._probe: int | None = None  # the ticket of the probe under way
        self._tickets = 0

    @property
    def state(self) -> State:
        """What would become of a request now."""
        with self._lock:
            return self._state()

    def enter(self) -> int:
        """Ask to send.

        Returns:
            A ticket for `leave`.

        Raises:
            CircuitOpen: the server is left alone, or a probe is under way.
        """
        with self._lock:
            state = self._state()
            if state is State.OPEN or self._probe is not None:
                assert self._opened_s is not None
                wait_s = max(self._opened_s + self._config.pause_s - self._clock(), 0.0)
                when = "one request is trying it" if self._probe is not None else (
                    f"it is tried again in {wait_s:.1f} s")
                raise CircuitOpen(f"the server failed {self._failures} times one after the other; "
                                  f"{when}")
            self._tickets += 1
            if state is State.HALF_OPEN:
                self._probe = self._tickets
            return self._tickets

    def leave(self, ticket: int, succeeded: bool | None) -> None:
        """Say what became of a request.

        Args:
            ticket: from `enter`.
            succeeded: None when it says nothing about the server, as when it was cancelled.
        """
        with self._lock:
            probing = ticket == self._probe
            if probing:
                self._probe = None
            if succeeded:
                # A late success of before the opening does not close it; the probe's does.
                if self._opened_s is None or probing:
                    self._failures = 0
                    self._opened_s = None
            elif succeeded is False and (self._opened_s is None or probing):
                self._failures += 1
                if probing or self._failures >= self._config.failures:
                    self._opened_s = self._clock()

    def _state(self) -> State:
        if self._opened_s is None:
            return State.CLOSED
        if self._clock() - self._opened_s < self._config.pause_s:
            return State.OPEN
        return State.HALF_OPEN

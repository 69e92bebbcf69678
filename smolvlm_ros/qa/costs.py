"""How long requests take, by what was measured lately."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median_low

_SAMPLES = 8  # durations of which the median is the estimate


class Costs:
    """Durations of each kind of request. Not safe for several threads at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing is known yet; `clock` gives seconds."""
        self._clock = clock
        self._durations: dict[str, deque[tuple[float, float]]] = {}  # when it ended, how long

    def note(self, kind: str, duration_s: float) -> None:
        """A request of that kind has ended just now."""
        samples = self._durations.setdefault(kind, deque(maxlen=_SAMPLES))
        samples.append((self._clock(), duration_s))

    def median_s(self, kind: str, since_s: float, at_least: int = 1) -> float:
        """Median (of two, the lower) of the last ones that ended in the last `since_s`; 0 where
        there are fewer than `at_least`."""
        oldest_s = self._clock() - since_s
        known = [duration for ended_s, duration in self._durations.get(kind, ())
                 if ended_s >= oldest_s]
        return median_low(known) if len(known) >= at_least else 0.0

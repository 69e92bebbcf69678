"""Counters and latency percentiles of a node, cheap enough for every frame and safe in threads."""
from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

_WINDOW = 512


@dataclass(frozen=True)
class Percentiles:
    """Latency in milliseconds over the last measurements, and how many there were in all."""

    p50: float
    p95: float
    p99: float
    count: int


class Stats:
    """Named counters and named latencies of the last 512 measurements each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, int] = {}
        self._latencies_ms: dict[str, deque[float]] = {}
        self._latency_counts: dict[str, int] = {}

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter; it begins at 0."""
        with self._lock:
            self._counters[name] = self._counters.get(name, 0) + amount

    def latency(self, name: str, value_ms: float) -> None:
        """Note one latency in milliseconds."""
        with self._lock:
            self._latencies_ms.setdefault(name, deque(maxlen=_WINDOW)).append(value_ms)
            self._latency_counts[name] = self._latency_counts.get(name, 0) + 1

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long the block takes, also when it raises."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.latency(name, (time.perf_counter() - begin) * 1e3)

    def counters(self) -> dict[str, int]:
        """All counters, in order of first use."""
        with self._lock:
            return dict(self._counters)

    def percentiles(self) -> dict[str, Percentiles]:
        """All latencies; empty ones are left out."""
        with self._lock:
            windows = {k: (np.array(v), self._latency_counts[k])
                       for k, v in self._latencies_ms.items() if v}
        result = {}
        for name, (values, count) in windows.items():
            p50, p95, p99 = np.percentile(values, (50, 95, 99))
            result[name] = Percentiles(float(p50), float(p95), float(p99), count)
        return result

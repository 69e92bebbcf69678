"""Counters and percentiles."""
from __future__ import annotations

import threading

import pytest

from smolvlm_ros.ros.stats import Stats


def test_percentiles_of_known_numbers() -> None:
    stats = Stats()
    for value in range(1, 101):
        stats.latency("gate", float(value))
    found = stats.percentiles()["gate"]
    assert found.p50 == pytest.approx(50.5) and found.p95 == pytest.approx(95.05)
    assert found.p99 == pytest.approx(99.01) and found.count == 100


def test_only_the_last_512_count_for_percentiles_but_all_are_counted() -> None:
    stats = Stats()
    for value in [1000.0] * 600 + [1.0] * 512:
        stats.latency("x", value)
    assert stats.percentiles()["x"].p99 == 1.0 and stats.percentiles()["x"].count == 1112


def test_counters_add_up_over_threads() -> None:
    stats = Stats()
    threads = [threading.Thread(target=lambda: [stats.count("n") for _ in range(1000)])
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stats.counters() == {"n": 4000}


def test_timed_notes_also_when_the_block_raises() -> None:
    stats = Stats()
    with pytest.raises(KeyError), stats.timed("x"):
        raise KeyError
    assert stats.percentiles()["x"].count == 1

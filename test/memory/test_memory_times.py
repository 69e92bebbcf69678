"""Points in time as people write them."""
from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from smolvlm_ros.memory.times import parse_time, show_time

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(("text", "expected"), [
    ("now", NOON), ("10m", NOON - timedelta(minutes=10)), ("1.5h ago", NOON - timedelta(hours=1.5)),
    ("3d", NOON - timedelta(days=3)), ("2026-11-20T10:00:00Z", NOON - timedelta(hours=26)),
    ("2026-11-20t11:00+01:00", NOON - timedelta(hours=26)),
])
def test_times(text: str, expected: datetime) -> None:
    assert parse_time(text, NOON) == round(expected.timestamp()) * 10**9


def test_local_times() -> None:
    now = datetime.now().astimezone()
    midnight = datetime(now.year, now.month, now.day).timestamp()
    assert parse_time("today", now) == round(midnight) * 10**9
    assert parse_time("yesterday", now) < parse_time("today", now)
    at = datetime(now.year, now.month, now.day, 9, 5).timestamp()
    assert parse_time("9:05", now) == parse_time("09:05:00", now) == round(at) * 10**9
    assert parse_time(show_time(1_700_000_000 * 10**9).replace(" ", "T")) == 1_700_000_000 * 10**9


def test_stamps_are_exact() -> None:
    assert parse_time("1700000000.123456789") == 1_700_000_000_123_456_789
    assert show_time(12_500_000_000) == "12.50 s"  # of a simulation


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "-5", "1e9", "1960-01-01",
                                  "9999999999", "999999999999d"])
def test_what_is_no_time_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write 10m, 2h"):
        parse_time(text, NOON)

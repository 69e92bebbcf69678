"""Stamps: no nanosecond may get lost, since they are what messages are joined by."""
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("builtin_interfaces.msg", reason="needs the message types of ROS 2")

from builtin_interfaces.msg import Time  # noqa: E402

from smolvlm_ros.ros.stamps import (  # noqa: E402
    ExactStamps,
    check_stamp,
    from_nanoseconds,
    from_seconds,
    to_nanoseconds,
    to_seconds,
)

nanoseconds = st.integers(0, 2**31 * 10**9 - 1)


@given(nanoseconds)
def test_nanoseconds_come_back(value: int) -> None:
    assert to_nanoseconds(from_nanoseconds(value)) == value


@given(nanoseconds)
def test_seconds_are_right_to_a_microsecond(value: int) -> None:
    assert to_seconds(from_nanoseconds(value)) == pytest.approx(value * 1e-9, abs=5e-7, rel=0)


def test_only_exactly_zero_is_no_stamp() -> None:
    check_stamp(Time(nanosec=1))
    check_stamp(Time(sec=1))
    with pytest.raises(ValueError, match="no stamp"):
        check_stamp(Time())


@pytest.mark.parametrize("value", [-1, 2**31 * 10**9])
def test_what_no_stamp_can_hold(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        from_nanoseconds(value)


@pytest.mark.parametrize("value", [-0.1, 2.0**31, math.nan, math.inf])
def test_seconds_that_no_stamp_can_hold(value: float) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        from_seconds(value)


def test_rounding_up_to_a_whole_second() -> None:
    assert from_seconds(1.9999999999) == Time(sec=2, nanosec=0)


@given(nanoseconds)
def test_the_very_stamp_comes_back_from_seconds(value: int) -> None:
    stamps = ExactStamps()
    stamp = from_nanoseconds(value)
    assert stamps.stamp(stamps.seconds(stamp)) is stamp


def test_a_forgotten_stamp_comes_back_nearly() -> None:
    stamps = ExactStamps(kept=2)
    seconds = [stamps.seconds(from_nanoseconds(1_700_000_000_123_456_789 + i * 10**9))
               for i in range(3)]
    near = to_nanoseconds(stamps.stamp(seconds[0]))
    assert abs(near - 1_700_000_000_123_456_789) < 500
    assert stamps.stamp(-5.0) == Time()  # before any time: the earliest there is

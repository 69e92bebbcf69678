"""One client may ask only so often, and does not keep others from asking."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa import rate
from smolvlm_ros.qa.rate import RateConfig, RateLimiter
from smolvlm_ros.qa.scheduler import Refused


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def admitted(limiter: RateLimiter, client: str, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            limiter.admit(client)
        except Refused:
            continue
        count += 1
    return count


def test_a_burst_then_the_rate_and_others_are_not_touched() -> None:
    clock = Clock()
    limiter = RateLimiter(RateConfig(per_client_hz=2.0, burst=4), clock)
    assert admitted(limiter, "a", 9) == 4
    assert admitted(limiter, "b", 9) == 4
    with pytest.raises(Refused, match=r"a may ask 2 times a second .*again in 0.50 s"):
        limiter.admit("a")
    clock.now_s += 0.5
    assert admitted(limiter, "a", 9) == 1
    clock.now_s += 1000
    assert admitted(limiter, "a", 9) == 4
    with pytest.raises(Refused, match="clients without a name"):
        admitted(limiter, "", 4)
        limiter.admit("")


def test_without_a_limit_everything_is_admitted() -> None:
    assert admitted(RateLimiter(RateConfig(per_client_hz=0.0)), "a", 1000) == 1000


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.1, 5), st.integers(1, 5))
def test_never_more_than_the_burst_and_what_the_time_gave(
        waits: list[float], hz: float, burst: int) -> None:
    clock = Clock()
    limiter = RateLimiter(RateConfig(per_client_hz=hz, burst=burst), clock)
    count = 0
    for wait in waits:
        clock.now_s += wait
        count += admitted(limiter, "a", 3)
        assert count <= burst + hz * (clock.now_s - 100.0) + 1e-6


def test_clients_are_forgotten_the_quiet_ones_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_CLIENTS", 3)
    limiter = RateLimiter(RateConfig(per_client_hz=0.001, burst=1), Clock())
    for name in "abc":
        assert admitted(limiter, name, 2) == 1
    assert admitted(limiter, "d", 2) == 1  # a is forgotten
    assert admitted(limiter, "b", 1) == 0 and admitted(limiter, "a", 1) == 1

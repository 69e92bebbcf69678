"""The circuit breaker as a table: what happens, what it lets through."""
from __future__ import annotations

import pytest

from smolvlm_ros.remote.breaker import Breaker, BreakerConfig, State
from smolvlm_ros.remote.errors import CircuitOpen

CONFIG = BreakerConfig(failures=2, pause_s=10.0)
CLOSED, OPEN, HALF = State.CLOSED, State.OPEN, State.HALF_OPEN

# Each step: 'ok', 'fail' or 'cancel' for a whole request; 'no' for one that must be refused;
# 'enter' and 'leave ok' or 'leave fail' for one under way; a number for so many seconds.
TABLE = [
    ("new", [], CLOSED),
    ("one failure", ["fail"], CLOSED),
    ("enough failures", ["fail", "fail"], OPEN),
    ("a success in between", ["fail", "ok", "fail"], CLOSED),
    ("a cancelled one in between", ["fail", "cancel", "fail"], OPEN),
    ("cancelled ones", ["cancel", "cancel", "cancel"], CLOSED),
    ("refused while open", ["fail", "fail", "no", 9.9, "no"], OPEN),
    ("after the pause", ["fail", "fail", 10.0], HALF),
    ("the probe succeeds", ["fail", "fail", 10.0, "ok", "fail"], CLOSED),
    ("the probe fails", ["fail", "fail", 10.0, "fail", "no", 9.9, "no"], OPEN),
    ("it is probed again", ["fail", "fail", 10.0, "fail", 10.0, "ok"], CLOSED),
    ("one probe at a time", ["fail", "fail", 10.0, "enter", "no", 99.0, "no"], HALF),
    ("a cancelled probe lets another one", ["fail", "fail", 10.0, "cancel", "ok"], CLOSED),
    ("two under way fail", ["enter", "enter", "leave fail", "leave fail"], OPEN),
    ("a late success does not close", ["enter", "fail", "fail", "leave ok", "no"], OPEN),
    ("a late failure does not prolong", ["enter", "fail", "fail", 9.0, "leave fail", 1.0], HALF),
    ("a late success is no probe's", ["enter", "fail", "fail", 10.0, "leave ok"], HALF),
]


@pytest.mark.parametrize(("steps", "state"), [t[1:] for t in TABLE], ids=[t[0] for t in TABLE])
def test_table(steps, state) -> None:
    now = [100.0]
    breaker = Breaker(CONFIG, lambda: now[0])
    under_way = []
    outcomes = {"ok": True, "fail": False, "cancel": None}
    for step in steps:
        if isinstance(step, float):
            now[0] += step
        elif step == "no":
            with pytest.raises(CircuitOpen, match="failed"):
                breaker.enter()
        elif step == "enter":
            under_way.append(breaker.enter())
        elif step.startswith("leave"):
            breaker.leave(under_way.pop(0), outcomes[step.split()[1]])
        else:
            breaker.leave(breaker.enter(), outcomes[step])
    assert breaker.state is state

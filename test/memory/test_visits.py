"""Visits: what stays in sight of a gate that passes a frame now and then is one visit."""
from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
import yaml

from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.memory import MemoryConfig
from smolvlm_ros.memory.visits import Visits

S = 1_000_000_000
CONFIG = Path(__file__).parents[2] / "config"


def moments(period_s: float, absent_s: float, looks: int = 100) -> int:
    """How often an object that never moves is remembered."""
    visits, new = Visits(), 0
    for look in range(looks):
        visit = visits.see("chair 3", round(look * period_s * S), absent_s)
        if visit.key is None:
            visit.key, new = Future(), new + 1
    return new


def test_by_default_a_still_object_is_one_moment_even_where_a_heartbeat_is_lost() -> None:
    heartbeat_s, absent_s = GateConfig().heartbeat_s, MemoryConfig().absent_s
    assert moments(heartbeat_s + 0.1, absent_s) == 1
    assert moments(2 * heartbeat_s + 0.2, absent_s) == 1
    assert moments(absent_s + 0.1, absent_s) == 100


@pytest.mark.parametrize("file", sorted(CONFIG.glob("*.yaml")), ids=lambda file: file.name)
def test_the_parameter_files_keep_it_so(file: Path) -> None:
    values = {name.rpartition("/")[2]: node["ros__parameters"]
              for name, node in (yaml.safe_load(file.read_text()) or {}).items()
              if isinstance(node, dict) and "ros__parameters" in node}
    heartbeat_s = values.get("gate", {}).get("heartbeat_s", GateConfig().heartbeat_s)
    absent_s = values.get("scene_qa", {}).get("memory", {}).get("absent_s",
                                                                MemoryConfig().absent_s)
    assert absent_s > 2 * heartbeat_s + 0.2


def test_looks_further_apart_than_an_absence_are_told_of() -> None:
    visits = Visits()
    assert [visits.sparse(i * 10 * S, 9.0) for i in range(5)] == [False, False, False, True, True]
    assert visits.sparse(40 * S, 9.0)  # the same look again
    assert not visits.sparse(41 * S, 9.0)
    assert not visits.sparse(1 * S, 9.0)  # the clock was set back
    assert [Visits().sparse(i * 10 * S, 9.0) for i in range(3)] == [False] * 3
    long = Visits()
    assert not any([long.sparse(i * 10 * S, 30.0) for i in range(9)])

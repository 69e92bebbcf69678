"""Health as a table: fault, fault cleared, two faults at once. No clock is read."""
from __future__ import annotations

import pytest

from smolvlm_ros.ros.health import (
    Finding,
    InputFacts,
    InputRule,
    InputWatch,
    Level,
    WorkerFacts,
    assess,
    check_input,
    check_worker,
)

RULE = InputRule("camera", lost_after_s=2.0, stuck_after_s=3.0, late_after_s=0.5)


@pytest.mark.parametrize(("facts", "now_s", "level", "word"), [
    # waiting for the first message: not yet too long
    (InputFacts(10.0), 11.0, None, ""),
    # nothing has ever come
    (InputFacts(10.0), 12.5, Level.ERROR, "nothing has ever come"),
    # all is well
    (InputFacts(0.0, 10.0, 0.1), 10.5, None, ""),
    # exactly at the limit is not lost
    (InputFacts(0.0, 10.0, 0.1), 12.0, None, ""),
    # lost
    (InputFacts(0.0, 10.0, 0.1), 12.1, Level.ERROR, "lost"),
    # stuck: messages come, content does not change
    (InputFacts(0.0, 10.0, 0.1, same_since_s=6.9), 10.1, Level.ERROR, "stuck"),
    # the same content, not for long enough
    (InputFacts(0.0, 10.0, 0.1, same_since_s=7.5), 10.1, None, ""),
    # late
    (InputFacts(0.0, 10.0, 0.8), 10.1, Level.WARN, "late"),
    # stamped in the future: clocks differ
    (InputFacts(0.0, 10.0, -0.8), 10.1, Level.WARN, "future"),
    # back again: said for a while
    (InputFacts(0.0, 10.0, 0.1, recovered_at_s=9.0), 10.1, Level.WARN, "back"),
    # and then forgotten
    (InputFacts(0.0, 30.0, 0.1, recovered_at_s=9.0), 30.1, None, ""),
])
def test_one_input(facts: InputFacts, now_s: float, level: Level | None, word: str) -> None:
    findings = check_input(RULE, facts, now_s)
    assert [f.level for f in findings] == ([] if level is None else [level])
    assert word in "".join(f.text for f in findings)


def test_two_faults_of_one_input_are_both_told() -> None:
    facts = InputFacts(0.0, 10.0, 0.9, same_since_s=1.0)
    assert {f.level for f in check_input(RULE, facts, 10.2)} == {Level.ERROR, Level.WARN}


def test_rules_that_are_off_find_nothing() -> None:
    silent = InputRule("zone requests")
    assert check_input(silent, InputFacts(0.0), 1e6) == ()
    assert check_input(silent, InputFacts(0.0, 1.0, 99.0, same_since_s=0.0), 1e6) == ()


def test_the_worst_comes_first_and_nothing_is_hidden() -> None:
    lost = (RULE, InputFacts(0.0, 1.0))
    late = (InputRule("depth", late_after_s=0.1), InputFacts(0.0, 9.9, 0.5))
    dead = Finding(Level.ERROR, "the model is dead")
    health = assess("active", (late, lost), (dead,), 10.0)
    assert health.level is Level.ERROR and len(health.findings) == 3
    assert health.findings[-1].level is Level.WARN
    assert "dead" in health.text and "camera lost" in health.text and "depth late" in health.text


@pytest.mark.parametrize(("state", "faults", "level", "word"), [
    ("active", (), Level.OK, "ok"),  # nothing wrong
    ("inactive", (), Level.WARN, "not active"),  # a node that does not work is never 'ok'
    ("unconfigured", (Finding(Level.ERROR, "configure failed: no file"),), Level.ERROR, "no file"),
])
def test_state_and_faults(state: str, faults: tuple[Finding, ...], level: Level, word: str) -> None:
    health = assess(state, (), faults, 0.0)
    assert health.level is level and word in health.text


@pytest.mark.parametrize(("busy_since_s", "now_s", "dead"), [
    (None, 100.0, False),  # nothing to do
    (10.0, 12.0, False),  # at work
    (10.0, 15.0, False),  # exactly at the limit
    (10.0, 15.1, True),  # it has not come back
])
def test_a_worker(busy_since_s: float | None, now_s: float, dead: bool) -> None:
    findings = check_worker(WorkerFacts("depth", busy_since_s, 5.0), now_s)
    assert [f.level for f in findings] == ([Level.ERROR] if dead else [])
    assert not dead or "depth is dead: 5.1 s on one frame, limit 5 s" in findings[0].text


def test_a_dead_model_and_a_lost_camera_are_both_told_while_active() -> None:
    lost = (RULE, InputFacts(0.0, 1.0))
    dead = (WorkerFacts("depth", 0.0, 5.0),)
    health = assess("active", (lost,), (), 10.0, dead)
    assert [f.level for f in health.findings] == [Level.ERROR, Level.ERROR]
    assert "depth is dead" in health.text and "camera lost" in health.text
    assert "dead" not in assess("inactive", (lost,), (), 10.0, dead).text


def test_inputs_do_not_count_while_the_node_does_not_listen() -> None:
    health = assess("inactive", ((RULE, InputFacts(0.0)),), (), 1e6)
    assert "camera" not in health.text


def test_watch_lost_then_back_then_stuck_then_moving() -> None:
    watch = InputWatch(RULE, 0.0)
    watch.arrived(1.0, 0.1)
    assert check_input(RULE, watch.facts, 3.5)[0].level is Level.ERROR  # lost
    watch.arrived(5.0, 0.1)
    assert "back" in check_input(RULE, watch.facts, 5.1)[0].text
    for now_s in (6.0, 7.0, 8.0, 9.0):
        watch.arrived(now_s, 0.1, same=True)
    # the content is that of 5.0: it has been the same for 4 s
    assert any("stuck" in f.text for f in check_input(RULE, watch.facts, 9.1))
    watch.arrived(10.0, 0.1, same=False)
    assert not any("stuck" in f.text for f in check_input(RULE, watch.facts, 10.1))
    assert watch.count == 7

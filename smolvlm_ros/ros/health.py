"""Health of a node as a pure function of what it has seen and of the time now.

Nothing here reads a clock or knows ROS: the caller gives the time, so that every fault, its end
and two faults at once are tested as a table.
"""
from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.IntEnum):
    """Severity, with the numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class InputRule:
    """What is expected of an input.

    Attributes:
        name: of the topic, as the user knows it.
        lost_after_s: silence that means the input is lost; 0 for an input that may be silent.
        stuck_after_s: how long the same content may repeat under fresh stamps; 0 for any time.
        late_after_s: greatest age of a message when it arrives; 0 for any age.
    """

    name: str
    lost_after_s: float = 0.0
    stuck_after_s: float = 0.0
    late_after_s: float = 0.0


@dataclass(frozen=True)
class InputFacts:
    """What has been seen of an input. Times are of one monotonic clock, in seconds.

    Attributes:
        waiting_since_s: when the node began to listen.
        last_arrival_s: when the last message came; None before the first.
        last_age_s: age of the last message by its own stamp when it came; None where unknown.
        same_since_s: since when the content repeats itself; None when it changes.
        recovered_at_s: when it came back after having been lost; None when it never was.
    """

    waiting_since_s: float
    last_arrival_s: float | None = None
    last_age_s: float | None = None
    same_since_s: float | None = None
    recovered_at_s: float | None = None


@dataclass(frozen=True)
class Finding:
    """One thing to say about the node, with its severity."""

    level: Level
    text: str


@dataclass(frozen=True)
class WorkerFacts:
    """What is known of a thread that works on one item after the other.

    Attributes:
        name: what it does, as the user knows it ('depth', 'detector').
        busy_since_s: when it began its present item; None while it has none.
        limit_s: time that no item takes unless the model is dead.
    """

    name: str
    busy_since_s: float | None
    limit_s: float


_RECOVERED_FOR_S = 10.0


def check_input(rule: InputRule, facts: InputFacts, now_s: float) -> tuple[Finding, ...]:
    """What is wrong with one input at a time; empty when all is well. Faults do not hide others."""
    if facts.last_arrival_s is None:
        silent_s = now_s - facts.waiting_since_s
        if rule.lost_after_s and silent_s > rule.lost_after_s:
            return (Finding(Level.ERROR, f"nothing has ever come on {rule.name} in "
                            f"{silent_s:.1f} s; check that it is published and that its QoS "
                            "matches"),)
        return ()
    findings = []
    silent_s = now_s - facts.last_arrival_s
    if rule.lost_after_s and silent_s > rule.lost_after_s:
        findings.append(Finding(Level.ERROR, f"{rule.name} lost: silent for {silent_s:.1f} s, "
                                f"limit {rule.lost_after_s:g} s"))
    elif facts.recovered_at_s is not None and now_s - facts.recovered_at_s < _RECOVERED_FOR_S:
        findings.append(Finding(Level.WARN, f"{rule.name} is back since "
                                f"{now_s - facts.recovered_at_s:.1f} s"))
    if rule.stuck_after_s and facts.same_since_s is not None:
        same_s = facts.last_arrival_s - facts.same_since_s
        if same_s >= rule.stuck_after_s:
            findings.append(Finding(Level.ERROR, f"{rule.name} stuck: the same image under fresh "
                                    f"stamps for {same_s:.1f} s, limit {rule.stuck_after_s:g} s; "
                                    "restart the camera driver"))
    if rule.late_after_s and facts.last_age_s is not None:
        if facts.last_age_s > rule.late_after_s:
            findings.append(Finding(Level.WARN, f"{rule.name} late: {facts.last_age_s:.2f} s old "
                                    f"on arrival, limit {rule.late_after_s:g} s; the machine is "
                                    "busy, or a recording plays without use_sim_time"))
        elif facts.last_age_s < -rule.late_after_s:
            findings.append(Finding(Level.WARN, f"{rule.name} is stamped {-facts.last_age_s:.2f} s "
                                    "in the future; synchronise the clocks"))
    return tuple(findings)


def check_worker(facts: WorkerFacts, now_s: float) -> tuple[Finding, ...]:
    """An error when a worker has not come back from its present item for too long."""
    if facts.busy_since_s is None or now_s - facts.busy_since_s <= facts.limit_s:
        return ()
    return (Finding(Level.ERROR, f"{facts.name} is dead: {now_s - facts.busy_since_s:.1f} s on one "
                    f"frame, limit {facts.limit_s:g} s; restart the node"),)


@dataclass(frozen=True)
class Health:
    """The node's health: the worst level, and every finding, worst first."""

    level: Level
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The findings in one line; 'ok' when there are none."""
        return "; ".join(f.text for f in self.findings) or "ok"


def assess(state: str, inputs: tuple[tuple[InputRule, InputFacts], ...],
           faults: tuple[Finding, ...], now_s: float,
           workers: tuple[WorkerFacts, ...] = ()) -> Health:
    """Health of a node.

    Args:
        state: lifecycle state ('unconfigured', 'inactive', 'active', …). Inputs count only when
            the node is active: an inactive node does not listen.
        inputs: the inputs with what has been seen of them.
        faults: what the node itself knows to be wrong (a dead model, a missing transform, …).
        now_s: the time, of the clock of the facts.
        workers: the threads that do the node's heavy work; they count when the node is active.
    """
    findings = list(faults)
    if state == "active":
        for rule, facts in inputs:
            findings.extend(check_input(rule, facts, now_s))
        for worker in workers:
            findings.extend(check_worker(worker, now_s))
    elif not any(f.level >= Level.ERROR for f in faults):
        findings.append(Finding(Level.WARN, f"not active: {state}"))
    findings.sort(key=lambda f: -f.level)
    return Health(findings[0].level if findings else Level.OK, tuple(findings))


class InputWatch:
    """Keeps the facts of one input as messages come; the caller gives every time."""

    def __init__(self, rule: InputRule, now_s: float) -> None:
        self.rule = rule
        self.facts = InputFacts(now_s)
        self.count = 0

    def arrived(self, now_s: float, age_s: float | None = None, same: bool = False) -> None:
        """Note a message: its age by its own stamp, and whether its content is the last one's."""
        before = self.facts
        lost = (self.rule.lost_after_s and before.last_arrival_s is not None
                and now_s - before.last_arrival_s > self.rule.lost_after_s)
        same_since = before.same_since_s
        if same_since is None:
            same_since = before.last_arrival_s
        self.count += 1
        self.facts = InputFacts(before.waiting_since_s, now_s, age_s, same_since if same else None,
                                now_s if lost else before.recovered_at_s)

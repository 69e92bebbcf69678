"""A clock of the test's own for the queue of requests, and work that takes its time."""
from __future__ import annotations


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def learn(scheduler, clock, cost_s=1.0, kind="verdict") -> None:
    """Let it measure how long a request of that kind takes; one alone is not refused by."""
    for number in range(2):
        scheduler.submit(("learn", kind, number), lambda: work(clock, cost_s), deadline_s=1e9,
                         kind=kind)
        assert scheduler.run_next(0)


def work(clock, cost_s, answer="done"):
    clock.now_s += cost_s
    return answer

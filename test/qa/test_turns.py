"""Whose turn it is in the queue of requests, and who keeps a place in it."""
from __future__ import annotations

import pytest
from queue_clock import learn, work

from smolvlm_ros.qa.scheduler import Refused, Scheduler, SchedulerConfig, TooLate


def test_every_third_turn_is_a_lower_priority_s(scheduler) -> None:
    order = []

    def ask(name, priority, deadline_s=900.0) -> None:
        scheduler.submit(name, lambda: order.append(name), priority=priority, deadline_s=deadline_s)

    for n in range(6):
        ask(f"ask {n}", 2)
    for n in range(2):
        ask(f"event {n}", 1, 800.0 - n)
    ask("high stakes", 3)
    while scheduler.run_next(0):
        pass
    # Of the lower priorities the one that has waited longest has the turn.
    assert order == ["high stakes", "ask 0", "event 0", "ask 1", "ask 2", "event 1", "ask 3",
                     "ask 4", "ask 5"]


def test_who_asks_without_a_pause_does_not_starve_a_lower_priority(scheduler, clock) -> None:
    learn(scheduler, clock, 0.5)
    event = scheduler.submit("event", lambda: work(clock, 0.5), priority=1, keep=True,
                             deadline_s=clock.now_s + 20.0)
    asked, refused, begin_s = 0, 0, clock.now_s
    while clock.now_s < begin_s + 30.0:
        while asked < 3 * (clock.now_s - begin_s) + 6:  # three a second, each with two to wait
            asked += 1
            try:
                scheduler.submit(asked, lambda: work(clock, 0.5), priority=2,
                                 deadline_s=clock.now_s + 20.0)
            except Refused:
                refused += 1
        scheduler.run_next(0)
        if event.done():
            break
    assert event.exception(0) is None
    assert clock.now_s - begin_s <= 3 * 0.5 and not refused


def test_a_slow_model_s_full_queue_leaves_a_lower_priority_its_turn(scheduler, clock) -> None:
    learn(scheduler, clock, 3.0)
    futures = [scheduler.submit(n, lambda: work(clock, 3.0), priority=2,
                                deadline_s=clock.now_s + 20.0) for n in range(6)]
    with pytest.raises(TooLate):
        scheduler.submit(6, lambda: 1, priority=2, deadline_s=clock.now_s + 20.0)
    event = scheduler.submit("event", lambda: work(clock, 3.0), priority=1, keep=True,
                             deadline_s=clock.now_s + 20.0)
    while scheduler.run_next(0):
        pass
    assert event.exception(0) is None
    # The last one has no time left by it, and was told so at once.
    assert [isinstance(f.exception(0), TooLate) for f in futures] == [False] * 5 + [True]


def test_what_comes_only_once_loses_its_place_to_no_request_that_does_not(clock) -> None:
    scheduler = Scheduler(SchedulerConfig(max_waiting=2), clock)
    events = [scheduler.submit("event", lambda: 1, deadline_s=900.0, priority=1, keep=True)]
    ask = scheduler.submit("ask", lambda: 1, deadline_s=200.0, priority=2)
    # It takes the place of one that does not keep it, whose priority is higher.
    events.append(scheduler.submit("other event", lambda: 1, deadline_s=900.0, priority=1,
                                   keep=True))
    assert "ask again later" in str(ask.exception(0))
    for priority, keep in ((9, False), (1, True)):
        with pytest.raises(Refused, match="2 requests wait already"):
            scheduler.submit("more", lambda: 1, deadline_s=200.0, priority=priority, keep=keep)
    events.append(scheduler.submit("high stakes", lambda: 1, deadline_s=900.0, priority=3,
                                   keep=True))
    while scheduler.run_next(0):
        pass
    assert [isinstance(event.exception(0), Refused) for event in events] == [False, True, False]

"""The queue of requests: order, deadlines, refusals, sharing. The clock is the test's own."""
from __future__ import annotations

import threading

import pytest
from queue_clock import learn, work

from smolvlm_ros.qa.scheduler import Refused, Scheduler, SchedulerConfig, TooLate


def test_answer_arrives(scheduler) -> None:
    future = scheduler.submit("q", lambda: 42, deadline_s=200.0)
    assert scheduler.run_next(0)
    assert future.result(0) == 42
    assert not scheduler.run_next(0)


def test_an_error_goes_to_who_asked_and_the_next_still_runs(scheduler) -> None:
    def fail():
        raise ValueError("broken")

    first = scheduler.submit("a", fail, deadline_s=200.0)
    second = scheduler.submit("b", lambda: 2, deadline_s=200.0)
    assert scheduler.run_next(0) and scheduler.run_next(0)
    assert isinstance(first.exception(0), ValueError)
    assert second.result(0) == 2
    # A failure is not remembered as an answer.
    again = scheduler.submit("a", lambda: 1, deadline_s=200.0)
    assert not again.done()


def test_order_is_priority_then_deadline_then_first_come(scheduler) -> None:
    order = []
    for key, priority, deadline_s in (("late", 0, 300.0), ("soon", 0, 200.0), ("same", 0, 200.0),
                                      ("zone", 5, 400.0)):
        scheduler.submit(key, lambda key=key: order.append(key), priority=priority,
                         deadline_s=deadline_s)
    while scheduler.run_next(0):
        pass
    assert order == ["zone", "soon", "same", "late"]


def test_too_late_is_refused_at_once_with_numbers(scheduler, clock) -> None:
    learn(scheduler, clock, 2.0)
    with pytest.raises(Refused, match=r"about 2\.00 s \(0 ahead.*1\.50 s are left"):
        scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 1.5)
    # What waits before it counts too.
    scheduler.submit("a", lambda: 1, deadline_s=clock.now_s + 3.0)
    with pytest.raises(TooLate, match=r"about 4\.00 s \(1 ahead"):
        scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 3.5)
    scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 4.0)


def test_a_deadline_that_has_passed_is_refused_even_when_costs_are_unknown(scheduler) -> None:
    with pytest.raises(Refused, match="0.00 s are left"):
        scheduler.submit("q", lambda: 1, deadline_s=99.0)


def test_what_runs_counts_by_what_is_left_of_it(scheduler, clock) -> None:
    learn(scheduler, clock, 2.0)

    def ask_meanwhile():
        assert scheduler.busy_since_s == clock.now_s
        clock.now_s += 1.5  # half a second is left of the two
        with pytest.raises(Refused, match=r"about 2\.50 s"):
            scheduler.submit("b", lambda: 1, deadline_s=clock.now_s + 2.4)
        scheduler.submit("c", lambda: 1, deadline_s=clock.now_s + 2.6)

    done = scheduler.submit("a", ask_meanwhile, deadline_s=1e9)
    assert scheduler.busy_since_s is None
    scheduler.run_next(0)
    assert done.exception(0) is None and scheduler.busy_since_s is None


def test_an_urgent_request_has_late_ones_refused_at_once(scheduler, clock) -> None:
    learn(scheduler, clock, 1.0)
    slow = scheduler.submit("slow", lambda: 1, deadline_s=clock.now_s + 1.5)
    urgent = scheduler.submit("zone", lambda: 2, deadline_s=clock.now_s + 1.5, priority=1)
    assert isinstance(slow.exception(0), Refused)
    assert scheduler.run_next(0)
    assert urgent.result(0) == 2


def test_what_became_late_while_waiting_is_refused(scheduler, clock) -> None:
    future = scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 1.0)
    clock.now_s += 2.0
    assert not scheduler.run_next(0)
    assert isinstance(future.exception(0), Refused)


def test_one_slow_first_answer_has_no_queue_refused(scheduler, clock) -> None:
    futures = [scheduler.submit(number, lambda number=number: work(clock, 0.01 if number else 6.0),
                                deadline_s=clock.now_s + 10.0) for number in range(10)]
    assert scheduler.run_next(0)
    assert scheduler.cost_s("verdict") == 6.0  # told to who decides by one
    futures.append(scheduler.submit("late", lambda: work(clock, 0.01),
                                    deadline_s=clock.now_s + 5.0))
    while scheduler.run_next(0):
        pass
    assert all(future.exception(0) is None for future in futures)
    assert scheduler.cost_s("verdict") == pytest.approx(0.01)


def test_a_slow_model_is_known_by_two_answers_though_nobody_waits_for_them(scheduler, clock
                                                                           ) -> None:
    def given_up(after_s: float) -> None:
        def part() -> None:
            clock.now_s += after_s
            assert future.cancel() and not scheduler.wanted()
        future = scheduler.submit(("given up", after_s), part, deadline_s=1e9)
        assert scheduler.run_next(0)

    given_up(5.0)
    given_up(4.9)  # it would have taken no less than the first
    with pytest.raises(TooLate, match=r"about 5\.00 s"):
        scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 4.0)


def test_slow_answers_are_forgotten(scheduler, clock) -> None:
    learn(scheduler, clock, 30.0)
    with pytest.raises(Refused):
        scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 5.0)
    clock.now_s += 61.0
    scheduler.submit("q", lambda: 1, deadline_s=clock.now_s + 5.0)


def test_kinds_have_their_own_costs(scheduler, clock) -> None:
    learn(scheduler, clock, 10.0, "free")
    learn(scheduler, clock, 1.0, "verdict")
    assert (scheduler.cost_s("free"), scheduler.cost_s("verdict")) == (10.0, 1.0)
    assert scheduler.cost_s("other") == 0.0


def test_full_queue_refuses_the_newcomer_or_the_least(clock) -> None:
    scheduler = Scheduler(SchedulerConfig(max_waiting=2), clock)
    scheduler.submit("a", lambda: 1, deadline_s=200.0)
    last = scheduler.submit("b", lambda: 1, deadline_s=300.0)
    with pytest.raises(Refused, match="2 requests wait already"):
        scheduler.submit("c", lambda: 1, deadline_s=150.0)
    scheduler.submit("zone", lambda: 1, deadline_s=400.0, priority=1)
    assert "goes before it" in str(last.exception(0))
    assert len(scheduler) == 2


def test_the_same_question_is_computed_once(scheduler) -> None:
    calls = []
    futures = [scheduler.submit("same", lambda: calls.append(1) or len(calls), deadline_s=200.0)
               for _ in range(3)]
    while scheduler.run_next(0):
        pass
    # One that comes afterwards gets the remembered answer.
    futures.append(scheduler.submit("same", lambda: calls.append(1), deadline_s=200.0))
    assert [future.result(0) for future in futures] == [1, 1, 1, 1]
    assert calls == [1]


def test_a_request_joins_one_that_runs(scheduler) -> None:
    joined = []
    first = scheduler.submit("same", lambda: joined.append(
        scheduler.submit("same", lambda: "other", deadline_s=200.0)) or "mine", deadline_s=200.0)
    scheduler.run_next(0)
    assert first.result(0) == joined[0].result(0) == "mine"


def test_a_joined_request_keeps_its_turn_and_lives_for_the_more_patient(scheduler, clock) -> None:
    order = []
    hasty = scheduler.submit("same", lambda: order.append("same"), deadline_s=101.0)
    scheduler.submit("other", lambda: order.append("other"), deadline_s=150.0)
    patient = scheduler.submit("same", lambda: order.append("same"), deadline_s=300.0)
    # It keeps its early turn although the second asker has time.
    assert scheduler.run_next(0)
    assert order == ["same"]
    assert hasty.done() and patient.done()


def test_who_joins_what_runs_is_refused_where_the_rest_of_it_takes_too_long(scheduler, clock
                                                                            ) -> None:
    learn(scheduler, clock, 2.0)
    joined = []

    def ask_meanwhile() -> str:
        clock.now_s += 1.5  # half a second is left of the two
        with pytest.raises(TooLate, match=r"about 0\.50 s \(0 ahead.*0\.40 s are left"):
            scheduler.submit("same", lambda: "other", deadline_s=clock.now_s + 0.4)
        joined.append(scheduler.submit("same", lambda: "other", deadline_s=clock.now_s + 0.6))
        clock.now_s += 5.0  # it takes longer than expected
        with pytest.raises(TooLate, match=r"0\.00 s are left"):
            scheduler.submit("same", lambda: "other", deadline_s=clock.now_s)
        return "mine"

    first = scheduler.submit("same", ask_meanwhile, deadline_s=1e9)
    assert scheduler.run_next(0)
    assert first.result(0) == joined[0].result(0) == "mine"
    assert len(scheduler) == 0


def test_after_forgetting_the_same_key_is_another_question(scheduler) -> None:
    scheduler.submit("same", lambda: "before", deadline_s=200.0)
    assert scheduler.run_next(0)
    later = []

    def running() -> str:
        waits = scheduler.submit("same", lambda: "too early", deadline_s=200.0)
        assert waits.done() and waits.result(0) == "before"  # remembered
        other = scheduler.submit("waits", lambda: "old", deadline_s=200.0)
        scheduler.forget()
        for key in ("same", "runs", "waits"):
            later.append(scheduler.submit(key, lambda key=key: f"new {key}", deadline_s=200.0))
        later.append(other)
        return "old"

    first = scheduler.submit("runs", running, deadline_s=200.0)
    while scheduler.run_next(0):
        pass
    # Who asked before is answered from what was then, and nobody else is.
    assert first.result(0) == "old" and later.pop().result(0) == "old"
    assert [f.result(0) for f in later] == ["new same", "new runs", "new waits"]
    again = scheduler.submit("runs", lambda: "not needed", deadline_s=200.0)
    assert again.done() and again.result(0) == "new runs"


def test_only_so_many_answers_are_remembered(clock) -> None:
    scheduler = Scheduler(SchedulerConfig(remember=1), clock)
    calls = []
    for key in ("a", "b", "a"):
        scheduler.submit(key, lambda key=key: calls.append(key), deadline_s=200.0)
        scheduler.run_next(0)
    assert calls == ["a", "b", "a"]


def test_cancelled_requests_are_not_computed(scheduler) -> None:
    calls = []
    gone = scheduler.submit("gone", lambda: calls.append("gone"), deadline_s=200.0)
    left = scheduler.submit("shared", lambda: calls.append("shared"), deadline_s=200.0)
    stays = scheduler.submit("shared", lambda: calls.append("shared"), deadline_s=200.0)
    assert gone.cancel() and left.cancel()
    while scheduler.run_next(0):
        pass
    assert calls == ["shared"]
    assert stays.done() and not stays.cancelled()


def test_close_refuses_what_waits_and_what_comes(scheduler) -> None:
    waiting = scheduler.submit("a", lambda: 1, deadline_s=200.0)
    assert not scheduler.closed
    scheduler.close()
    assert scheduler.closed
    assert "shutting down" in str(waiting.exception(0))
    with pytest.raises(Refused, match="shutting down"):
        scheduler.submit("b", lambda: 1, deadline_s=200.0)
    assert not scheduler.run_next()


def test_close_refuses_at_once_who_waits_for_what_runs(scheduler) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long() -> str:
        begun.set()
        assert go_on.wait(20)
        return "for nobody"

    asked = scheduler.submit("a", long, deadline_s=200.0)
    worker = threading.Thread(target=scheduler.run_next)
    worker.start()
    assert begun.wait(20)
    scheduler.close()
    assert "shutting down" in str(asked.exception(0))
    go_on.set()
    worker.join(20)
    assert not worker.is_alive()


@pytest.mark.parametrize("how", ["answered", "too late", "pushed out"])
def test_who_is_told_may_take_its_time_without_holding_up_others(clock, how) -> None:
    scheduler = Scheduler(SchedulerConfig(max_waiting=1), clock)
    others: list[threading.Thread] = []

    def tell(_) -> None:
        others.append(threading.Thread(target=scheduler.submit, args=("other", lambda: 1),
                                       kwargs={"deadline_s": 1e9, "priority": 9}))
        others[-1].start()
        others[-1].join(20)

    told = scheduler.submit("a", lambda: 1, deadline_s=101.0)
    told.add_done_callback(tell)
    if how == "pushed out":
        scheduler.submit("urgent", lambda: 1, deadline_s=200.0, priority=1)
    else:
        clock.now_s += 5.0 * (how == "too late")
        scheduler.run_next(0)
    assert told.done() and len(others) == 1
    assert not others[0].is_alive()


def test_many_threads_each_get_an_answer_or_a_refusal() -> None:
    scheduler = Scheduler(SchedulerConfig(max_waiting=5))
    worker = threading.Thread(target=lambda: [None for _ in iter(scheduler.run_next, False)])
    worker.start()
    outcomes: list[object] = []

    def ask(client: int) -> None:
        for i in range(30):
            try:
                future = scheduler.submit((client, i), lambda: "ok", deadline_s=1e12,
                                          priority=client % 3)
                outcomes.append(future.exception(20) or future.result(20))
            except Refused as refused:
                outcomes.append(refused)

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(10)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    scheduler.close()
    worker.join(20)
    assert not worker.is_alive()
    assert len(outcomes) == 300
    assert all(o == "ok" or isinstance(o, Refused) for o in outcomes)
    assert "ok" in outcomes

"""Work in the queue that nobody waits for any more."""
from __future__ import annotations

from queue_clock import learn

from smolvlm_ros.qa.scheduler import Refused, TooLate


def test_work_is_wanted_while_an_asker_waits_whose_time_is_not_over(scheduler, clock) -> None:
    told = []

    def works() -> str:
        hasty, patient = futures
        told.append(scheduler.wanted())
        assert hasty.cancel()
        told.append(scheduler.wanted())  # for the other one
        clock.now_s = 199.0
        told.append(scheduler.wanted())
        clock.now_s = 200.0
        told.append(scheduler.wanted())  # its time is over, although it has not said so
        # What gives up is not joined any more.
        futures.append(scheduler.submit("same", lambda: "anew", deadline_s=300.0))
        told.append(scheduler.wanted())
        raise Refused("nobody wants it")

    futures = [scheduler.submit("same", works, deadline_s=deadline_s)
               for deadline_s in (500.0, 200.0)]
    assert not scheduler.wanted()  # nothing runs
    assert scheduler.run_next(0) and scheduler.run_next(0)
    assert told == [True, True, True, False, False]
    assert futures[2].result(0) == "anew"


def test_work_that_was_given_up_does_not_look_cheap(scheduler, clock) -> None:
    def given_up(after_s: float) -> None:
        def work() -> None:
            clock.now_s += after_s
            assert future.cancel() and not scheduler.wanted()
            raise TooLate("nobody wants it")
        future = scheduler.submit(("given up", clock.now_s), work, deadline_s=1e9)
        assert scheduler.run_next(0)

    learn(scheduler, clock, 6.0)
    for _ in range(9):
        given_up(3.0)
    assert scheduler.cost_s("verdict") == 6.0
    clock.now_s += 61.0
    assert scheduler.cost_s("verdict") == 0.0  # and it does not keep the old cost for ever
    given_up(8.0)
    assert scheduler.cost_s("verdict") == 8.0  # it takes no less


def test_nothing_is_wanted_after_the_end(scheduler) -> None:
    told = []
    scheduler.submit("a", lambda: [scheduler.close(), told.append(scheduler.wanted())],
                     deadline_s=200.0)
    scheduler.run_next(0)
    assert told == [False]

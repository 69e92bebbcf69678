"""One model, many askers: a bounded queue with priorities and deadlines.

What cannot be answered in time is refused at once, with the reason, instead of late. The same
question on the same frame is computed once, however many ask it. Every third turn goes to a lower
priority where one waits: those who ask without a pause do not keep it from its turn.
"""
from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from smolvlm_ros.qa.costs import Costs
from smolvlm_ros.qa.turns import Job, Turns
from smolvlm_ros.settings import Settings, setting


class Refused(RuntimeError):  # noqa: N818 - it is an answer, not a failure
    """A request was not, or will not be, answered; the text says why."""


class TooLate(Refused):
    """The answer would not be there in time."""


@dataclass(frozen=True)
class SchedulerConfig(Settings):
    """Limits of the queue."""

    max_waiting: int = setting(16, "Requests that may wait at most.", unit="requests", ge=1,
                               le=1000, runtime=True)
    remember: int = setting(16, "Answers kept for the same question on the same frame.",
                            unit="answers", ge=0, le=1000, runtime=True)
    forget_cost_s: float = setting(
        60.0, "Age at which a measured duration no longer counts, so that one slow answer does not "
        "have all later requests refused.", unit="s", ge=1.0, le=3600.0, runtime=True)


class Scheduler:
    """Takes requests from any thread; one worker thread calls `run_next` in a loop.

    Attributes:
        config: settable at any time.
    """

    def __init__(self, config: SchedulerConfig | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Make an empty queue; `clock` gives the seconds that deadlines are counted in."""
        self.config = config or SchedulerConfig()
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._started_s = 0.0
        self._closed = False
        self._count = 0
        self._epoch = 0  # part of every key: after `forget` the same keys are others
        self._turns = Turns()
        self._costs = Costs(clock)
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._refused: deque[tuple[Job, Refused]] = deque()  # not told yet

    def __len__(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """True after `close`: the worker may leave its loop."""
        return self._closed

    @property
    def busy_since_s(self) -> float | None:
        """When the request that runs was begun, on the clock; None while none does."""
        with self._changed:
            return None if self._running is None else self._started_s

    @property
    def busy(self) -> bool:
        """True while a request runs or waits."""
        return self._running is not None or bool(self._waiting)

    def submit(self, key: Hashable, work: Callable[[], Any], *, deadline_s: float,
               priority: int = 0, kind: str = "verdict", keep: bool = False) -> Future[Any]:
        """Queue a request, or join the same one that waits, runs or was just answered.

        Args:
            key: what is asked, and of which frames; equal keys share one computation.
            work: computes the answer, in the worker's thread; see `wanted`.
            deadline_s: on the clock; the answer must be there by then.
            priority: higher runs first, but for every third turn.
            kind: requests of one kind take about the same time.
            keep: it comes only once: in a full queue it takes the place of one that does not keep
                its own, and loses its own only to a higher priority that keeps its place too.

        Returns:
            A future of the answer; it raises `Refused` when it became too late meanwhile.

        Raises:
            Refused: the answer would be too late (`TooLate`), the queue is full, or the scheduler
                is closed.
        """
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise Refused("scene QA is shutting down")
            own_key = (self._epoch, key)
            if own_key in self._answers:
                future.set_result(self._answers[own_key])
                return future
            now_s = self._clock()
            running = self._running
            if running is not None and running.key == own_key and not running.given_up:
                reason = _late(self._rest_s(now_s), deadline_s - now_s, 0)
                if reason:
                    raise TooLate(reason)
                running.askers.append((future, deadline_s))
                return future
            job = Job(own_key, work, kind, priority, self._count, [(future, deadline_s)], keep)
            self._insert(job, now_s)
            self._count += 1
            self._drop_late(now_s)
            self._changed.notify()
        self._tell_refused()
        return future

    def wanted(self) -> bool:
        """For the work that runs: False when nobody can use its answer any more, since all have
        cancelled or their time is over. It may end then, with an error."""
        with self._changed:
            job, now_s = self._running, self._clock()
            wanted = job is not None and any(
                not future.cancelled() and now_s < deadline_s for future, deadline_s in job.askers)
            if job is not None and not wanted:
                job.given_up = True
            return wanted

    def run_next(self, timeout_s: float | None = None) -> bool:
        """Wait for a request and answer it, in the calling thread.

        Args:
            timeout_s: how long to wait for one, in real seconds; None for no limit.

        Returns:
            False when none came in time, or the scheduler is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s)
            self._drop_late(self._clock())
            job = None
            if self._waiting:
                job = self._turns.take(self._waiting)
                self._waiting.remove(job)
                self._running, self._started_s = job, self._clock()
        self._tell_refused()
        if job is None:
            return False
        outcome: Future[Any] = Future()
        try:
            outcome.set_result(job.work())
        except Exception as error:  # goes to who asked, as the answer would
            outcome.set_exception(error)
        with self._changed:
            futures = self._finish(job, outcome)
        for future in futures:  # outside of the lock: what they call may take its time
            _settle(future, outcome)
        return True

    def close(self) -> None:
        """Refuse all that waits, runs or will come; `run_next` returns False.

        What runs goes on to its end in the worker's thread, for nobody.
        """
        with self._changed:
            self._closed = True
            jobs = [*self._waiting, *([self._running] if self._running else [])]
            refused = [future for job in jobs for future in job.futures]
            for job in jobs:
                job.askers = []
            self._waiting.clear()
            self._answers.clear()
            self._changed.notify_all()
        for future in refused:
            _refuse(future, Refused("scene QA is shutting down"))

    def forget(self) -> None:
        """The same keys mean something else from now on: what was answered is forgotten, and what
        waits or runs is answered for those who asked it before, and shared with nobody."""
        with self._changed:
            self._epoch += 1
            self._answers.clear()

    def cost_s(self, kind: str) -> float:
        """Expected duration of a request: the median of recent ones; 0 while none is known."""
        with self._changed:
            return self._costs.median_s(kind, self.config.forget_cost_s)

    def _expected_s(self, kind: str) -> float:
        """As `cost_s`, to refuse by; 0 while only one is known: the model may have had to warm up,
        and a whole queue would be refused for it."""
        return self._costs.median_s(kind, self.config.forget_cost_s, at_least=2)

    def _finish(self, job: Job, outcome: Future[Any]) -> list[Future[Any]]:
        """Note how long it took and what came of it; who waits for it."""
        self._running = None
        took_s = self._clock() - self._started_s
        if not job.given_up:
            self._costs.note(job.kind, took_s)
        elif took_s > self._expected_s(job.kind):  # a part tells only "no less"
            self._costs.note(job.kind, max(took_s, self.cost_s(job.kind)))
        same_epoch = job.key[0] == self._epoch
        if outcome.exception() is None and same_epoch and not self._closed:
            self._answers[job.key] = outcome.result()
        while len(self._answers) > self.config.remember:
            self._answers.popitem(last=False)
        return job.futures

    def _insert(self, job: Job, now_s: float) -> None:
        """Put it into the queue, together with the same request when that waits already.

        Raises:
            Refused: it would be too late there, or the queue is full.
        """
        twin = next((other for other in self._waiting if other.key == job.key), None)
        put = job if twin is None else twin.joined(job)
        others = [other for other in self._waiting if other is not twin]
        need_s, ahead = self._rest_s(now_s), 0
        for other in self._turns.planned([*others, put]):
            need_s += self._expected_s(other.kind)
            if other is put:
                break
            ahead += 1
        reason = _late(need_s, job.deadline_s - now_s, ahead)
        if reason:
            raise TooLate(reason)
        if twin is None:
            self._make_room(job)
            self._waiting.append(put)
        else:
            self._waiting = [*others, put]

    def _rest_s(self, now_s: float) -> float:
        """Expected time until what runs is done."""
        if self._running is None:
            return 0.0
        return max(0.0, self._expected_s(self._running.kind) - (now_s - self._started_s))

    def _drop_late(self, now_s: float) -> None:
        """Refuse what has become too late by what was put before it; drop the cancelled."""
        ahead, need_s = 0, self._rest_s(now_s)
        for job in tuple(self._turns.planned(self._waiting)):
            cost_s = self._expected_s(job.kind)
            abandoned = all(future.cancelled() for future in job.futures)
            reason = _late(need_s + cost_s, job.deadline_s - now_s, ahead)
            if abandoned or reason:
                self._waiting.remove(job)
                self._refused.append((job, TooLate(reason)))
            else:
                ahead, need_s = ahead + 1, need_s + cost_s

    def _make_room(self, job: Job) -> None:
        if len(self._waiting) < self.config.max_waiting:
            return
        loses = [other for other in self._waiting if job.keep >= other.keep
                 and (job.keep > other.keep or job.priority > other.priority)]
        if not loses:
            raise Refused(f"{len(self._waiting)} requests wait already (max_waiting); "
                          "ask again later")
        last = max(loses, key=lambda waiting: waiting.rank)
        self._waiting.remove(last)
        self._refused.append((last, Refused("a request that goes before it took its place in the "
                                            "full queue; ask again later")))

    def _tell_refused(self) -> None:
        """Called without the lock: what the futures call may take its time."""
        while self._refused:
            with suppress(IndexError):  # another thread was quicker
                job, refusal = self._refused.popleft()
                for future in job.futures:
                    _refuse(future, refusal)


def _late(need_s: float, left_s: float, ahead: int) -> str:
    """Why an answer would be too late; empty when it is in time."""
    if need_s <= left_s and left_s > 0:
        return ""
    return (f"an answer would take about {need_s:.2f} s ({ahead} ahead in the queue), "
            f"{max(left_s, 0.0):.2f} s are left; allow more time or ask less often")


def _refuse(future: Future[Any], refusal: Refused) -> None:
    outcome: Future[Any] = Future()
    outcome.set_exception(refusal)
    _settle(future, outcome)


def _settle(future: Future[Any], outcome: Future[Any]) -> None:
    """Give an outcome to who waits for it, unless it was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    error = outcome.exception()
    if error is None:
        future.set_result(outcome.result())
    else:
        future.set_exception(error)

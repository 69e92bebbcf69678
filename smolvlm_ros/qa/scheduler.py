"""One model, many askers: a bounded queue with priorities and deadlines.

What cannot be answered in time is refused at once, with the reason, instead of late. The same
question on the same frame is computed once, however many ask it.
"""
from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from smolvlm_ros.settings import Settings, setting

_SAMPLES = 8  # durations of which the median is the estimate


class Refused(RuntimeError):  # noqa: N818 - it is an answer, not a failure
    """A request was not, or will not be, answered; the text says why."""


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


@dataclass
class _Job:
    key: Hashable
    work: Callable[[], Any]
    kind: str
    priority: int
    deadline_s: float  # of the most patient of those who ask; later it is of use to nobody
    order: int
    futures: list[Future[Any]] = field(default_factory=list)
    first_deadline_s: float = float("inf")  # of the least patient: it says whose turn it is

    def __post_init__(self) -> None:
        self.first_deadline_s = min(self.first_deadline_s, self.deadline_s)

    @property
    def rank(self) -> tuple[int, float, int]:
        """Least runs first: high priority, then early deadline, then first come."""
        return -self.priority, self.first_deadline_s, self.order


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
        self._waiting: list[_Job] = []
        self._running: _Job | None = None
        self._started_s = 0.0
        self._closed = False
        self._count = 0
        self._durations: dict[str, deque[tuple[float, float]]] = {}
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._refused: deque[tuple[_Job, str]] = deque()  # not told yet

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
               priority: int = 0, kind: str = "verdict") -> Future[Any]:
        """Queue a request, or join the same one that waits, runs or was just answered.

        Args:
            key: what is asked, and of which frames; equal keys share one computation.
            work: computes the answer, in the worker's thread.
            deadline_s: on the clock; the answer must be there by then.
            priority: higher runs first.
            kind: requests of one kind take about the same time.

        Returns:
            A future of the answer; it raises `Refused` when it became too late meanwhile.

        Raises:
            Refused: the answer would be too late, the queue is full, or the scheduler is
                closed.
        """
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise Refused("scene QA is shutting down")
            if key in self._answers:
                future.set_result(self._answers[key])
                return future
            if self._running is not None and self._running.key == key:
                self._running.futures.append(future)
                return future
            now_s = self._clock()
            job = _Job(key, work, kind, priority, deadline_s, self._count, [future])
            reason = self._late(job, now_s)
            if reason:
                raise Refused(reason)
            self._insert(job)
            self._count += 1
            self._drop_late(now_s)
            self._changed.notify()
        self._tell_refused()
        return future

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
            job = min(self._waiting, key=lambda waiting: waiting.rank, default=None)
            if job is not None:
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
                job.futures = []
            self._waiting.clear()
            self._answers.clear()
            self._changed.notify_all()
        for future in refused:
            _refuse(future, "scene QA is shutting down")

    def forget(self) -> None:
        """Forget the answers: the same keys mean something else from now on."""
        with self._changed:
            self._answers.clear()

    def cost_s(self, kind: str) -> float:
        """Expected duration of a request: the median of recent ones; 0 while none is known."""
        recent = self._durations.get(kind, deque())
        oldest_s = self._clock() - self.config.forget_cost_s
        known = [duration for ended_s, duration in recent if ended_s >= oldest_s]
        return median(known) if known else 0.0

    def _finish(self, job: _Job, outcome: Future[Any]) -> list[Future[Any]]:
        """Note how long it took and what came of it; who waits for it."""
        now_s = self._clock()
        self._running = None
        samples = self._durations.setdefault(job.kind, deque(maxlen=_SAMPLES))
        samples.append((now_s, now_s - self._started_s))
        if outcome.exception() is None and not self._closed:
            self._answers[job.key] = outcome.result()
        while len(self._answers) > self.config.remember:
            self._answers.popitem(last=False)
        return job.futures

    def _insert(self, job: _Job) -> None:
        """Put it into the queue, together with the same request when that waits already."""
        twin = next((other for other in self._waiting if other.key == job.key), None)
        if twin is None:
            self._make_room(job)
        else:
            self._waiting.remove(twin)
            job.futures = twin.futures + job.futures
            job.priority = max(twin.priority, job.priority)
            job.first_deadline_s = min(twin.first_deadline_s, job.first_deadline_s)
            job.deadline_s = max(twin.deadline_s, job.deadline_s)
            job.order = twin.order
        self._waiting.append(job)

    def _ahead_s(self, job: _Job, now_s: float) -> float:
        """Expected time until the job may start."""
        ahead_s = sum(self.cost_s(other.kind) for other in self._waiting
                      if other.rank < job.rank and other.key != job.key)
        if self._running is not None:
            ahead_s += max(0.0, self.cost_s(self._running.kind) - (now_s - self._started_s))
        return ahead_s

    def _late(self, job: _Job, now_s: float) -> str:
        """Why the job would be too late; '' when it is in time."""
        need_s = self._ahead_s(job, now_s) + self.cost_s(job.kind)
        left_s = job.deadline_s - now_s
        if need_s <= left_s and left_s > 0:
            return ""
        ahead = sum(other.rank < job.rank for other in self._waiting)
        return (f"an answer would take about {need_s:.2f} s ({ahead} ahead in the queue), "
                f"{max(left_s, 0.0):.2f} s are left; allow more time or ask less often")

    def _drop_late(self, now_s: float) -> None:
        """Refuse what has become too late by what was put before it; drop the cancelled."""
        for job in sorted(self._waiting, key=lambda waiting: waiting.rank):
            abandoned = all(future.cancelled() for future in job.futures)
            reason = self._late(job, now_s)
            if abandoned or reason:
                self._waiting.remove(job)
                self._refused.append((job, reason))

    def _make_room(self, job: _Job) -> None:
        if len(self._waiting) < self.config.max_waiting:
            return
        last = max(self._waiting, key=lambda waiting: waiting.rank)
        if last.priority >= job.priority:
            raise Refused(f"{len(self._waiting)} requests wait already (max_waiting); "
                               "ask again later")
        self._waiting.remove(last)
        self._refused.append((last, "a request of higher priority took its place in the full "
                              "queue"))

    def _tell_refused(self) -> None:
        """Called without the lock: what the futures call may take its time."""
        while self._refused:
            with suppress(IndexError):  # another thread was quicker
                job, reason = self._refused.popleft()
                for future in job.futures:
                    _refuse(future, reason)


def _refuse(future: Future[Any], reason: str) -> None:
    outcome: Future[Any] = Future()
    outcome.set_exception(Refused(reason))
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

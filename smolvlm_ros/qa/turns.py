"""In which order requests have their turn: by priority, but for every third one."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

_SHARE = 3    # every third turn is a lower priority's, so that none waits for ever


@dataclass
class Job:
    """A request in the queue, for all who ask the same.

    Attributes:
        key: what is asked, of which frames, and in which epoch.
        work: computes the answer.
        kind: requests of one kind take about the same time.
        priority: higher goes first.
        order: first come, first served, else.
        askers: futures, and until when each can use the answer.
        keep: it keeps its place in a full queue.
        given_up: it was told that nobody wants it: not to be joined any more.
    """

    key: tuple[int, Hashable]
    work: Callable[[], Any]
    kind: str
    priority: int
    order: int
    askers: list[tuple[Future[Any], float]]
    keep: bool = False
    given_up: bool = False

    @property
    def futures(self) -> list[Future[Any]]:
        """Of all who ask."""
        return [future for future, _ in self.askers]

    @property
    def deadline_s(self) -> float:
        """Of the most patient of those who ask; later it is of use to nobody."""
        return max(deadline_s for _, deadline_s in self.askers)

    @property
    def rank(self) -> tuple[int, float, int]:
        """Least runs first: high priority, then early deadline, then first come."""
        return -self.priority, min(deadline_s for _, deadline_s in self.askers), self.order

    def joined(self, other: Job) -> Job:
        """This one, for those who ask the same in `other` too."""
        return replace(self, priority=max(self.priority, other.priority),
                       askers=self.askers + other.askers, keep=self.keep or other.keep)


class Turns:
    """Whose turn it is; remembers how often a lower priority was passed over."""

    def __init__(self) -> None:
        """Nobody was passed over yet."""
        self._passed_over = 0  # turns since a lower priority that waited had one

    def take(self, waiting: Iterable[Job]) -> Job:
        """The one that runs now, of one at least; its turn is over with that."""
        job, self._passed_over = _next(_ranked(waiting), self._passed_over)
        return job

    def planned(self, waiting: Iterable[Job]) -> Iterator[Job]:
        """The jobs in the order in which they will run."""
        left, passed_over = _ranked(waiting), self._passed_over
        while left:
            job, passed_over = _next(left, passed_over)
            left.remove(job)
            yield job


def _ranked(jobs: Iterable[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: job.rank)


def _next(ranked: Sequence[Job], passed_over: int) -> tuple[Job, int]:
    """Whose turn it is: the first in rank's; every third time, of those of lower priority, the one
    that has waited longest.

    Args:
        ranked: those that wait, by rank; one at least.
        passed_over: turns since a lower priority that waited had one.

    Returns:
        The job, and `passed_over` after it.
    """
    lower = [job for job in ranked if job.priority < ranked[0].priority]
    if lower and passed_over >= _SHARE - 1:
        return min(lower, key=lambda job: job.order), 0
    return ranked[0], passed_over + 1 if lower else 0

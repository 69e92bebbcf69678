"""How often a server may be asked in an hour and in a day, over restarts, crashes and clock jumps.

A request is charged, on disk, before it is sent: a process that dies in between has spent it. What
cannot be charged is not sent.
"""
from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.clocks import EARLIEST_S, steady_s
from smolvlm_ros.remote.errors import NotSent
from smolvlm_ros.settings import Settings, setting

HOUR_S = 3600.0
DAY_S = 86400.0
_KEPT_S = 31 * DAY_S
_JUMP_S = 60.0
_BUSY_S = 1.0  # for another process that charges at the same moment
_SCHEMA = "CREATE TABLE charges (at_s REAL NOT NULL)"


class BudgetSpent(NotSent):
    """No request is left in this hour or day."""


@dataclass(frozen=True)
class BudgetConfig(Settings):
    """How often a server may be asked. Every attempt counts, retries too."""

    per_hour: int = setting(20, "Requests in any hour.", unit="requests", ge=0, le=100000,
                            runtime=True)
    per_day: int = setting(100, "Requests in any 24 hours.", unit="requests", ge=0, le=1000000,
                           runtime=True)


@dataclass(frozen=True)
class Left:
    """What is left of a budget: requests in this hour and in this day."""

    hour: int
    day: int


@dataclass
class _Charge:
    """One of this process: when it was by the steady clock, and its date in the file."""

    steady_s: float
    at_s: float


class Budget:
    """Charges in an SQLite file. Safe for several threads and processes.

    Two counts hold at once: by the dates in the file, and by the steady clock of this process, so
    that a clock set forward gives nothing back. When the clock is set, this process's charges are
    dated anew, and those of before EARLIEST_S (nobody had set it) to now. Others that lie in the
    future count until they have been seen there for an hour or a day by the steady clock.

    Attributes:
        config: settable at any time.
    """

    def __init__(self, path: Path, config: BudgetConfig, *, wall: Callable[[], float] = time.time,
                 steady: Callable[[], float] = steady_s) -> None:
        """Open or make the file.

        Args:
            path: of the file; its folder is made.
            config: limits.
            wall: seconds since the epoch.
            steady: seconds, never going back, nor standing still while the machine sleeps.

        Raises:
            NotSent: the file cannot be made or is damaged.
        """
        self.path = path
        self.config = config
        self._wall = wall
        self._steady = steady
        self._lock = threading.Lock()
        self._here: deque[_Charge] = deque()  # of a day
        self._ahead: dict[float, float] = {}  # dates in the future: steady time of the first look
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _make(path)
            with self._open() as base:
                self._date(base)

    def check(self) -> None:
        """See that one request is left, without spending it.

        Raises:
            BudgetSpent: none is left.
            NotSent: the file cannot be read.
        """
        with self._lock, self._guarded(), self._open() as base:
            self._date(base)
            self._check(base)

    def charge(self) -> None:
        """Spend one request; on disk when this returns.

        Raises:
            BudgetSpent: none is left.
            NotSent: it cannot be written.
        """
        with self._lock, self._guarded(), self._open() as base:
            self._date(base)  # a transaction of its own: it holds where nothing is left, too
            base.execute("BEGIN IMMEDIATE")
            self._check(base)  # what raises here leaves nothing behind: the file is closed
            # Before the commit: a commit that fails may have been written all the same.
            now_s = self._wall()
            self._here.append(_Charge(self._steady(), now_s))
            base.execute("DELETE FROM charges WHERE at_s < ?", (now_s - _KEPT_S,))
            base.execute("INSERT INTO charges VALUES (?)", (now_s,))
            base.execute("COMMIT")

    def left(self) -> Left:
        """What is left now.

        Raises:
            NotSent: the file cannot be read.
        """
        with self._lock, self._guarded(), self._open() as base:
            self._date(base)
            return self._left(base)

    def _date(self, base: sqlite3.Connection) -> None:
        """Put the dates in the file right, as far as the clocks tell, outside of a transaction."""
        now_s, up_s = self._wall(), self._steady()
        while self._here and self._here[0].steady_s <= up_s - DAY_S:
            self._here.popleft()
        if now_s >= EARLIEST_S:
            for charge in self._here:
                at_s = now_s - (up_s - charge.steady_s)
                if abs(at_s - charge.at_s) >= _JUMP_S:
                    base.execute("UPDATE charges SET at_s = ? WHERE at_s = ?", (at_s, charge.at_s))
                    charge.at_s = at_s
            if base.execute("SELECT EXISTS (SELECT 1 FROM charges WHERE at_s < ?)",
                            (EARLIEST_S,)).fetchone()[0]:
                base.execute("UPDATE charges SET at_s = ? WHERE at_s < ?", (now_s, EARLIEST_S))
        self._ahead = {at_s: self._ahead.get(at_s, up_s) for at_s, in base.execute(
            "SELECT DISTINCT at_s FROM charges WHERE at_s > ?", (now_s,))}
        for at_s, seen_s in list(self._ahead.items()):
            if up_s - seen_s >= DAY_S:
                base.execute("DELETE FROM charges WHERE at_s = ?", (at_s,))
                del self._ahead[at_s]

    def _check(self, base: sqlite3.Connection) -> None:
        left = self._left(base)
        for unit, span_s, most, rest in (
                ("day", DAY_S, self.config.per_day, left.day),
                ("hour", HOUR_S, self.config.per_hour, left.hour)):
            if rest > 0:
                continue
            ahead = self._count_ahead(base, span_s)
            raise BudgetSpent(
                f"the budget of per_{unit} = {most} requests is spent; ask again later, or raise it"
                + (f". {ahead} charges in {self.path} lie in the future, from before the clock was "
                   f"set back, and count until this has run for a {unit}; if the clock is right, "
                   "the file may be deleted while nothing uses it" if ahead else ""))

    def _left(self, base: sqlite3.Connection) -> Left:
        now_s = self._steady()
        here_hour = sum(charge.steady_s > now_s - HOUR_S for charge in self._here)
        hour = max(self._count(base, HOUR_S), here_hour)
        day = max(self._count(base, DAY_S), len(self._here))
        return Left(max(self.config.per_hour - hour, 0), max(self.config.per_day - day, 0))

    def _count(self, base: sqlite3.Connection, span_s: float) -> int:
        now_s = self._wall()
        count, = base.execute("SELECT count(*) FROM charges WHERE at_s > ? AND at_s <= ?",
                              (now_s - span_s, now_s)).fetchone()
        return int(count) + self._count_ahead(base, span_s)

    def _count_ahead(self, base: sqlite3.Connection, span_s: float) -> int:
        """Charges in the future that were not seen there for that long."""
        since_s = self._steady() - span_s
        return sum(self._ahead.get(at_s, math.inf) > since_s for at_s, in base.execute(
            "SELECT at_s FROM charges WHERE at_s > ?", (self._wall(),)))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # An empty file is one that was cut off: SQLite would take it for a new one, unspent.
        if self.path.stat().st_size == 0:
            raise sqlite3.DatabaseError("it is empty")
        # Not made anew when it was deleted while this runs.
        base = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", _BUSY_S, uri=True,
                               isolation_level=None)
        try:
            base.execute("PRAGMA synchronous = FULL")
            yield base
        finally:
            base.close()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            cure = ("another process holds it: see what it is, and ask again" if "locked" in
                    str(error) else "see that the disk has room and the file can be written, or "
                    "delete it if it is damaged")
            raise NotSent(f"the budget in {self.path} cannot be kept ({error}); {cure}"
                          ) from error


def _make(path: Path) -> None:
    """An empty budget, complete or not there at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        base = sqlite3.connect(name, isolation_level=None)
        try:
            base.execute(_SCHEMA)
        finally:
            base.close()
        with contextlib.suppress(FileExistsError):  # another process was first
            os.link(name, path)
    finally:
        os.unlink(name)

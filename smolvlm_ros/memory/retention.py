"""Keeping the memory within its limits: what was remembered first goes first.

Age is counted from when a moment was remembered, not from its stamp: stamps are the messages', may
be those of a recording, and one from the future would make all others old. A clock that was set
while the process ran corrects what was remembered in that time.

A board without a battery starts in the past, and may end there. A year before EARLIEST_S is none:
the memory counts on from what it remembered last then, and nothing is too old. A later year that
lies before what was remembered may be right or wrong: it dates nothing anew until it is confirmed.
"""
from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from smolvlm_ros.clocks import EARLIEST_S, steady_s
from smolvlm_ros.memory.clock import ClockWatch
from smolvlm_ros.memory.config import MemoryConfig
from smolvlm_ros.memory.moment import MemoryStoreError
from smolvlm_ros.memory.schema import BUSY_S

EVEN_S = 600.0       # the clock is believed after this long without a jump
_DAY_S = 86400.0
_GOES_ON_S = 7 * _DAY_S  # or at once, where it goes on from the last session
_AT_ONCE = 200       # rows deleted in one transaction
_MOST_SHARE = 0.25   # of the rows, deleted in one round for their size
_AIM = 0.9           # of the limit, so that not every moment forgets another one
_MERGE_PAGES = 200
_READERS_S = 2.5     # for those who read: longer than a search takes


class Retention:
    """Forgets what is too old or too much, in steps short enough to write in between.

    Args:
        connection: of the writer; used inside `round` only.
        path: the file, None for a memory in RAM.
        wall: the system clock, seconds.
        monotonic: a clock that nobody sets and that goes on while the machine sleeps, seconds:
            what is slept through is no jump of the system clock, and ages like all time.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None,
                 wall: Callable[[], float] = time.time,
                 monotonic: Callable[[], float] = steady_s) -> None:
        self._connection, self._path = connection, path
        self._wall, self._monotonic = wall, monotonic
        newest_s, = connection.execute("SELECT max(kept_s) FROM moment").fetchone()
        self._up_since_s = self._read_at_s = monotonic()
        self._read_s = max(wall(), newest_s or 0.0)
        self._began_s = self._read()
        if self._began_s == newest_s:  # the clock is not set and goes on from there: just after it
            self._began_s = math.nextafter(self._began_s, math.inf)
        self._watch = ClockWatch(self._began_s, self._up_since_s)
        self._goes_on = newest_s is not None and 0 <= self._began_s - newest_s <= _GOES_ON_S
        # Confirmed: it goes on from a session, though another one may have been ahead of it.
        self._confirmed, = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM moment WHERE kept_s BETWEEN ? AND ?)",
            (self._began_s - _GOES_ON_S, self._began_s)).fetchone()
        self.forgotten = 0

    def size_bytes(self) -> int:
        """Bytes in use, with what waits in the write-ahead log."""
        return self._kept_bytes() + self._log_bytes()

    def _kept_bytes(self) -> int:
        """Bytes in use without the log: what forgetting can free."""
        c = self._connection
        pages, free, size = (c.execute(f"PRAGMA {name}").fetchone()[0]
                             for name in ("page_count", "freelist_count", "page_size"))
        return int((pages - free) * size)

    def now_s(self) -> float:
        """The system clock, after what it was set by has been taken into account; where it stands
        before EARLIEST_S, the time that has gone by since it was right or something was kept.

        Called outside of any transaction: a rollback would undo what it corrects.
        """
        now_s = self._read()
        jump_s = self._watch.jump_s(now_s, self._read_at_s)
        if jump_s:
            self._connection.execute(
                "UPDATE moment SET kept_s = kept_s + ? WHERE kept_s BETWEEN ? AND ?",
                (jump_s, self._began_s, now_s - jump_s))
            self._watch.take(jump_s, self._read_at_s)  # not before: where it fails, next time
            self._began_s += jump_s
            self._goes_on, self._confirmed = False, True
        return now_s

    def _read(self) -> float:
        wall_s, monotonic_s = self._wall(), self._monotonic()
        self._read_s = (wall_s if wall_s >= EARLIEST_S
                        else self._read_s + monotonic_s - self._read_at_s)
        self._read_at_s = monotonic_s
        return self._read_s

    def round(self, config: MemoryConfig) -> Iterator[None]:
        """One round of forgetting; each step is a transaction of its own.

        Raises:
            MemoryStoreError: only the log is too large, and somebody who reads keeps it so;
                forgetting would make it longer.
        """
        now_s = self.now_s()
        believed = self._goes_on or self._watch.even_for_s(self._read_at_s) >= EVEN_S
        if believed and self._wall() >= EARLIEST_S:
            yield from self._forget_old(now_s, config.max_days * _DAY_S)
        limit = config.max_mb * 1e6
        emptied = self.size_bytes() <= limit or self._truncate_log()
        if self._kept_bytes() > limit:
            yield from self._forget_most(limit)
        elif not emptied:
            raise MemoryStoreError(f"{self._path}: its write-ahead log cannot be emptied while "
                                   "another process reads it; end that one")

    def _forget_old(self, now_s: float, max_age_s: float) -> Iterator[None]:
        c, late_s = self._connection, now_s + _DAY_S
        # Remembered while the clock was not set, or ahead: from now on they age like the others,
        # but nobody who forgets a part of this session means them.
        before_s = math.nextafter(min(now_s, self._began_s), 0.0)
        c.execute("UPDATE moment SET kept_s = ? WHERE kept_s < ?", (before_s, EARLIEST_S))
        if self._confirmed:
            c.execute("UPDATE moment SET kept_s = ? WHERE kept_s > ?", (before_s, late_s))
        old = [("<", now_s - max_age_s)]
        if self._read_at_s - self._up_since_s > max_age_s:
            old.append((">", late_s))  # whichever clock was right
        forgotten = self.forgotten
        for side, limit_s in old:
            while self._delete(f"SELECT id FROM moment WHERE kept_s {side} ? ORDER BY kept_s "
                               "LIMIT ?", limit_s, _AT_ONCE):
                yield
        if self.forgotten > forgotten:
            yield from self._give_back()

    def _forget_most(self, limit: float) -> Iterator[None]:
        count, = self._connection.execute("SELECT moments FROM total").fetchone()
        share = min(_MOST_SHARE, 1.0 - _AIM * limit / self._kept_bytes())
        left = max(1, round(count * share)) if count else 0
        while left > 0:
            rows = min(left, _AT_ONCE)
            if not self._delete("SELECT id FROM moment WHERE kept_s >= ? ORDER BY kept_s LIMIT ?",
                                -1.0, rows):
                break
            left -= rows
            yield
        yield from self._give_back()

    def _delete(self, chosen: str, kept_s: float, most: int) -> int:
        self._connection.execute(f"DELETE FROM moment WHERE id IN ({chosen})", (kept_s, most))
        deleted, = self._connection.execute("SELECT changes()").fetchone()
        self.forgotten += deleted
        return int(deleted)

    def _give_back(self) -> Iterator[None]:
        """Free what the deleted rows held: in the full-text index, the file and the log."""
        c = self._connection
        pages = -_MERGE_PAGES  # negative: begin to merge all of it into one
        while True:
            before = c.total_changes
            c.execute("INSERT INTO moment_words (moment_words, rank) VALUES ('merge', ?)", (pages,))
            if c.total_changes - before < 2:
                break
            pages = _MERGE_PAGES
            yield
        c.execute("PRAGMA incremental_vacuum").fetchall()
        yield
        self._truncate_log()

    def _truncate_log(self) -> bool:
        """Empty the log; False where somebody who reads keeps it."""
        c = self._connection
        c.execute(f"PRAGMA busy_timeout = {round(_READERS_S * 1e3)}")
        try:
            busy, _, _ = c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            c.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1e3)}")
        return not busy

    def _log_bytes(self) -> int:
        try:
            return 0 if self._path is None else os.stat(f"{self._path}-wal").st_size
        except OSError:
            return 0

"""The memory: moments go in without waiting, and are searched while they do.

One thread writes. What is put in waits in a bounded queue, so that a slow or full disk never holds
up who puts it in: what finds no room is counted as lost.
"""
from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from smolvlm_ros.memory.config import MemoryConfig, resolve
from smolvlm_ros.memory.moment import MemoryStoreError, Moment, Position
from smolvlm_ros.memory.retention import Retention
from smolvlm_ros.memory.rows import insert, seen_again
from smolvlm_ros.memory.schema import open_database, open_to_read, refusal
from smolvlm_ros.memory.search import Query, Result, search

QUEUED = 1024        # moments that may wait; with a picture each some MB
_BATCH = 256         # moments in one transaction
_ROUND_S = 30.0
_IDLE_S = 0.5
_AGAIN_S = (0.2, 5.0)


@dataclass(frozen=True)
class MemoryCounts:
    """What happened so far.

    Attributes:
        moments: in the memory now.
        kept: written since it was opened.
        lost: could not be written.
        waiting: not written yet.
        forgotten: deleted to keep the limits.
        problem: why nothing can be written now; empty when all is well.
    """

    moments: int
    kept: int
    lost: int
    waiting: int
    forgotten: int
    problem: str


@dataclass(frozen=True)
class _Write:
    """What is to be done, and where the key it gives is told once it lies on the disk."""

    do: Callable[[sqlite3.Connection, float], int | None]
    done: Future[int | None]


class MemoryStore:
    """The memory. Safe in threads.

    Args:
        config: `path` holds from the start, the rest is settable.
        on_change: called in the writer's thread when writing begins to fail, with why, and with ''
            when it works again.
        connect: opens the database; for tests.

    Raises:
        MemoryStoreError: the database cannot be used; see `open_database`.
    """

    def __init__(self, config: MemoryConfig, on_change: Callable[[str], None] | None = None,
                 connect: Callable[..., sqlite3.Connection] = open_database) -> None:
        self.config = config
        self._path = resolve(config.path)
        self._on_change = on_change or (lambda _: None)
        self._writer = connect(self._path)
        # In RAM there is one connection for both, and its lock.
        self._write_lock = threading.Lock()
        try:
            self._reader = self._writer if self._path is None else open_to_read(self._path)
            self._retention = Retention(self._writer, self._path)
            # The log is part of the size: an eighth of it at most, and never more than 4 MB.
            pages = max(32, min(1000, int(config.max_mb * 1e6 / 8 / 4096)))
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {pages}")
            self._writer.execute(f"PRAGMA journal_size_limit = {pages * 4096}")
            self._moments = self._count()
        except BaseException:
            self._writer.close()
            raise
        self._read_lock = self._write_lock if self._path is None else threading.Lock()
        self._queue: queue.Queue[_Write | None] = queue.Queue(QUEUED + 1)  # None only wakes it
        self._counts_lock = threading.Lock()
        self._kept = self._lost = self._unfinished = 0
        self._not_before_s = 0.0
        self._problem = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> MemoryCounts:
        """What happened so far."""
        with self._counts_lock:
            return MemoryCounts(self._moments, self._kept, self._lost, self._unfinished,
                                self._retention.forgotten, self._problem)

    def add(self, moment: Moment) -> Future[int | None]:
        """Remember a moment, without waiting.

        Returns:
            Done with the moment's key when it lies on the disk; MemoryStoreError when it is lost.
        """
        return self._put(lambda connection, now_s: insert(connection, moment, now_s))

    def seen_again(self, key: Future[int | None], last_ns: int, position: Position | None) -> None:
        """Note when and where an object was seen last; `key` is what `add` gave."""
        def write(connection: sqlite3.Connection, _: float) -> None:
            known = key.result() if key.done() and key.exception() is None else None
            if known is not None:
                seen_again(connection, known, last_ns, position)
        self._put(write)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until what was put in before is written or lost; False when that took too long."""
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            with self._counts_lock:
                if not self._unfinished:
                    return True
            time.sleep(0.002)
        return False

    def find(self, query: Query) -> Result:
        """Search; the moments that wait to be written are not found yet.

        Raises:
            ValueError: the query makes no sense.
            MemoryStoreError: the database cannot be read.
        """
        with self._read_lock:
            try:
                return search(self._reader, query)
            except sqlite3.Error as error:
                raise refusal(self._path, error) from error

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, and close; what is not written within the time is lost."""
        self._closing.set()
        with suppress(queue.Full):  # then it is awake
            self._queue.put_nowait(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise MemoryStoreError(f"the memory is still writing after {timeout_s:g} s; "
                                   f"{self.counts.waiting} moments may be lost")
        with self._read_lock:
            if self._reader is not self._writer:
                self._reader.close()
            self._writer.close()

    # Writing -------------------------------------------------------------------------------

    def _put(self, do: Callable[[sqlite3.Connection, float], int | None]) -> Future[int | None]:
        write = _Write(do, Future())
        with self._counts_lock:
            self._unfinished += 1
        try:
            if self._closing.is_set() or self._queue.qsize() >= QUEUED:
                raise queue.Full
            self._queue.put_nowait(write)
        except queue.Full:
            text = "no room in the queue: the disk is too slow, or nothing can be written to it"
            self._note(self._problem or text)
            self._lose(write, text)
        return write.done

    def _run(self) -> None:
        round_: Iterator[None] | None = None
        next_round_s = 0.0
        while not (self._closing.is_set() and self._queue.empty()):
            self._write_batch(self._batch(0.0 if round_ else _IDLE_S))
            now_s = time.monotonic()
            if round_ is None and now_s >= (self._not_before_s if self._over() else next_round_s):
                round_, next_round_s = self._retention.round(self.config), now_s + _ROUND_S
            while round_ is not None:
                round_ = self._step(round_)
                if not self._over():  # the rest of the round leaves time to write
                    break

    def _over(self) -> bool:
        """True when it is larger than it may be."""
        with self._write_lock, suppress(sqlite3.Error):
            return self._retention.size_bytes() > self.config.max_mb * 1e6
        return False

    def _step(self, round_: Iterator[None]) -> Iterator[None] | None:
        """A step of forgetting; None at its end, or when it fails: the next round tries again."""
        ends = True
        try:
            with self._write_lock:
                next(round_)
            ends = False
        except StopIteration:
            self._note("")
        except Exception as error:  # the writer goes on, whatever it is
            self._rolled_back()
            self._note(self._in_words(error))
            self._not_before_s = time.monotonic() + _AGAIN_S[1]
        self._recount()
        return None if ends else round_

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, sqlite3.Error):
            return str(refusal(self._path, error))
        return str(error) or type(error).__name__

    def _batch(self, wait_s: float) -> list[_Write]:
        batch: list[_Write | None] = []
        try:
            batch.append(self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait())
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return [write for write in batch if write is not None]

    def _write_batch(self, batch: list[_Write]) -> None:
        """Write a batch, trying again until it works or there is no more time."""
        wait_s = _AGAIN_S[0]
        while batch:
            try:
                keys = self._write(batch)
            except sqlite3.OperationalError as error:  # a full disk, a lock: it may pass
                text = self._in_words(error)
                self._note(text)
                if self._closing.is_set():
                    for write in batch:
                        self._lose(write, text)
                    return
                self._closing.wait(wait_s)
                wait_s = min(2 * wait_s, _AGAIN_S[1])
            except Exception as error:  # one of them cannot be written, whatever it is
                self._write_each(batch, error)
                return
            else:
                self._note("")
                self._finish(batch, keys)
                return

    def _write(self, batch: list[_Write]) -> list[int | None]:
        with self._write_lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                now_s = self._retention.now_s()
                # A microsecond apart: the order they came in is that in which they are forgotten.
                keys = [w.do(self._writer, now_s + 1e-6 * i) for i, w in enumerate(batch)]
                self._writer.execute("COMMIT")
                return keys
            except BaseException:
                self._rolled_back()
                raise

    def _write_each(self, batch: list[_Write], error: Exception) -> None:
        """Part with the one that cannot be written."""
        if len(batch) > 1:
            for write in batch:
                self._write_batch([write])
            return
        text = self._in_words(error)
        if isinstance(error, sqlite3.DatabaseError):
            self._note(text)
        self._lose(batch[0], text)

    def _rolled_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _finish(self, batch: list[_Write], keys: list[int | None]) -> None:
        self._recount()
        with self._counts_lock:
            self._kept += sum(key is not None for key in keys)
        for write, key in zip(batch, keys, strict=True):
            write.done.set_result(key)
        with self._counts_lock:
            self._unfinished -= len(batch)

    def _lose(self, write: _Write, why: str) -> None:
        with self._counts_lock:
            self._lost += 1
        write.done.set_exception(MemoryStoreError(why))
        with self._counts_lock:
            self._unfinished -= 1

    def _note(self, problem: str) -> None:
        with self._counts_lock:
            changed, self._problem = bool(problem) != bool(self._problem), problem
        if changed:
            self._on_change(problem)

    def _recount(self) -> None:
        try:
            moments = self._count()
        except sqlite3.Error:
            return
        with self._counts_lock:
            self._moments = moments

    def _count(self) -> int:
        with self._write_lock:
            return int(self._writer.execute("SELECT moments FROM total").fetchone()[0])

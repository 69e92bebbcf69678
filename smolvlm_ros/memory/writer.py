"""The thread that writes the memory, and forgets what is over its limits."""
from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.memory.config import MemoryConfig
from smolvlm_ros.memory.moment import MemoryStoreError
from smolvlm_ros.memory.retention import Retention
from smolvlm_ros.memory.schema import refusal

QUEUED = 1024        # moments that may wait; with a picture each some MB
_BATCH = 256         # moments in one transaction
_ROUND_S = 30.0
_IDLE_S = 0.5
_HELD_S = 0.05       # between two looks at what is not ready
_AGAIN_S = (0.2, 5.0)
_WRITING = "nothing can be remembered"
_LIMITS = "the memory cannot be kept within its limits"


@dataclass(frozen=True)
class MemoryCounts:
    """What happened so far.

    Attributes:
        moments: in the memory now.
        kept: written since it was opened.
        lost: could not be written.
        waiting: not written yet.
        forgotten: deleted to keep the limits.
        problem: what cannot be done now, writing or keeping the limits, and why; empty when all
            is well.
    """

    moments: int
    kept: int
    lost: int
    waiting: int
    forgotten: int
    problem: str


@dataclass(frozen=True)
class _Write:
    """What is to be done, and where the key it gives is told once it lies on the disk.

    `prepare` is called once before, outside of any transaction; not when the memory is closing.
    Until it is `ready` it is held back, but not when the memory is closing.
    """

    do: Callable[[sqlite3.Connection, float], int | None]
    done: Future[int | None]
    prepare: Callable[[], None] | None = None
    ready: Callable[[], bool] | None = None


class Writer:
    """Writes from a bounded queue, so that nobody waits for a slow or full disk. Safe in threads.

    What finds no room is counted as lost. What cannot be written for now is tried again.

    Args:
        connection: to write to; `lock` is held while it is used.
        path: its file; None for a memory in RAM.
        config: the limits; settable.
        on_change: called with the problem when writing or keeping the limits begins to fail or
            works again; with '' when both do.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None, config: MemoryConfig,
                 on_change: Callable[[str], None]) -> None:
        self.config = config
        self.lock = threading.Lock()
        self._connection, self._path, self._on_change = connection, path, on_change
        self._retention = Retention(connection, path)
        # The log is part of the size: an eighth of it at most, and never more than 4 MB.
        pages = max(32, min(1000, int(config.max_mb * 1e6 / 8 / 4096)))
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        connection.execute(f"PRAGMA journal_size_limit = {pages * 4096}")
        self._moments = self._count()
        self._queue: queue.Queue[_Write | None] = queue.Queue(QUEUED + 1)  # None only wakes it
        self._held: list[_Write] = []
        self._counts_lock = threading.Lock()
        self._kept = self._lost = self._unfinished = 0
        self._round: Iterator[None] | None = None
        self._next_round_s = self._not_before_s = 0.0
        self._problems = dict.fromkeys((_WRITING, _LIMITS), "")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> MemoryCounts:
        """What happened so far."""
        with self._counts_lock:
            return MemoryCounts(self._moments, self._kept, self._lost, self._unfinished,
                                self._retention.forgotten, self._problem())

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was put in before is written or lost; False when that took too long."""
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            with self._counts_lock:
                if not self._unfinished:
                    return True
            time.sleep(0.002)
        return False

    def close(self, timeout_s: float) -> bool:
        """Write what waits, and end; False when that took too long."""
        self._closing.set()
        with suppress(queue.Full):  # then it is awake
            self._queue.put_nowait(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def put(self, do: Callable[[sqlite3.Connection, float], int | None],
            prepare: Callable[[], None] | None = None,
            ready: Callable[[], bool] | None = None) -> Future[int | None]:
        """Have `do(connection, now_s)` called in the writer's next transaction.

        Args:
            do: gives a key, or nothing.
            prepare: called before the transaction, in the same thread; not when it is closing.
            ready: asked some twenty times a second; until it is so, others are written before.

        Returns:
            Done with what it gave once that lies on the disk; MemoryStoreError when it is lost.
        """
        write = _Write(do, Future(), prepare, ready)
        with self._counts_lock:
            self._unfinished += 1
        try:
            if self._closing.is_set() or self._queue.qsize() + len(self._held) >= QUEUED:
                raise queue.Full
            self._queue.put_nowait(write)
        except queue.Full:
            text = "no room in the queue: the disk is too slow, or nothing can be written to it"
            self._note(_WRITING, self._problems[_WRITING] or text)
            self._lose(write, text)
        return write.done

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty() and not self._held):
            self._write_batch(self._batch(
                0.0 if self._round else _HELD_S if self._held else _IDLE_S))
            self._keep_limits()

    def _keep_limits(self) -> None:
        """Go on with a round of forgetting, or begin one that is due."""
        now_s = time.monotonic()
        if self._round is None and now_s >= (
                self._not_before_s if self.over() else self._next_round_s):
            self._round = self._retention.round(self.config)
            self._next_round_s = now_s + _ROUND_S
        while self._round is not None:
            self._step(self._round)
            if not self.over():  # the rest of the round leaves time to write
                break

    def over(self) -> bool:
        """True when it is larger than it may be."""
        with self.lock, suppress(sqlite3.Error):
            return self._retention.size_bytes() > self.config.max_mb * 1e6
        return False

    def _step(self, round_: Iterator[None]) -> None:
        """A step of forgetting; when it fails, the round ends and soon the next one tries again."""
        try:
            with self.lock:
                next(round_)
        except StopIteration:
            self._round = None
            self._note(_LIMITS, "")
        except Exception as error:  # the writer goes on, whatever it is
            self._round = None
            self._rolled_back()
            self._note(_LIMITS, self._in_words(error))
            self._next_round_s = self._not_before_s = time.monotonic() + _AGAIN_S[1]
        self._recount()

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
        every = [*self._held, *(write for write in batch if write is not None)]
        self._held = [write for write in every if not self._ready(write)]
        held = set(map(id, self._held))
        writes = [write for write in every if id(write) not in held]
        for write in writes:
            if write.prepare is not None and not self._closing.is_set():
                with suppress(Exception):  # it is written as it was before
                    write.prepare()
        return writes

    def _ready(self, write: _Write) -> bool:
        if write.ready is None or self._closing.is_set():
            return True
        try:
            return write.ready()
        except Exception:  # whatever it is: it is not held for ever
            return True

    def _write_batch(self, batch: list[_Write]) -> None:
        """Write a batch, trying again until it works or there is no more time."""
        wait_s = _AGAIN_S[0]
        while batch:
            try:
                keys = self._write(batch)
            except sqlite3.OperationalError as error:  # a full disk, a lock: it may pass
                text = self._in_words(error)
                self._note(_WRITING, text)
                if self._closing.is_set():
                    for write in batch:
                        self._lose(write, text)
                    return
                self._keep_limits()  # it may make room
                self._closing.wait(0.0 if self._round else wait_s)
                wait_s = min(2 * wait_s, _AGAIN_S[1])
            except Exception as error:  # one of them cannot be written, whatever it is
                self._write_each(batch, error)
                return
            else:
                self._note(_WRITING, "")
                self._finish(batch, keys)
                return

    def _write(self, batch: list[_Write]) -> list[int | None]:
        with self.lock:
            try:
                # Before the transaction: a rollback would part what it corrects from its watch.
                now_s = self._retention.now_s()
                self._connection.execute("BEGIN IMMEDIATE")
                # A microsecond apart: the order they came in is that in which they are forgotten.
                keys = [w.do(self._connection, now_s + 1e-6 * i) for i, w in enumerate(batch)]
                self._connection.execute("COMMIT")
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
            self._note(_WRITING, text)
        self._lose(batch[0], text)

    def _rolled_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

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

    def _note(self, what: str, problem: str) -> None:
        with self._counts_lock:
            changed = bool(problem) != bool(self._problems[what])
            self._problems[what] = problem
            text = self._problem()
        if changed:
            self._on_change(text)

    def _problem(self) -> str:
        return "; ".join(f"{what}: {why}" for what, why in self._problems.items() if why)

    def _recount(self) -> None:
        try:
            moments = self._count()
        except sqlite3.Error:
            return
        with self._counts_lock:
            self._moments = moments

    def _count(self) -> int:
        with self.lock:
            return int(self._connection.execute("SELECT moments FROM total").fetchone()[0])

"""The memory: moments go in without waiting, and are searched while they do."""
from __future__ import annotations

import dataclasses
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future

from smolvlm_ros.memory.config import MemoryConfig, resolve
from smolvlm_ros.memory.moment import MemoryStoreError, Moment, Picture, Position
from smolvlm_ros.memory.rows import insert, seen_again
from smolvlm_ros.memory.schema import open_database, open_to_read, refusal
from smolvlm_ros.memory.search import Query, Result, search
from smolvlm_ros.memory.writer import MemoryCounts, Writer


class MemoryStore:
    """The memory. Safe in threads.

    Args:
        config: `path` holds from the start, the rest is settable.
        on_change: called with the problem when writing or keeping the limits begins to fail or
            works again, in the writer's thread or that of `add`; with '' when both do.
        connect: opens the database; for tests.

    Raises:
        MemoryStoreError: the database cannot be used; see `open_database`.
    """

    def __init__(self, config: MemoryConfig, on_change: Callable[[str], None] | None = None,
                 connect: Callable[..., sqlite3.Connection] = open_database) -> None:
        self._path = resolve(config.path)
        self._connection = connect(self._path)
        try:
            # In RAM there is one connection for both, and its lock.
            self._reader = self._connection if self._path is None else open_to_read(self._path)
            self._writer = Writer(self._connection, self._path, config,
                                  on_change or (lambda _: None))
        except sqlite3.Error as error:
            self._connection.close()
            raise refusal(self._path, error) from error
        except BaseException:
            self._connection.close()
            raise
        self._read_lock = self._writer.lock if self._path is None else threading.Lock()

    @property
    def config(self) -> MemoryConfig:
        """What is remembered, and for how long."""
        return self._writer.config

    @config.setter
    def config(self, config: MemoryConfig) -> None:
        self._writer.config = config

    @property
    def counts(self) -> MemoryCounts:
        """What happened so far."""
        return self._writer.counts

    def add(self, moment: Moment, picture: Callable[[], Picture | None] | None = None,
            ready: Callable[[], bool] | None = None) -> Future[int | None]:
        """Remember a moment, without waiting.

        Args:
            moment: what happened.
            picture: makes its picture, in the writer's thread; where it fails there is none.
            ready: whether the picture can be made by now; the moment waits for it.

        Returns:
            Done with the moment's key when it lies on the disk; MemoryStoreError when it is lost.
        """
        if picture is None:
            return self._writer.put(lambda connection, now_s: insert(connection, moment, now_s))
        whole = [moment]

        def prepare() -> None:
            whole[0] = dataclasses.replace(moment, picture=picture())
        return self._writer.put(lambda connection, now_s: insert(connection, whole[0], now_s),
                                prepare, ready)

    def seen_again(self, key: Future[int | None], last_ns: int, position: Position | None,
                   gone: Callable[[], None] = lambda: None) -> None:
        """Note when and where an object was seen last.

        Args:
            key: what `add` gave.
            last_ns: when.
            position: where.
            gone: called in the writer's thread, perhaps more than once, where its moment is no
                longer there: forgotten, or lost.
        """
        def write(connection: sqlite3.Connection, _: float) -> None:
            known = key.result() if key.done() and key.exception() is None else None
            if known is None or not seen_again(connection, known, last_ns, position):
                gone()
        self._writer.put(write, ready=key.done)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until what was put in before is written or lost; False when that took too long."""
        return self._writer.flush(timeout_s)

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
        if not self._writer.close(timeout_s):
            raise MemoryStoreError(f"the memory is still writing after {timeout_s:g} s; "
                                   f"{self.counts.waiting} moments may be lost")
        with self._read_lock:
            self._reader.close()
            self._connection.close()

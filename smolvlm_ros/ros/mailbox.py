"""A worker thread with a mailbox, of one slot as a rule: the newest item replaces the oldest."""
from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class MailboxCounts:
    """Items put in, worked on, replaced before their turn, and failed with an exception."""

    received: int
    done: int
    replaced: int
    failed: int


class Mailbox(Generic[T]):
    """Runs `work` on the newest items in a thread of its own, so that no caller ever waits.

    Args:
        name: of the thread, for debuggers.
        work: called with each item, in the worker thread.
        on_error: called in the worker thread with what `work` raised; the worker goes on, whatever
            this one raises.
        size: how many items wait at most; then the newest replaces the oldest.
    """

    def __init__(self, name: str, work: Callable[[T], None],
                 on_error: Callable[[Exception], None], size: int = 1) -> None:
        self._size = size
        self._work = work
        self._on_error = on_error
        self._condition = threading.Condition()
        self._slot: list[T] = []
        self._closed = False
        self._busy_since_s: float | None = None
        self._received = self._done = self._replaced = self._failed = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> bool:
        """Leave an item; returns True when it replaced one that was still waiting."""
        with self._condition:
            if self._closed:
                return False
            self._received += 1
            replaced = len(self._slot) >= self._size
            self._replaced += replaced
            self._slot[:] = [*self._slot[replaced:], item]
            self._condition.notify()
        return replaced

    @property
    def counts(self) -> MailboxCounts:
        """What has happened so far; `received` is the sum of the others and what is under way."""
        with self._condition:
            return MailboxCounts(self._received, self._done, self._replaced, self._failed)

    @property
    def busy_since_s(self) -> float | None:
        """When the item under way was begun, by time.monotonic(); None while there is none."""
        return self._busy_since_s

    @property
    def closed(self) -> bool:
        """True once it was told to stop: what `work` still finds is for nobody."""
        return self._closed

    def close(self, timeout_s: float = 10.0) -> bool:
        """Forget what waits and stop the worker; returns False when it did not end in time."""
        with self._condition:
            self._closed = True
            self._slot.clear()
            self._condition.notify()
        if self._thread is threading.current_thread():
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._slot and not self._closed:
                    self._condition.wait()
                if self._closed:
                    return
                item = self._slot.pop(0)
            self._busy_since_s = time.monotonic()
            self._run_one(item)
            self._busy_since_s = None
            del item  # a large image is not kept alive while waiting for the next one

    def _run_one(self, item: T) -> None:
        try:
            self._work(item)
        except Exception as error:  # one bad item must not end the stage
            with self._condition:
                self._failed += 1
            try:
                self._on_error(error)
            except Exception:
                traceback.print_exc()
        else:
            with self._condition:
                self._done += 1

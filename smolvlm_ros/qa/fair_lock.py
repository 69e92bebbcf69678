"""A lock that goes to who has waited longest.

`threading.Lock` goes to who comes first after its release, mostly the thread that has just released
it: one that takes it again and again, a streamed answer token by token, keeps others out.
"""
from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """A context manager that one thread is in at a time, in the order of their coming; a thread
    must not enter it twice."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._held = False
        self._turns: deque[threading.Lock] = deque()  # one for each that waits, locked until then

    @property
    def waiting(self) -> int:
        """Threads that wait."""
        return len(self._turns)

    def __enter__(self) -> None:
        with self._changing:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._turns.append(turn)
        try:
            turn.acquire()
        except BaseException:  # an interrupt; nobody may be left waiting for this thread
            self._leave(turn)
            raise

    def __exit__(self, *_: object) -> None:
        with self._changing:
            self._pass_on()

    def _leave(self, turn: threading.Lock) -> None:
        with self._changing:
            if turn in self._turns:
                self._turns.remove(turn)
            else:  # it was this thread's turn already
                self._pass_on()

    def _pass_on(self) -> None:
        if self._turns:
            self._turns.popleft().release()
        else:
            self._held = False

"""Ends a run between two steps when it is asked to."""
from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

_TOLD = b"\ntraining: ends after this step, with its state saved; once more: at once\n"


class Stop:
    """While it is entered, SIGINT and SIGTERM are noted; the second one raises KeyboardInterrupt.

    Outside of the main thread, which alone gets signals, it notes nothing.

    Attributes:
        asked: one of them came.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        os.write(2, _TOLD)  # print may be what was interrupted

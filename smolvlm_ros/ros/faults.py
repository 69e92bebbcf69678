"""What a node itself knows to be wrong: named faults with a severity, some of which fade."""
from __future__ import annotations

import threading
import time
from typing import Any

from smolvlm_ros.ros.health import Finding, Level

_LOG_EVERY_S = 10.0


class Faults:
    """Named faults. Setting one logs it at once, then at most every ten seconds.

    Args:
        logger: an rclpy logger.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._faults: dict[str, tuple[Finding, float | None]] = {}
        self._logged: dict[str, tuple[str, float]] = {}

    def set(self, key: str, level: Level, text: str, for_s: float | None = None) -> None:
        """Raise or replace a fault; with `for_s` it fades when it is not raised again."""
        now = time.monotonic()
        with self._lock:
            self._faults[key] = (Finding(level, text), None if for_s is None else now + for_s)
            last, when = self._logged.get(key, ("", -_LOG_EVERY_S))
            speak = now - when >= _LOG_EVERY_S or (last != text and for_s is None)
            if speak:
                self._logged[key] = (text, now)
        if speak:  # two lines: rclpy wants one severity for each place that logs
            if level >= Level.ERROR:
                self._logger.error(text)
            else:
                self._logger.warning(text)

    def clear(self, key: str) -> None:
        """The fault is over."""
        with self._lock:
            self._faults.pop(key, None)
            self._logged.pop(key, None)

    def clear_all(self) -> None:
        """All faults are over, as after a clean-up."""
        with self._lock:
            self._faults.clear()
            self._logged.clear()

    def findings(self, now_s: float) -> tuple[Finding, ...]:
        """The faults that hold at a time of the monotonic clock."""
        with self._lock:
            for key in [k for k, (_, until) in self._faults.items()
                        if until is not None and until < now_s]:
                del self._faults[key]
            return tuple(finding for finding, _ in self._faults.values())


def in_words(error: BaseException) -> str:
    """What went wrong; with the name of the error where the text alone may not tell."""
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, (ValueError, RuntimeError, OSError)) else (
        f"{type(error).__name__}: {text}")

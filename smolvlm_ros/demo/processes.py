"""Child processes that never outlive their parent."""
from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class ChildError(RuntimeError):
    """A child process ended by itself; the text holds its last words."""


def _die_with_parent() -> None:
    # Runs in the child before its program: the kernel ends it when the parent is killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A node in a process of its own, its output in a log file.

    Args:
        name: the node's executable name.
        arguments: its command line.
        log: file for what it prints.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._log = log
        self._out = log.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "smolvlm_ros.nodes", name, *arguments], stdout=self._out,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ChildError when the process has ended."""
        code = self._process.poll()
        if code is not None:
            text = self._log.read_text(encoding="utf-8", errors="replace")
            words = text.strip().splitlines()[-8:]
            raise ChildError(f"{self.name} ended with code {code}; its last words "
                             f"({self._log}):\n  " + "\n  ".join(words))

    def stop(self, patience_s: float = 15.0) -> int:
        """End it as ctrl-C would, harder when it does not listen; returns its exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
            deadline = time.monotonic() + patience_s
            while self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        self._out.close()
        return self._process.wait()

"""What the person sees while an environment is made, and the commands that make it."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import SetupError
from .machine import explain_failure

POLL_S = 0.2
REPORT_S = 30.0
"""How often a line is printed where the output is not a terminal."""


class Console:
    """Progress on a stream: one line for each step, with what it does and its seconds."""

    def __init__(self, stream: TextIO | None = None, lock_descriptor: int | None = None) -> None:
        self.stream = stream or sys.stderr
        self.lock_descriptor = lock_descriptor
        self._live = self.stream.isatty()
        self._heading = ""
        self._started_s = 0.0

    def say(self, text: str) -> None:
        """Prints one line."""
        print(f"standalone: {text}", file=self.stream, flush=True)

    @contextmanager
    def step(self, number: int, total: int, title: str) -> Iterator[None]:
        """Announces a step, and its seconds when it is done."""
        self._heading = f"[{number}/{total}] {title}"
        self._started_s = time.monotonic()
        self.say(self._heading) if not self._live else self._rewrite("")
        yield
        seconds = time.monotonic() - self._started_s
        if self._live:
            self.stream.write("\r\x1b[K")
        self.say(f"{self._heading}: done in {seconds:.0f} s")

    def run(self, what: str, command: Sequence[str], log: Path,
            variables: Mapping[str, str], cwd: Path | None = None) -> None:
        """Runs a command with its output in `log`, showing that it is alive.

        Raises:
            SetupError: it failed; the reason is read from what it printed.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a+b") as output:
            began_at = output.seek(0, os.SEEK_END)
            output.write(f"$ {' '.join(command)}\n".encode())
            output.flush()
            kept = () if self.lock_descriptor is None else (self.lock_descriptor,)
            try:
                process = subprocess.Popen(
                    list(command), stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, env=dict(variables), cwd=cwd, pass_fds=kept)
            except OSError as error:
                raise SetupError(f"could not {what}: {error}") from error
            try:
                self._watch(process, log)
            except BaseException:
                process.terminate()
                process.wait()
                raise
            if process.returncode:
                output.seek(began_at)
                raise explain_failure(what, output.read().decode(errors="replace"), log)

    def _watch(self, process: subprocess.Popen, log: Path) -> None:
        """Waits for a process, telling now and then what it does."""
        told_s = time.monotonic()
        while True:
            try:
                process.wait(timeout=POLL_S)
                return
            except subprocess.TimeoutExpired:
                pass
            now_s = time.monotonic()
            if self._live:
                self._rewrite(_last_line(log))
            elif now_s - told_s >= REPORT_S:
                told_s = now_s
                self.say(f"{self._heading}: {now_s - self._started_s:.0f} s, {_last_line(log)}")

    def _rewrite(self, detail: str) -> None:
        seconds = time.monotonic() - self._started_s
        line = f"standalone: {self._heading}: {seconds:.0f} s  {detail}"
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):
            width = 80
        self.stream.write(f"\r\x1b[K{line[:width - 1]}")
        self.stream.flush()


def _last_line(log: Path) -> str:
    """The last line of a log that is being written."""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 20_000))  # pip's lines can be long
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip()[:100] for line in reversed(lines)
                 if line.strip() and not line.lstrip().startswith("WARNING")), "")

"""Nodes in processes of their own, started, watched and ended by tests."""
from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)
END_S = 30.0  # what a process may take to end; nothing here takes a tenth of it


class NodeProcess:
    """A node's process, with its output in a file.

    Args:
        folder: for its log and its parameter file.
        name: 'funnel', 'video_source', …
        namespace: of its nodes.
        parameters: of each node by its name.
        arguments: more ROS arguments.
    """

    def __init__(self, folder: Path, name: str, namespace: str,
                 parameters: Mapping[str, Mapping[str, Any]], *arguments: str) -> None:
        number = next(_numbers)
        self._log = folder / f"{number}_{name}.log"
        file = folder / f"{number}_{name}.yaml"
        file.write_text(yaml.safe_dump({f"/**/{node}": {"ros__parameters": dict(values)}
                                        for node, values in parameters.items()}))
        with self._log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "smolvlm_ros.nodes", name, "--ros-args",
                 "-r", f"__ns:={namespace}", "--params-file", str(file), *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True, cwd=ROOT)

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def running(self) -> bool:
        """True while it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as kill -9 does."""
        self._process.kill()
        self._process.wait()

    def interrupt(self) -> int:
        """End it as ctrl-C does; returns its exit code."""
        return self._end(signal.SIGINT)

    def terminate(self) -> int:
        """End it as `ros2 launch` does in the end; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        self._process.send_signal(number)
        deadline_s = time.monotonic() + END_S
        while self._process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert self._process.returncode is not None, f"it does not end; it said:\n{self.output}"
        return int(self._process.returncode)

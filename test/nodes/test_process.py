"""The end of a process: ctrl-C at any time is an orderly end, with exit code 0, within seconds."""
from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vision_msgs.msg", reason="needs ROS 2 and the built interfaces")

from example_node import ExampleNode, Trigger  # noqa: E402
from node_process import ROOT, NodeProcess  # noqa: E402
from peer import Peer, fresh_namespace, wait_for  # noqa: E402

from smolvlm_ros.ros.process import Spinner  # noqa: E402

# A process may be waited for three seconds in each of two places; a busy machine takes its time.
SOON_S = 20.0
BUSY = """
import sys, time
sys.path[:0] = [{here!r}, {root!r}]
from example_node import ExampleNode
from smolvlm_ros.ros.process import run

WHERE = sys.argv[1]

class Busy(ExampleNode):
    executor_threads = 2 if WHERE == "pool" else 1

    def setup(self):
        super().setup()
        if WHERE == "configure":
            print("busy", flush=True)
            time.sleep(600)  # a model that loads

    def start(self):
        super().start()
        if WHERE == "worker":
            self.worker._work = self.stay
            self.worker.put("a frame")
        self.on_work = lambda: self.stay(None)
        print("ready", flush=True)

    def stay(self, _):
        print("busy", flush=True)
        time.sleep(600)  # a model at work

sys.exit(run([Busy], ["--ros-args", "-p", "autostart:=true", "-r", "__ns:=" + sys.argv[2]]))
"""

# A signal that comes just when the main thread has taken the lock it is about to wait with.
INTERRUPTED = """
import os, signal, sys, threading
sys.path[:0] = [{here!r}, {root!r}]
from example_node import ExampleNode
from smolvlm_ros.ros.process import run

wait = threading.Condition.wait

def interrupted(self, timeout=None):
    if armed and threading.current_thread() is threading.main_thread():
        signal.raise_signal(signal.SIGINT)
    return wait(self, timeout)

threading.Condition.wait, armed = interrupted, []

class Tried:
    set = staticmethod(lambda: None)

    def wait(self, timeout):
        armed.append(True)  # the next wait of the main thread is for the end
        return True

def ready():
    node = ExampleNode(namespace=sys.argv[1])
    node._autostart.tried = Tried()
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    return node

sys.exit(run([ready], ["--ros-args"]))
"""


class Child:
    """The script above, busy in one place or in none."""

    def __init__(self, where: str, namespace: str) -> None:
        script = BUSY.format(here=str(Path(__file__).parent), root=str(ROOT))
        self.process = subprocess.Popen([sys.executable, "-c", script, where, namespace],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def says(self, word: str) -> None:
        wait_for(lambda: any(word in line for line in self.lines), f"{word!r} of the process", 60.0)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; exit code and output."""
        self.process.send_signal(number)
        code = self.process.wait(SOON_S)
        self._reader.join(SOON_S)
        return code, "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("where", "word"), [
    ("nowhere", "ready"), ("configure", "busy"), ("worker", "busy")])
def test_a_signal_ends_it_whatever_it_is_at(number: int, where: str, word: str) -> None:
    with Child(where, fresh_namespace()) as child:
        child.says(word)
        code, output = child.end(number)
        assert code == 0 and "Traceback" not in output, output


def test_a_signal_ends_it_also_while_it_begins_to_wait_for_one() -> None:
    script = INTERRUPTED.format(here=str(Path(__file__).parent), root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script, fresh_namespace()], timeout=60,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("where", ["callback", "pool"])
def test_a_signal_ends_it_while_a_service_is_busy(where: str) -> None:
    namespace = fresh_namespace()
    with Child(where, namespace) as child, Peer(namespace) as peer:
        child.says("ready")
        peer.call_async("example/work", Trigger, Trigger.Request())
        child.says("busy")
        code, output = child.end(signal.SIGINT)
        assert code == 0 and "Traceback" not in output, output


def test_a_node_of_its_own_ends_and_starts_again_even_after_kill_9(tmp_path: Path) -> None:
    namespace = fresh_namespace()
    parameters = {"gate": {"autostart": True, "diagnostics_period_s": 0.1}}
    with Peer(namespace) as peer:
        for end in ("kill", "interrupt"):
            with NodeProcess(tmp_path, "gate", namespace, parameters) as gate:
                wait_for(lambda gate=gate: ": active" in gate.output, "its start", 60.0)
                peer.await_status("gate", lambda *s: s[2]["state"] == "active", "its diagnostics")
                ended = getattr(gate, end)()
                assert ended in (None, 0) and "Traceback" not in gate.output


def test_arguments_that_ros_cannot_read_are_named(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "smolvlm_ros.nodes", "gate", "--ros-args", "-p",
                           "no assignment"], capture_output=True, text=True, timeout=60, cwd=ROOT,
                          check=False)
    assert done.returncode == 2, done.stderr
    assert "no assignment" in done.stderr and "Traceback" not in done.stderr


class TestSpinner:
    def test_it_stops_and_leaves_no_thread(self) -> None:
        before = set(threading.enumerate())
        for threads in (1, 2):
            node = ExampleNode(namespace=fresh_namespace())
            spinner = Spinner(node, threads)
            assert node.start_tried.wait(10.0)
            assert spinner.stop()
        assert set(threading.enumerate()) == before

    @pytest.mark.parametrize("threads", [1, 2])
    def test_nothing_is_taken_away_from_a_callback_that_hangs(self, threads: int) -> None:
        namespace = fresh_namespace()
        node = ExampleNode(namespace=namespace)
        go, hanging = threading.Event(), threading.Event()

        def hang() -> None:
            hanging.set()
            go.wait(30.0)
        timer = node.create_timer(0.01, hang)
        spinner = Spinner(node, threads)
        assert hanging.wait(10.0)
        node.own("model", lambda: node.log.append("close model"))
        assert not spinner.stop(0.1)
        assert node.log == [] and not timer.is_canceled()
        go.set()
        wait_for(lambda: not any("spin" in t.name for t in threading.enumerate()
                                 if node.get_name() in t.name), "the callback's end")
        time.sleep(0.05)  # a pool's thread comes back after it
        node.close()
        assert node.log == ["close model"]

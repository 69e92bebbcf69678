"""The launch files under the real `ros2 launch`: order, respawn, namespaces, and a clean end."""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Not `launch`: from the repository's root Python takes the folder launch/ for a package.
for _module in ("launch_ros.actions", "ros2launch", "vision_msgs"):
    pytest.importorskip(_module, reason="needs ros2 launch, which is part of a ROS installation")
if shutil.which("ros2") is None:
    pytest.skip("needs the command ros2", allow_module_level=True)

pytestmark = pytest.mark.slow
LAUNCH = Path(__file__).parents[2] / "launch"
ORDER = ["scene_qa", "fusion", "detector", "depth", "gate", "video_source"]
PATIENCE_S = 90.0  # nothing here takes a tenth of it on an idle machine


class Launched:
    """A running `ros2 launch` and what it has printed so far."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            ["ros2", "launch", str(LAUNCH / name), *arguments], text=True, bufsize=1,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for(self, pattern: str, first: int = 0) -> int:
        """The number of the line that matches, from `first` on; fails with the output if none."""
        end = time.monotonic() + PATIENCE_S
        with self._changed:
            while True:
                for number in range(first, len(self.lines)):
                    if re.search(pattern, self.lines[number]):
                        return number
                first = len(self.lines)
                if not self._changed.wait(end - time.monotonic()):
                    pytest.fail(f"no line {pattern!r} in:\n" + "\n".join(self.lines))

    def pid(self, node: str) -> int:
        """Process id of the newest process of that name."""
        found = [m for line in self.lines
                 if (m := re.search(rf"\[{node}-\d+\]: process started with pid \[(\d+)\]", line))]
        return int(found[-1].group(1))

    def interrupt(self, everybody: bool = False) -> int:
        """Ctrl-C; returns the exit code.

        Args:
            everybody: to the nodes as well, as a terminal or systemd does; without a terminal
                launch sends them one more.
        """
        if everybody:
            os.killpg(self._process.pid, signal.SIGINT)
        else:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def left_over(self) -> list[int]:
        """Processes that were started and are still there."""
        text = "\n".join(self.lines)
        pids = [int(pid) for pid in re.findall(r"started with pid \[(\d+)\]", text)]
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def clean_up(self) -> None:
        """For a test that failed: leave nothing behind."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pid in self.left_over():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def launched() -> Iterator[list[Launched]]:
    running: list[Launched] = []
    yield running
    for launch in running:
        launch.clean_up()


def test_demo_comes_up_in_order_survives_a_kill_and_ends_cleanly(launched: list[Launched]) -> None:
    demo = Launched("demo.launch.py", "source:=demo", "loop:=true", "namespace:=robot1")
    launched.append(demo)
    active = {node: demo.wait_for(rf"\[robot1\.{node}\]: active") for node in ORDER}
    # Consumers first: whoever publishes finds its listeners there already.
    assert sorted(active, key=active.__getitem__) == ORDER
    # A node that dies is started again and becomes active by itself, one after the other.
    for node in ("depth", "gate"):
        before = len(demo.lines)
        os.kill(demo.pid(node), signal.SIGKILL)
        demo.wait_for(rf"\[{node}-\d+\]: process has died .* exit code -9", before)
        again = demo.wait_for(rf"\[{node}-\d+\]: process started", before)
        demo.wait_for(rf"\[robot1\.{node}\]: active", again)
    assert demo.interrupt() == 0
    assert demo.left_over() == []
    # Every node ended by itself: none was escalated to SIGTERM or SIGKILL.
    ends = [line for line in demo.lines if "process has finished cleanly" in line]
    assert len(ends) == len(ORDER), "\n".join(demo.lines)


def test_composed_is_one_process(launched: list[Launched]) -> None:
    demo = Launched("demo.launch.py", "source:=demo", "loop:=true", "composed:=true")
    launched.append(demo)
    active = {node: demo.wait_for(rf"\[{node}\]: active") for node in ORDER}
    assert sorted(active, key=active.__getitem__) == ORDER
    started = [line for line in demo.lines if "process started with pid" in line]
    assert len(started) == 2  # the funnel and the source
    # The whole funnel comes back.
    before = len(demo.lines)
    os.kill(demo.pid("funnel"), signal.SIGKILL)
    for node in ORDER[:-1]:
        demo.wait_for(rf"\[{node}\]: active", before)
    # Each node hears two signals, the second maybe while Python ends.
    assert demo.interrupt(everybody=True) == 0
    assert demo.left_over() == []
    ends = [line for line in demo.lines if "process has finished cleanly" in line]
    assert len(ends) == 2, "\n".join(demo.lines)


BRING_UP = """
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch_ros.actions import PushRosNamespace

def generate_launch_description():
    return LaunchDescription([GroupAction([
        PushRosNamespace("fleet"),
        IncludeLaunchDescription({funnel!r}, launch_arguments=[
            ("namespace", "robot1"), ("params_file", {parameters!r})])])])
"""


def test_a_node_that_refuses_does_not_hold_up_the_others(launched: list[Launched],
                                                         tmp_path: Path) -> None:
    parameters = tmp_path / "no_model.yaml"
    parameters.write_text("/**/depth:\n  ros__parameters:\n    model_indoor: /no/such/file.onnx\n")
    # Included by somebody's launch file, in a group that ends before the second node starts.
    bring_up = tmp_path / "bring_up.launch.py"
    bring_up.write_text(BRING_UP.format(funnel=str(LAUNCH / "funnel.launch.py"),
                                        parameters=str(parameters)))
    funnel = Launched(str(bring_up))
    launched.append(funnel)
    refused = funnel.wait_for(r"/fleet/robot1/depth is not active; going on without it")
    funnel.wait_for(r"\[fleet\.robot1\.gate\]: active", refused)
    # The reason is in the node's log.
    assert any("/no/such/file.onnx" in line for line in funnel.lines)
    assert funnel.interrupt() == 0
    assert funnel.left_over() == []


def test_without_autostart_a_manager_has_the_say(launched: list[Launched], tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rviz(tmp_path, monkeypatch)
    funnel = Launched("funnel.launch.py", "autostart:=false", "composed:=true", "rviz:=true",
                      "namespace:=robot1", f"params_file:={LAUNCH.parent / 'config/demo.yaml'}")
    launched.append(funnel)
    # rviz gets our file, the frame of the objects, and the namespace for its relative topics.
    shown = funnel.lines[funnel.wait_for(r"\[rviz2-1\] shows")]
    assert "/smolvlm_ros.rviz -f map" in shown and "__ns:=/robot1" in shown
    states = ask_states(["/robot1/" + node for node in ORDER[:-1]])
    assert set(states.values()) == {"unconfigured"}
    assert funnel.interrupt() == 0
    assert funnel.left_over() == []


RECORDER = """#!/bin/sh
if [ "$1" = bag ]; then shift; echo "records $*"; exec sleep 1000; fi
exec {ros2} "$@"
"""


@pytest.mark.parametrize("composed", [False, True])
def test_a_recording_begins_with_the_anonymizer_and_gets_its_frames(
        launched: list[Launched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        composed: bool) -> None:
    fake_recorder(tmp_path, monkeypatch)
    demo = Launched("demo.launch.py", "source:=demo", "loop:=true", "namespace:=robot1",
                    "record:=true", f"composed:={str(composed).lower()}")
    launched.append(demo)
    recorded = demo.lines[demo.wait_for(r"\[record-1\] records")].split()
    assert "/robot1/gate/image_anonymized" in recorded and "/robot1/gate/image" not in recorded
    # Like every consumer it is there before what it hears.
    first = demo.wait_for(r"\[robot1\.anonymizer\]: active")
    assert first < demo.wait_for(r"\[robot1\.scene_qa\]: active")
    demo.wait_for(r"\[robot1\.video_source\]: active")
    if not composed:  # and it comes back
        before = len(demo.lines)
        os.kill(demo.pid("anonymizer"), signal.SIGKILL)
        demo.wait_for(r"\[robot1\.anonymizer\]: active", before)
    assert hear("/robot1/gate/image_anonymized").encoding == "bgr8"
    assert demo.interrupt() == 0
    assert demo.left_over() == []


def fake_recorder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """rosbag2's packages, and a `ros2 bag` that tells what it would record."""
    for package in ("ros2bag", "rosbag2_storage_mcap"):
        marker = folder / "share" / "ament_index" / "resource_index" / "packages" / package
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text("")
    program = folder / "bin" / "ros2"
    program.parent.mkdir()
    program.write_text(RECORDER.format(ros2=shutil.which("ros2")))
    program.chmod(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{folder}:{os.environ['AMENT_PREFIX_PATH']}")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def fake_rviz(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package rviz2 whose programme tells its arguments, as no display is needed for that."""
    marker = folder / "share" / "ament_index" / "resource_index" / "packages" / "rviz2"
    program = folder / "lib" / "rviz2" / "rviz2"
    for path, text in ((marker, ""), (program, '#!/bin/sh\necho "shows $*"\n')):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{folder}:{os.environ['AMENT_PREFIX_PATH']}")


def ask_states(names: list[str]) -> dict[str, str]:
    """The lifecycle states, from a node of our own."""
    import rclpy
    from lifecycle_msgs.srv import GetState
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("asks_for_states", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    states: dict[str, str] = {}
    try:
        for name in names:
            client = node.create_client(GetState, f"{name}/get_state")
            assert client.wait_for_service(PATIENCE_S), name
            future = client.call_async(GetState.Request())
            executor.spin_until_future_complete(future, PATIENCE_S)
            states[name] = future.result().current_state.label
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    return states


def hear(topic: str) -> Any:
    """The first image that comes on a topic."""
    import rclpy
    from sensor_msgs.msg import Image
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("hears_an_image", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    heard: list[Any] = []
    node.create_subscription(Image, topic, heard.append, 10)
    end = time.monotonic() + PATIENCE_S
    try:
        while not heard and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.5)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    assert heard, f"nothing has come on {topic}"
    return heard[0]

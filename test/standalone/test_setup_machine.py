"""What a machine lacks is told in one line, with the cure."""
from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from environment import command, machine, variables
from environment.console import Console
from environment.errors import SetupError
from environment.machine import explain_failure

STANDALONE = Path(__file__).resolve().parents[2] / "standalone"
LOG = Path("setup.log")


def one_line(caught: pytest.ExceptionInfo[SetupError]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("system", "architecture", "cure"), [
    ("Linux", "aarch64", "use the robot's ROS 2"),  # a Jetson
    ("Linux", "armv7l", "use the robot's ROS 2"),
    ("Darwin", "arm64", "a container"),
    ("Windows", "AMD64", "a container"),
])
def test_platforms_without_wheels(system: str, architecture: str, cure: str) -> None:
    with pytest.raises(SetupError) as caught:
        machine.check_platform(system, architecture)
    assert cure in one_line(caught)


def test_linux_on_x86_64_is_fine() -> None:
    machine.check_platform("Linux", "x86_64")


def test_no_compiler(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        machine.check_compilers({"PATH": str(tmp_path)})
    assert one_line(caught) == ("no C compiler (looked for cc, gcc, clang): sudo apt install "
                                "build-essential (Fedora: sudo dnf install gcc-c++).")


def fake_compiler(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_c_compiler_alone_is_not_enough(tmp_path: Path) -> None:
    fake_compiler(tmp_path, "gcc", "exit 0")
    with pytest.raises(SetupError, match=r"no C\+\+ compiler"):
        machine.check_compilers({"PATH": str(tmp_path)})


def test_a_compiler_without_its_library(tmp_path: Path) -> None:
    # g++ without libstdc++'s headers: it is there, but nothing can be compiled.
    fake_compiler(tmp_path, "gcc", "exit 0")
    fake_compiler(tmp_path, "g++", "echo 'try.cpp:1:10: fatal error: string: No such file' >&2;"
                                   "exit 1")
    with pytest.raises(SetupError) as caught:
        machine.check_compilers({"PATH": str(tmp_path)})
    assert "g++ does not work (try.cpp:1:10: fatal error: string" in one_line(caught)


def test_the_compiler_named_by_the_person_is_the_one_tried(tmp_path: Path) -> None:
    fake_compiler(tmp_path, "gcc", "exit 0")
    with pytest.raises(SetupError, match="looked for clang-99"):
        machine.check_compilers({"PATH": str(tmp_path), "CXX": "clang-99 -O2"})


def test_this_machines_compilers_work() -> None:
    if not shutil.which("g++"):
        pytest.skip("no compiler on this machine")
    machine.check_compilers(os.environ)


def test_python_without_its_headers(tmp_path: Path) -> None:
    # Debian and Ubuntu ship Python without them.
    with pytest.raises(SetupError) as caught:
        machine.check_python_parts(str(tmp_path))
    version = ".".join(platform.python_version_tuple()[:2])
    assert f"sudo apt install python{version}-dev" in one_line(caught)


def test_python_without_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda name: None if name == "ensurepip" else object())
    with pytest.raises(SetupError) as caught:
        machine.check_python_parts()
    assert "no module ensurepip" in one_line(caught)
    assert "-venv" in one_line(caught)


def test_a_full_disk_is_told_before_anything_is_made(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10 << 30, 9 << 30, 1 << 30))
    machine.check_space(tmp_path, 0.9)
    with pytest.raises(SetupError) as caught:
        machine.check_space(tmp_path, 2.5)
    assert "has 1.0 GiB free, the environment needs 2.5" in one_line(caught)


@pytest.mark.parametrize(("output", "told"), [
    # No name server.
    ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: "
     "[Errno -3] Temporary failure in name resolution')'\n"
     "ERROR: Could not find a version that satisfies the requirement numpy\n"
     "ERROR: No matching distribution found for numpy", "no network"),
    # A proxy that refuses, a certificate that is not trusted.
    ("ProxyError('Cannot connect to proxy.')", "no network"),
    ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "no network"),
    # The disk fills up half-way.
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
     "the disk is full"),
    # An index that serves another file under the same name and version.
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
     "not the one that was locked"),
    # An index without the ROS wheels.
    ("ERROR: No matching distribution found for ros-rclpy==7.1.6", "has not got a package"),
    # Anything else: the last error itself.
    ("Building\nCMake Error: no such target\nSummary: 1 package failed", "CMake Error: no such"),
    ("", "no output"),
])
def test_why_a_command_failed(output: str, told: str) -> None:
    error = explain_failure("install the locked wheels", output, LOG)
    assert told in str(error) and "setup.log" in str(error)
    assert "\n" not in str(error)


def test_an_error_of_the_disk_is_one_line(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "prepare", full)
    assert command.run(["setup"]) == 1
    assert capsys.readouterr().err.startswith("standalone: the disk is full")


def test_a_command_that_is_not_there(monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "prepare", lambda *_: None)
    assert command.run(["run", "no-such-command"]) == 127
    assert "no-such-command: No such file" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "prepare", interrupted)
    assert command.run(["setup"]) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_nothing_is_checked_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    # The quick way must not compile, ask for disk space or take a lock.
    class Ready:
        stamps = Path("nowhere")

        def steps(self) -> list:
            return []

        def check_machine(self, _: object) -> None:
            raise AssertionError("checked")

    command.prepare(Ready(), Console())  # type: ignore[arg-type]


def run_script(folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Calls standalone/run with a path that holds only what `folder` has, bash and dirname."""
    for tool in ("bash", "dirname"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return subprocess.run([str(STANDALONE / "run"), "true"], capture_output=True, text=True,
                          env={"PATH": str(folder), "HOME": str(folder), **extra})


def test_no_python_at_all(tmp_path: Path) -> None:
    # A shim with nothing behind it counts as none.
    fake_compiler(tmp_path, "python3", "echo 'command not found' >&2; exit 127")
    done = run_script(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("standalone: no Python found: install one from 3.10 to 3.12")
    assert len(done.stderr.splitlines()) == 1


def test_the_python_named_cannot_be_executed(tmp_path: Path) -> None:
    done = run_script(tmp_path, PYTHON="python3.12")
    assert done.returncode == 1
    assert done.stderr.startswith("standalone: PYTHON=python3.12 cannot be executed here: name a "
                                  "Python from 3.10 to 3.12")


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_a_python_that_is_not_supported(tmp_path: Path, version: str) -> None:
    # The script asks the interpreter for itself, then has it run bootstrap.py.
    major, minor = version.split(".")
    pretend = tmp_path / "pretend.py"
    pretend.write_text(f"import runpy, sys\nsys.version_info = ({major}, {minor}, 0)\n"
                       "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')")
    fake_compiler(tmp_path, "python3", f'if [ "$1" = -c ]; then echo python3; exit 3; fi\n'
                                       f'shift\nexec {sys.executable} {pretend} "$@"')
    done = run_script(tmp_path)
    assert done.returncode == 1
    assert f"Python {version} " in done.stderr and "3.10 to 3.12" in done.stderr
    assert "PYTHON=" in done.stderr and len(done.stderr.splitlines()) == 1


def test_inside_nothing_of_another_ros_or_python_is_left() -> None:
    prefixes = (Path("/e/install"), Path("/e/interfaces"), Path("/e/venv"))
    caller = {"PATH": "/usr/bin", "AMENT_PREFIX_PATH": "/opt/ros/humble", "HOME": "/home/p",
              "PYTHONPATH": "/opt/ros/humble/lib/python3.10/site-packages",
              "ROS_DISTRO": "humble", "LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}
    inside = variables.inside(caller, prefixes, Path("/r/standalone/modules"), "python3.11")
    assert inside["HOME"] == "/home/p"
    assert "ROS_DISTRO" not in inside  # else a make called in here would take it for sourced
    assert inside["PATH"] == "/e/install/lib/smolvlm_ros:/e/venv/bin:/usr/bin"
    assert inside["AMENT_PREFIX_PATH"] == "/e/install:/e/interfaces:/e/venv"
    assert inside["PYTHONPATH"] == ("/e/install/lib/python3.11/site-packages:"
                                    "/e/interfaces/lib/python3.11/site-packages:"
                                    "/r/standalone/modules")
    assert inside["LD_LIBRARY_PATH"].endswith(":/usr/local/cuda/lib64")
    # On this machine only, unless the person says otherwise.
    assert inside["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    wider = variables.inside({**caller, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}, prefixes,
                             Path("/m"), "python3.11")
    assert wider["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"

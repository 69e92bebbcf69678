"""What make would run: ROS where it is sourced, the set-up elsewhere, and the person's choices."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


def commands(tmp_path: Path, *arguments: str, rclpy: bool = False, **variables: str) -> str:
    """Returns the commands of a dry run, with a python3 that can or cannot import rclpy."""
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\nexit {0 if rclpy else 1}\n")
    python.chmod(0o755)
    # -n prints what would be run.
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, text=True, capture_output=True,
                          env={"PATH": f"{tmp_path}:/usr/bin:/bin", **variables}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_ros(tmp_path: Path) -> None:
    made = commands(tmp_path, "demo")
    assert "standalone/run" in made and "colcon build" not in made
    assert "smolvlm_ros.cli demo --output demo_output" in made


def test_where_ros_is_sourced_nothing_of_standalone_is_used(tmp_path: Path) -> None:
    for target in ("demo", "test", "lint", "setup", "docs"):
        made = commands(tmp_path, target, rclpy=True, ROS_DISTRO="jazzy")
        assert "standalone" not in made, target
        assert "colcon build --symlink-install" in made
        assert "source install/local_setup.bash" in made


def test_a_left_over_ros_distro_is_not_ros(tmp_path: Path) -> None:
    # The variable is set, but this Python has no rclpy.
    assert "standalone/run" in commands(tmp_path, "test", ROS_DISTRO="humble")


def test_the_vlm_extra(tmp_path: Path) -> None:
    # Tests, the demo and the benchmark of the embedded world have it unless told otherwise.
    assert "--with vlm python3 -m pytest" in commands(tmp_path, "test")
    assert "--with vlm" not in commands(tmp_path, "test", VLM="0")
    for target in ("demo", "bench-world"):
        assert "--with vlm" in commands(tmp_path, target)
        assert "--with vlm" not in commands(tmp_path, target, VLM="0")
    assert "--with vlm" not in commands(tmp_path, "bench-gate")
    assert "--with vlm" in commands(tmp_path, "bench-depth", VLM="1")


def test_lint_can_be_left_out(tmp_path: Path) -> None:
    made = commands(tmp_path, "test")
    assert made.index("ruff check") < made.index("mypy") < made.index("pytest")
    assert "ruff" not in commands(tmp_path, "test", LINT="0")
    # On ROS it is left out unless asked for: the tools there are not the locked ones.
    assert "ruff" not in commands(tmp_path, "test", rclpy=True, ROS_DISTRO="jazzy")
    assert "ruff" in commands(tmp_path, "test", rclpy=True, ROS_DISTRO="jazzy", LINT="1")


def test_a_benchmark_by_its_name(tmp_path: Path) -> None:
    made = commands(tmp_path, "bench-gate", "ARGS=--quick --json out.json")
    assert "benchmark/gate.py --quick --json out.json" in made


def test_help_names_the_targets(tmp_path: Path) -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, text=True, capture_output=True, check=True,
                          env={"PATH": "/usr/bin:/bin"})
    for target in ("demo", "test", "lint", "docs", "bench-%", "clean"):
        assert f"make {target} " in done.stdout

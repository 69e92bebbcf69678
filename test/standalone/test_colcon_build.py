"""What colcon installs, plain and with links: executables, interfaces, data, and what is live."""
from __future__ import annotations

import configparser
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ament_index = pytest.importorskip("ament_index_python", reason="no ROS here")

ROOT = Path(__file__).resolve().parents[2]
BUILT_FROM = ("CMakeLists.txt", "package.xml", "setup.cfg", "cmake", "msg", "srv", "action",
              "smolvlm_ros", "launch", "config")


def entry_points() -> dict[str, str]:
    """Names and targets of what setup.cfg declares as executable."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = [line for group in parser["options.entry_points"].values()
             for line in group.splitlines() if line.strip()]
    return dict(tuple(part.strip() for part in line.split("=")) for line in lines)


def python_package(prefix: Path) -> Path:
    """The installed Python package: lib on Jazzy, local/lib on Humble's Debian layout."""
    found = [path for pattern in ("lib/python3*/*-packages", "local/lib/python3*/*-packages")
             for path in prefix.glob(f"{pattern}/smolvlm_ros")]
    assert len(found) == 1, found
    return found[0]


def check_install(prefix: Path) -> None:
    """Everything that ROS's tools look for is where they look."""
    index = prefix / "share/ament_index/resource_index"
    assert (index / "packages/smolvlm_ros").is_file()
    interfaces = (index / "rosidl_interfaces/smolvlm_ros").read_text().split()
    for kind in ("msg", "srv", "action"):  # `ros2 interface show` reads the definition itself
        for source in (ROOT / kind).glob(f"*.{kind}"):
            assert f"{kind}/{source.name}" in interfaces
            installed = prefix / "share/smolvlm_ros" / kind / source.name
            assert installed.read_text() == source.read_text()
    names = entry_points()
    assert "gate" in names and "smolvlm_ros" in names
    for name in names:  # `ros2 run` takes any executable file of this folder
        launcher = prefix / "lib/smolvlm_ros" / name
        assert os.access(launcher, os.X_OK), launcher
        assert launcher.read_text().startswith("#!/usr/bin/env python3\n")
    assert {file.name for file in (prefix / "lib/smolvlm_ros").iterdir()} == set(names)
    # On the PATH the command alone: names such as gate are too common.
    assert os.access(prefix / "bin/smolvlm_ros", os.X_OK)
    assert [name for name in names if (prefix / "bin" / name).exists()] == ["smolvlm_ros"]
    for folder in ("launch", "config"):
        for source in (ROOT / folder).iterdir():
            if source.is_file():
                assert (prefix / "share/smolvlm_ros" / folder / source.name).is_file()
    package = python_package(prefix)
    ours = [path.relative_to(ROOT / "smolvlm_ros") for path in (ROOT / "smolvlm_ros").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts]
    assert ours and not [path for path in ours if not (package / path).is_file()]


def running_install() -> Path:
    try:
        return Path(ament_index.get_package_prefix("smolvlm_ros"))
    except (ament_index.PackageNotFoundError, OSError):
        pytest.skip("smolvlm_ros is not built here")


def test_the_install_that_runs_now() -> None:
    check_install(running_install())


def test_an_edited_source_is_live() -> None:
    # make builds with --symlink-install: what is installed is the source file itself.
    package = python_package(running_install())
    if not (package / "settings.py").is_symlink():
        pytest.skip("a plain build is running")
    for name in ("settings.py", "__init__.py", "nodes/gate.py"):
        assert (package / name).resolve() == ROOT / "smolvlm_ros" / name


@pytest.mark.parametrize("name", entry_points())
def test_every_entry_point_can_be_called(name: str) -> None:
    running_install()
    module, function = entry_points()[name].split(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.slow
def test_a_plain_build_stands_alone(tmp_path: Path) -> None:
    if shutil.which("colcon") is None:
        pytest.skip("no colcon here")
    source = tmp_path / "source"
    source.mkdir()
    for name in BUILT_FROM:
        place = source / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, place)
    built = subprocess.run(
        ["colcon", "--log-base", "log", "build", "--base-paths", "source", "--event-handlers",
         "console_direct+", "--cmake-args", "-DBUILD_TESTING=OFF",
         f"-DPython3_EXECUTABLE={sys.executable}"], cwd=tmp_path, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert built.returncode == 0, built.stdout[-4000:]
    shutil.rmtree(source)
    shutil.rmtree(tmp_path / "build")
    prefix = tmp_path / "install" / "smolvlm_ros"
    check_install(prefix)
    used = subprocess.run(
        ["bash", "-c", "source install/local_setup.bash && python3 -c '"
         "import smolvlm_ros, smolvlm_ros.settings as s; from smolvlm_ros.msg import GateState;"
         "print(s.__file__); GateState()' && command -v smolvlm_ros && smolvlm_ros --help"],
        cwd=tmp_path, text=True, capture_output=True, check=False)
    assert used.returncode == 0, used.stderr
    assert used.stdout.startswith(str(prefix)), used.stdout
    assert f"\n{prefix / 'bin/smolvlm_ros'}\n" in used.stdout, used.stdout
    assert "usage" in used.stdout.lower()

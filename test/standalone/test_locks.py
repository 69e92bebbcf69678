"""The lock files: every wheel pinned by hash, for each supported Python, from no named index."""
from __future__ import annotations

import configparser
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from lock import DISTRIBUTIONS

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "standalone" / "locks"
PIN = re.compile(r"[a-z0-9-]+==[^ ]+( --hash=sha256:[0-9a-f]{64})+")
TAGS = ("cp310", "cp311", "cp312")


def pins(name: str) -> dict[str, str]:
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("file", sorted(LOCKS.glob("*.txt")), ids=lambda file: file.stem)
def test_nothing_but_pins_with_hashes(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines()
             if not line.startswith("#")]
    assert lines and all(PIN.fullmatch(line) for line in lines)
    assert "://" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("tag", TAGS)
def test_the_ros_set_is_the_verified_one(tag: str) -> None:
    wanted = (ROOT / "standalone" / "requirements.in").read_text(encoding="utf-8").splitlines()
    exact = [line for line in wanted if "==" in line and not line.startswith("#")]
    locked = pins(tag)
    assert {line: locked[re.split(r"[\[=]", line)[0]] for line in exact} == \
        {line: line.split("==")[1] for line in exact}


# From apt on a robot, by its rosdep key.
APT = {"python3-numpy": "numpy", "python3-opencv": "opencv-python-headless",
       "python3-scipy": "scipy", "python3-yaml": "pyyaml"}


def release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("python", ["3.10", "3.12"])
def test_what_apt_brings_has_its_version_of_the_distribution(python: str) -> None:
    wanted = dict(pin.split("==") for pin in DISTRIBUTIONS[python])
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    keys = {entry.text for entry in package.iter("exec_depend")
            if str(entry.text).startswith("python3-") and not entry.get("condition")}
    assert keys == APT.keys() and wanted.keys() == set(APT.values())
    locked, newest = pins("cp" + python.replace(".", "")), pins("cp311")
    assert {name: locked[name] for name in wanted} == wanted
    assert all(release(newest[name]) > release(version) for name, version in wanted.items())


def test_the_oldest_versions_that_are_promised_are_tried() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    promised = dict(re.findall(r"^(\S+) >= ([\d.]+)", config["options"]["install_requires"], re.M))
    assert {"numpy", "scipy", "opencv-python-headless"} <= promised.keys()
    oldest = pins("cp310")
    # As exact as the promise: 1.21 is 1.21.6.
    assert {name: ".".join(oldest[name].split(".")[:version.count(".") + 1])
            for name, version in promised.items()} == promised


@pytest.mark.parametrize("tag", TAGS)
def test_limits_that_hold_for_each_python(tag: str) -> None:
    base, vlm = pins(tag), pins(f"{tag}-vlm")
    assert int(pins("build")["setuptools"].split(".")[0]) < 80  # colcon's limit
    assert int(base["opencv-python-headless"].split(".")[0]) == 4
    # One version of each: the extra changes nothing that is there already.
    assert not base.keys() & vlm.keys()
    # torch is installed by name, so that a CPU build can serve; CUDA's libraries are its own.
    assert "torch" not in base.keys() | vlm.keys()
    assert not [name for name in base.keys() | vlm.keys() if name.startswith("nvidia-")]
    if tag == "cp310":  # the last of each that runs on Humble's Python
        assert (base["onnxruntime"], vlm["transformers"]) == ("1.23.2", "5.20.2")

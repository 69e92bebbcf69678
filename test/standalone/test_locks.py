"""The lock files: every wheel pinned by hash, for each supported Python, from no named index."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

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

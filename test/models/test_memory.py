"""The memory floor."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.models.errors import MemoryFloorError
from smolvlm_ros.models.memory import available_mib, check_memory


@pytest.fixture
def two_gib(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       8000000 kB\nMemFree:  9 kB\nMemAvailable:    2097152 kB\n")
    return path


def test_available_is_not_free(two_gib: Path) -> None:
    assert available_mib(two_gib) == 2048


def test_too_little_names_the_smaller_choice(two_gib: Path) -> None:
    with pytest.raises(MemoryFloorError, match="smolvlm2-2.2b needs 4720 MiB, only 2048 MiB.*"
                                               "use smolvlm2-500m"):
        check_memory(4720, "smolvlm2-2.2b", "smolvlm2-500m", two_gib)
    with pytest.raises(MemoryFloorError, match="; stop other programs"):
        check_memory(4720, "x", "", two_gib)


def test_enough_and_unmeasured_pass(two_gib: Path) -> None:
    assert check_memory(2048, "x", "", two_gib) == 2048
    assert check_memory(0, "not measured", "", two_gib) == 2048


@pytest.mark.parametrize("text", ["", "MemAvailable: much\n", "\xff\xfe"])
def test_machine_that_does_not_tell_passes(text: str, tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_bytes(text.encode("latin-1"))
    assert available_mib(path) is None
    assert check_memory(1e9, "x", "", path) is None
    assert check_memory(1e9, "x", "", tmp_path / "missing") is None

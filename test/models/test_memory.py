"""The memory floor."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.models.errors import MemoryFloorError
from smolvlm_ros.models.memory import available_mib, check_floor, check_memory, total_mib

GIB = 1 << 30


@pytest.fixture
def two_gib(tmp_path: Path) -> Path:
    """The root of a machine with 2 GiB free and no control groups."""
    write(tmp_path / "proc/meminfo",
          "MemTotal:       8000000 kB\nMemFree:  9 kB\nMemAvailable:    2097152 kB\n")
    return tmp_path


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_available_is_not_free(two_gib: Path) -> None:
    assert available_mib(two_gib) == 2048
    assert total_mib(two_gib) == 8000000 / 1024


def test_too_little_names_the_smaller_choice(two_gib: Path) -> None:
    with pytest.raises(MemoryFloorError, match="smolvlm2-2.2b needs 4720 MiB, only 2048 MiB.*"
                                               "use smolvlm2-500m or stop other programs"):
        check_memory(4720, "smolvlm2-2.2b", "smolvlm2-500m", root=two_gib)
    with pytest.raises(MemoryFloorError, match="; stop other programs"):
        check_memory(4720, "x", root=two_gib)


def test_enough_and_unmeasured_pass(two_gib: Path) -> None:
    assert check_memory(2048, "x", root=two_gib) == 2048
    assert check_memory(0, "not measured", root=two_gib) == 2048


def test_what_others_need_is_left_to_them(two_gib: Path) -> None:
    assert check_memory(1024, "x", "", 1024, two_gib) == 2048
    with pytest.raises(MemoryFloorError, match=r"1025 MiB and 1024 MiB left to others \(engine.re"):
        check_memory(1025, "x", "", 1024, two_gib)


@pytest.mark.parametrize("text", ["", "MemAvailable: much\n", "\xff\xfe"])
def test_machine_that_does_not_tell_passes(text: str, tmp_path: Path) -> None:
    for place in ("proc/meminfo", "proc/self/cgroup"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    for root in (tmp_path, tmp_path / "missing"):
        assert available_mib(root) is None and total_mib(root) is None
        assert check_memory(1e9, "x", root=root) is None
        check_floor("x", "", root)


@pytest.mark.parametrize(("total_kb", "enough"), [
    # MemTotal of boards: 2 GB, 3 GB; 4 GB with much and with little kept by the firmware
    (1_900_000, False), (3_145_728, False), (3_460_300, True), (4_050_000, True)])
def test_a_board_of_4_gb_passes_the_floor_and_a_smaller_one_does_not(
        total_kb: int, enough: bool, tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", f"MemTotal:       {total_kb} kB")
    if enough:
        check_floor("x", "do so", tmp_path)
    else:
        with pytest.raises(MemoryFloorError, match="x is for machines of 4 GB.*in all; do so"):
            check_floor("x", "do so", tmp_path)


def limited_2(root: Path, group: str, limit: object, used: int, droppable: int = 0) -> None:
    """A group of version 2."""
    folder = root / "sys/fs/cgroup" / group
    write(folder / "memory.max", limit)
    write(folder / "memory.current", used)
    # What was read twice is active, and dropped as well.
    write(folder / "memory.stat", f"anon 1\nfile 2\ninactive_file {droppable // 2}\n"
          f"active_file {droppable // 2}")


def test_a_container_s_limit_counts_where_it_is_lower(two_gib: Path) -> None:
    write(two_gib / "proc/self/cgroup", "0::/")
    limited_2(two_gib, "", 1 * GIB, GIB // 2)
    assert available_mib(two_gib) == 512
    # Cached pages of files are dropped before anybody is killed.
    limited_2(two_gib, "", 1 * GIB, GIB // 2, GIB // 4)
    assert available_mib(two_gib) == 768
    with pytest.raises(MemoryFloorError, match="768 MiB are free within this container's or unit's "
                                               "memory limit; use y or raise that limit"):
        check_memory(1000, "x", "y", root=two_gib)
    limited_2(two_gib, "", 100 * GIB, 0)
    assert available_mib(two_gib) == 2048
    limited_2(two_gib, "", "max", 0)
    assert available_mib(two_gib) == 2048
    limited_2(two_gib, "", 1 * GIB, 2 * GIB)  # lowered below what is used
    assert available_mib(two_gib) == 0


def test_the_tightest_group_around_a_process_counts(two_gib: Path) -> None:
    write(two_gib / "proc/self/cgroup", "0::/robot.slice/qa.service")
    limited_2(two_gib, "robot.slice", GIB, GIB // 2)
    limited_2(two_gib, "robot.slice/qa.service", "max", GIB // 4)
    limited_2(two_gib, "other.slice", GIB, GIB)
    assert available_mib(two_gib) == 512


def test_limits_of_version_1(two_gib: Path) -> None:
    # The path is the host's, which a container does not see: its own group is the mount's top.
    write(two_gib / "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/")
    folder = two_gib / "sys/fs/cgroup/memory"
    write(folder / "memory.limit_in_bytes", 9223372036854771712)
    write(folder / "memory.usage_in_bytes", GIB)
    assert available_mib(two_gib) == 2048
    write(folder / "memory.limit_in_bytes", 2 * GIB)
    assert available_mib(two_gib) == 1024
    write(folder / "memory.stat", f"inactive_file 9\ntotal_inactive_file {GIB // 2}")
    assert available_mib(two_gib) == 1536

"""The memory floor: refuse a model before the machine starts to swap or kills the process."""
from __future__ import annotations

import re
from pathlib import Path

from smolvlm_ros.models.cgroup import room_mib
from smolvlm_ros.models.errors import MemoryFloorError

# What Linux has on a board that is sold with 4 GB: 3.3 to 3.9 GiB, the rest is the firmware's.
FLOOR_MIB = 3200


def available_mib(root: str | Path = "/") -> float | None:
    """Memory that can be used without swapping, in MiB.

    The lower of MemAvailable of /proc/meminfo and what the limits of this process's control groups
    (a container's, a systemd unit's) leave. On boards where GPU and CPU share their memory (Jetson)
    this is what the GPU gets too.

    Args:
        root: of the file system with /proc and /sys.

    Returns:
        None where the kernel does not tell (not Linux, or files that cannot be read).
    """
    told = [mib for mib in (_entry_mib("MemAvailable", root), room_mib(root)) if mib is not None]
    return min(told, default=None)


def total_mib(root: str | Path = "/") -> float | None:
    """Memory of the machine, MemTotal of /proc/meminfo, in MiB; None where it does not tell."""
    return _entry_mib("MemTotal", root)


def check_floor(name: str, fix: str, root: str | Path = "/") -> None:
    """Refuse a model on a machine with less memory than a board that is sold with 4 GB has.

    Args:
        name: the model, for the text of the error.
        fix: what to do instead, for the text of the error.
        root: of the file system with /proc.

    Raises:
        MemoryFloorError: when the machine has less.
    """
    total = total_mib(root)
    if total is not None and total < FLOOR_MIB:
        raise MemoryFloorError(f"{name} is for machines of 4 GB and more (at least {FLOOR_MIB} MiB "
                               f"to Linux), and this one has {total:.0f} MiB in all; {fix}")


def check_memory(need_mib: float, name: str, smaller: str = "", reserve_mib: float = 0.0,
                 root: str | Path = "/") -> float | None:
    """Refuse a model that would not fit.

    Args:
        need_mib: peak memory of the model, MiB; 0 when it was not measured, which passes.
        name: the model, for the text of the error.
        smaller: what to use instead, for the text of the error; empty for nothing smaller.
        reserve_mib: what has to stay free beside it, MiB.
        root: of the file system with /proc and /sys.

    Returns:
        The free memory that was found, MiB; None when the machine does not tell (which passes).

    Raises:
        MemoryFloorError: when less than both together is free.
    """
    free = available_mib(root)
    if free is None or need_mib <= 0 or free >= need_mib + reserve_mib:
        return free
    beside = (f" and {reserve_mib:.0f} MiB left to others (engine.reserve_mib)" if reserve_mib
              else "")
    machine, room = _entry_mib("MemAvailable", root), room_mib(root)
    limited = room is not None and (machine is None or room < machine)
    where = " within this container's or unit's memory limit" if limited else ""
    use = f"use {smaller} or " if smaller else ""
    fix = "raise that limit" if limited else "stop other programs"
    raise MemoryFloorError(f"{name} needs {need_mib:.0f} MiB{beside}, only {free:.0f} MiB are free"
                           f"{where}; {use}{fix}")


def _entry_mib(key: str, root: str | Path) -> float | None:
    try:
        text = (Path(root) / "proc" / "meminfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{key}:\s+(\d+)\s+kB\s*$", text, re.MULTILINE)
    return int(found.group(1)) / 1024 if found else None

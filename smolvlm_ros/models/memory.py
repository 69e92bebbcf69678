"""The memory floor: refuse a model before the machine starts to swap or kills the process."""
from __future__ import annotations

import re
from pathlib import Path

from smolvlm_ros.models.errors import MemoryFloorError

_MEMINFO = Path("/proc/meminfo")
_AVAILABLE = re.compile(r"^MemAvailable:\s+(\d+)\s+kB\s*$", re.MULTILINE)


def available_mib(meminfo: str | Path = _MEMINFO) -> float | None:
    """Memory that can be used without swapping, in MiB: MemAvailable of /proc/meminfo.

    On boards where GPU and CPU share their memory (Jetson) this is what the GPU gets too.

    Returns:
        None where the kernel does not tell (not Linux, or a file that cannot be read).
    """
    try:
        found = _AVAILABLE.search(Path(meminfo).read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None
    return int(found.group(1)) / 1024 if found else None


def check_memory(need_mib: float, name: str, smaller: str = "",
                 meminfo: str | Path = _MEMINFO) -> float | None:
    """Refuse a model that would not fit.

    Args:
        need_mib: peak memory of the model, MiB; 0 when it was not measured, which passes.
        name: the model, for the text of the error.
        smaller: what to use instead, for the text of the error; empty for nothing smaller.
        meminfo: the file to read.

    Returns:
        The free memory that was found, MiB; None when the machine does not tell (which passes).

    Raises:
        MemoryFloorError: when less than `need_mib` is free.
    """
    free = available_mib(meminfo)
    if free is None or need_mib <= 0 or free >= need_mib:
        return free
    fix = f"use {smaller} or stop" if smaller else "stop"
    raise MemoryFloorError(f"{name} needs {need_mib:.0f} MiB, only {free:.0f} MiB are free; "
                           f"{fix} other programs")

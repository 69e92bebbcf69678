"""Memory limits of control groups: what a container or a systemd unit may still use.

/proc/meminfo tells of the whole machine, in a container too.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_UNLIMITED = 1 << 60  # version 1 writes "no limit" as nearly 2^63


@dataclass(frozen=True)
class _Files:
    limit: str
    usage: str
    prefix: str  # of the entries of memory.stat that count the groups below too


_VERSION_1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
_VERSION_2 = _Files("memory.max", "memory.current", "")
# Cached pages of files, which the kernel drops before it runs out; what was read twice is active.
_DROPPABLE = ("inactive_file", "active_file")


def room_mib(root: str | Path = "/") -> float | None:
    """What the tightest limit on this process, or on a group around its own, leaves, in MiB.

    Args:
        root: of the file system with /proc and /sys.

    Returns:
        None where there is no limit.
    """
    rooms = [_room(folder, files) for folder, files in _groups(Path(root))]
    limited = [room for room in rooms if room is not None]
    return min(limited) / 2**20 if limited else None


def _groups(root: Path) -> Iterator[tuple[Path, _Files]]:
    """The folders of this process's group and of all around it.

    Inside a container the path that the kernel names may be the host's; the mount's own top is
    then the container's group.
    """
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return
    mount = root / "sys" / "fs" / "cgroup"
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (mount / "memory", _VERSION_1) if controllers else (mount, _VERSION_2)
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for count in range(len(parts) + 1):
            yield top.joinpath(*parts[:count]), files


def _room(group: Path, files: _Files) -> int | None:
    """Bytes that a group may still use; None for one without a limit."""
    try:
        limit = int((group / files.limit).read_text())
        used = int((group / files.usage).read_text())
    except (OSError, ValueError):  # not there, or 'max'
        return None
    if limit >= _UNLIMITED:
        return None
    cached = sum(_stat(group, files.prefix + entry) for entry in _DROPPABLE)
    return max(0, limit - max(0, used - cached))


def _stat(group: Path, key: str) -> int:
    try:
        lines = (group / "memory.stat").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.split()[:1] == [key]), 0)
    except (OSError, ValueError, IndexError):
        return 0

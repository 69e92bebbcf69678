"""What is remembered, where, and for how long."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.settings import Settings, setting

AUTO = "auto"


@dataclass(frozen=True)
class MemoryConfig(Settings):
    """What is remembered, where, and for how long."""

    path: str = setting(
        "", "The database file. Empty: nothing is written to a disk, and all is forgotten when "
        "scene_qa ends, since pictures of people are kept only where somebody decided so. 'auto': "
        "$XDG_STATE_HOME/smolvlm_ros/memory.db (~/.local/state without it), where `smolvlm_ros "
        "moments` looks too.", le=4096)
    max_mb: float = setting(
        64.0, "Size of the database at most (memory, where path is empty); what was remembered "
        "first goes first.", unit="MB", ge=1.0, le=100000.0, runtime=True)
    max_days: float = setting(
        30.0, "What was remembered longer ago is forgotten, by the system clock, once that has "
        "run evenly for ten minutes or goes on from the last session; nothing while it stands "
        "before 2025, since nobody has set it then.", unit="days",
        ge=0.001, le=36500.0, runtime=True)
    thumbnails: bool = setting(
        True, "Keep a small picture with what is remembered.", runtime=True)
    thumbnail_px: int = setting(
        160, "Width of these pictures.", unit="px", ge=16, le=640, runtime=True)
    absent_s: float = setting(
        30.0, "An object that comes back after this long is remembered as a new one. Longer than "
        "two of the gate's heartbeats (heartbeat_s): in a still scene nothing is seen between "
        "them.", unit="s", ge=0.0, le=86400.0, runtime=True)
    max_found: int = setting(
        20, "Moments returned at most by one search.", unit="moments", ge=1, le=1000, runtime=True)


def state_file() -> Path:
    """Where 'auto' is: $XDG_STATE_HOME/smolvlm_ros/memory.db."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    root = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return root / "smolvlm_ros" / "memory.db"


def resolve(path: str) -> Path | None:
    """The file that `MemoryConfig.path` means; None for memory only."""
    if not path:
        return None
    return state_file() if path == AUTO else Path(path).expanduser()

"""Checkpoints: what is known of each, whether a file is safe, licences, memory and export."""
from __future__ import annotations

from smolvlm_ros.models.errors import (
    CheckpointError,
    LicenceError,
    MemoryFloorError,
    ModelError,
    ProviderError,
)
from smolvlm_ros.models.memory import available_mib, check_memory
from smolvlm_ros.models.registry import CHECKPOINTS, KnownCheckpoint, Task, find, named

__all__ = [
    "CHECKPOINTS", "CheckpointError", "KnownCheckpoint", "LicenceError", "MemoryFloorError",
    "ModelError", "ProviderError", "Task", "available_mib", "check_memory", "find", "named",
]

"""Whether the system clock can be believed, and by how much it jumped."""
from __future__ import annotations

_JUMP_S = 60.0


class ClockWatch:
    """Compares the system clock with the monotonic one.

    Args:
        wall_s: the system clock now.
        monotonic_s: the monotonic clock now.
    """

    def __init__(self, wall_s: float, monotonic_s: float) -> None:
        self._offset_s = wall_s - monotonic_s
        self._even_since_s = monotonic_s

    def jump_s(self, wall_s: float, monotonic_s: float) -> float:
        """By how much the system clock was set since the last jump that was taken, 0 for less than
        a minute."""
        jump_s = wall_s - monotonic_s - self._offset_s
        return jump_s if abs(jump_s) >= _JUMP_S else 0.0

    def take(self, jump_s: float, monotonic_s: float) -> None:
        """Go on from after a jump."""
        self._offset_s += jump_s
        self._even_since_s = monotonic_s

    def even_for_s(self, monotonic_s: float) -> float:
        """How long the system clock has run evenly."""
        return monotonic_s - self._even_since_s

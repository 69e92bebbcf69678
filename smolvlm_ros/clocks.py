"""What is known of the machine's clocks."""
from __future__ import annotations

import time

EARLIEST_S = 1_735_689_600.0  # 2025-01-01: an earlier system clock is one that nobody has set


def steady_s() -> float:
    """Seconds of a clock that nobody sets and that, on Linux, goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()

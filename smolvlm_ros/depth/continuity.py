"""Whether an image goes on from the one before, for estimators that keep state over a video."""
from __future__ import annotations


class Continuity:
    """Follows the images of one camera."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._stamp_s = 0.0

    def broken_by(self, size: tuple[int, int], stamp_s: float, max_gap_s: float) -> str:
        """Take an image.

        Args:
            size: width and height in pixels.
            stamp_s: its time, seconds.
            max_gap_s: longest time between two images over which state holds.

        Returns:
            Why earlier images must be forgotten, in words; empty when they need not, and for the
            first image.
        """
        before, passed_s = self._size, stamp_s - self._stamp_s
        self._size, self._stamp_s = size, stamp_s
        if before is None:
            return ""
        if size != before:
            return f"images are {size[0]}x{size[1]} now and were {before[0]}x{before[1]}"
        if passed_s < 0:
            return f"time went back by {-passed_s:.3f} s"
        if passed_s > max_gap_s:
            return f"no image for {passed_s:.3f} s"
        return ""

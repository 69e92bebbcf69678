"""When time may go on for the zones: what the gate's word on dropped frames is worth."""
from __future__ import annotations

from smolvlm_ros.fusion.track import TrackConfig


class FramesUnderWay:
    """Tells whether a dropped frame's stamp may be told to the zones.

    A dropped frame says that nothing has changed since the last one that passed, unless something
    has moved since: while an event goes on, the gate drops frames for their number, and `moved`
    tells so. And what passed takes its time through depth and detection: until it is fused, a later
    stamp would overtake it, and the zones would leave it out as late. A word that itself comes
    late, after a newer frame was fused, is worth nothing either. And it says nothing before a frame
    has been fused, in the beginning and again after the camera was frozen: who was seen before that
    may have gone.
    Not safe for several threads at once.

    Args:
        reorder_s: as in `TrackConfig`: what is further back is of a new clock.
    """

    def __init__(self, reorder_s: float = TrackConfig().reorder_s) -> None:
        self.reorder_s = reorder_s
        self._waiting_s: float | None = None  # the newest passed frame that is not fused
        self._fused_s = self._frozen_s = float("-inf")  # of the newest frame that was
        self._newest_s = self._moved_s = float("-inf")

    @property
    def moved(self) -> bool:
        """Whether something has moved since the newest frame that was fused."""
        return self._moved_s > self._fused_s

    def decided(self, stamp_s: float, passed: bool, frozen: bool = False, moving: bool = False
                ) -> bool:
        """Note what the gate decided; True when the zones may be told this stamp.

        Args:
            stamp_s: of the frame.
            passed: the gate let it through.
            frozen: the camera keeps sending one image under fresh stamps.
            moving: the gate saw something move.
        """
        looped = stamp_s < self._newest_s - self.reorder_s  # as a recording does
        if looped:
            self._waiting_s, self._frozen_s, self._moved_s = None, float("-inf"), float("-inf")
        self._newest_s = stamp_s
        if frozen:
            self._frozen_s = max(self._frozen_s, stamp_s)
        if moving and not passed:  # what passes shows it
            self._moved_s = max(self._moved_s, stamp_s)
        if passed:  # its decision may come later than it has gone through
            done = stamp_s <= self._fused_s <= stamp_s + self.reorder_s
            self._waiting_s = None if done else stamp_s
            return False
        return self._waiting_s is None and self._frozen_s < self._fused_s and (
            looped or self._fused_s < stamp_s)

    def fused(self, stamp_s: float) -> None:
        """Note that a frame has gone through."""
        self._fused_s = stamp_s
        if self._waiting_s is None:
            return
        newest_s = max(self._newest_s, self._waiting_s)
        if self._waiting_s <= stamp_s <= newest_s + self.reorder_s:
            self._waiting_s = None

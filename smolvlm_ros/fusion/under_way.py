"""When time may go on for the zones: what the gate's word on dropped frames is worth."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.fusion.track import TrackConfig

_NEVER = float("-inf")
_OTHER_VIEW = 0.05  # novelty that moves what stands by a step: 3 degrees of 60


@dataclass(frozen=True)
class GateWord:
    """What the gate says of one frame.

    Attributes:
        stamp_s: of the frame.
        passed: the gate let it through.
        frozen: the camera keeps sending one image under fresh stamps.
        moving: the gate saw something move.
        novelty: share of the view without a counterpart in the last frame that passed, 0 to 1.
        reset: the gate forgot what it knew, the last frame that passed among it.
        frames_in: frames that the gate has seen; falls where it is another gate, or a new start.
        frames_passed: of these, those that passed.
    """

    stamp_s: float
    passed: bool = False
    frozen: bool = False
    moving: bool = False
    novelty: float = 0.0
    reset: bool = False
    frames_in: int = 0
    frames_passed: int = 0


class FramesUnderWay:
    """Tells whether a dropped frame's stamp may be told to the zones.

    A dropped frame says that nothing has changed since the last one that passed, unless something
    has moved since, or the camera: while an event goes on, the gate drops frames for their number,
    and while the camera turns, until the view is another one. `moved` and `changed` tell so. And
    what passed takes its time through depth and detection: until it is fused, a later stamp would
    overtake it, and the zones would leave it out as late. A word that itself comes late, after a
    newer frame was fused, is worth nothing either. And it says nothing before a frame has been
    fused, in the beginning and again after the camera was frozen, after the gate began anew and
    after a frame passed of which no word came: who was seen before that may have gone.
    Not safe for several threads at once.

    Args:
        reorder_s: as in `TrackConfig`: what is further back is of a new clock.
    """

    def __init__(self, reorder_s: float = TrackConfig().reorder_s) -> None:
        self.reorder_s = reorder_s
        self.wants_frame = False
        self._waiting_s: float | None = None  # the newest passed frame that is not fused
        self._fused_s = self._newest_s = _NEVER  # the newest frame that was, the newest word
        self._last: GateWord | None = None
        self._forget()

    def _forget(self) -> None:
        self._waiting_s = None
        self._frozen_s = self._missed_s = self._moved_s = self._turned_s = _NEVER

    @property
    def moved(self) -> bool:
        """Whether something has moved since the newest frame that was fused."""
        return self._moved_s > self._fused_s

    @property
    def changed(self) -> bool:
        """Whether something, or the camera, has moved since the newest frame that was fused."""
        return max(self._moved_s, self._turned_s) > self._fused_s

    def decided(self, word: GateWord) -> bool:
        """Note what the gate decided; True when the zones may be told this stamp.

        `wants_frame` then tells whether only a fresh frame can show what is there now, and none is
        on its way.
        """
        stamp_s = word.stamp_s
        looped = stamp_s < self._newest_s - self.reorder_s  # as a recording does
        if looped:
            self._forget()
        elif not word.passed:  # of what passes, the newest counts
            self._missed_s = max(self._missed_s, self._unheard_s(word))
        self._newest_s, self._last = stamp_s, word
        if word.frozen:
            self._frozen_s = max(self._frozen_s, stamp_s)
        self.wants_frame = False
        if word.passed:  # its decision may come later than it has gone through
            done = stamp_s <= self._fused_s <= stamp_s + self.reorder_s
            self._waiting_s = None if done else stamp_s
            return False
        if word.moving:  # what passes shows it
            self._moved_s = max(self._moved_s, stamp_s)
        if word.novelty > _OTHER_VIEW:
            self._turned_s = max(self._turned_s, stamp_s)
        shown = self._waiting_s is None and self._frozen_s < self._fused_s and (
            looped or self._fused_s < stamp_s)
        missed = self._missed_s >= self._fused_s
        self.wants_frame = shown and (missed or self.changed)
        return shown and not missed

    def fused(self, stamp_s: float) -> None:
        """Note that a frame has gone through."""
        self._fused_s = stamp_s
        if self._waiting_s is None:
            return
        newest_s = max(self._newest_s, self._waiting_s)
        if self._waiting_s <= stamp_s <= newest_s + self.reorder_s:
            self._waiting_s = None

    def _unheard_s(self, word: GateWord) -> float:
        """Before which a frame is not the last one that passed; a word on a dropped frame."""
        if word.reset:
            return word.stamp_s
        last = self._last or word
        missed = word.frames_passed - last.frames_passed
        if word.frames_in < last.frames_in or missed not in (0, 1):
            return word.stamp_s
        return last.stamp_s if missed else _NEVER

"""From evidence to the decision: which frames pass, and how often."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.decision import Reason

_NEVER = float("-inf")
_REPEATS_S = 0.5  # for so long an image is repeated where a camera is slower than its driver


@dataclass(frozen=True)
class Evidence:
    """What one frame has to say for itself.

    Attributes:
        onset: something new began to move, or much more of it has come into sight.
        moving: something moves.
        present: something stands that is not part of the scene.
        novelty: share of the view without counterpart in the last passed frame, 0 to 1.
        detected: the gate's detector found something that counts.
        repeated: the image is exactly the one before.
        frozen: that for so long that the camera is stuck.
    """

    onset: bool = False
    moving: bool = False
    present: bool = False
    novelty: float = 0.0
    detected: bool = False
    repeated: bool = False
    frozen: bool = False


class PassPolicy:
    """Decides from evidence and stamps alone, so that every path can be tested as a table.

    An event's onset passes at once and, while it goes on, frames at the pass rate. Its end passes
    too, so that what comes after sees that the thing has left or stands: at once when all is gone,
    at the pass rate when something only pauses; where that holds the end back, an early heartbeat
    makes up for it. An image that is repeated for a while shows that nothing moves, as a simulator
    without noise does; one of a frozen camera shows nothing.
    """

    def __init__(self) -> None:
        self.event_id = 0
        self._events = 0
        self._requested = self._owed = self._present = False
        self._passed_s = self._shown_s = _NEVER
        self._moved_s = self._new_s = _NEVER
        self._ended_s = _NEVER

    def request(self) -> None:
        """Let the next frame pass; while the camera is stuck, the first new one after."""
        self._requested = True

    def restart(self) -> None:
        """Forget the event that went on and all times; requests stay."""
        self.event_id, self._owed = 0, False
        self._passed_s = self._shown_s = self._moved_s = self._ended_s = _NEVER

    def decide(self, evidence: Evidence, stamp_s: float, config: GateConfig) -> Reason:
        """The reason to let a frame pass, or NONE.

        Args:
            evidence: of this frame.
            stamp_s: its time, seconds, never less than the one before.
            config: switches, rates and times.
        """
        reason = self._choose(evidence, stamp_s, config)
        if reason is not Reason.NONE:
            self._passed_s = stamp_s
        if reason not in (Reason.NONE, Reason.HEARTBEAT):  # a frame at rest shows no motion
            self._shown_s = stamp_s
        if reason is not Reason.NONE or not config.request:
            self._requested = False
        return reason

    def _choose(self, evidence: Evidence, stamp_s: float, config: GateConfig) -> Reason:
        since_pass = stamp_s - self._passed_s
        motion = self._motion(evidence, stamp_s, config)
        if self._requested and config.request and not evidence.frozen:
            return Reason.REQUEST
        if evidence.frozen:
            return Reason.NONE
        if config.heartbeat and self._passed_s == _NEVER:
            return Reason.HEARTBEAT
        if config.motion and motion:
            return Reason.MOTION
        if config.detector and evidence.detected and since_pass * config.max_pass_rate_hz >= 1:
            return Reason.DETECTOR
        if (config.novelty and evidence.novelty >= config.novelty_threshold
                and since_pass * config.novelty_max_rate_hz >= 1):
            return Reason.NOVELTY
        at_rest = config.motion and self._owed and self._rest_due(stamp_s, config)
        if config.heartbeat and (at_rest or since_pass >= config.heartbeat_s):
            self._ended_s, self._owed = stamp_s, False
            return Reason.HEARTBEAT
        return Reason.NONE

    def _motion(self, evidence: Evidence, stamp_s: float, config: GateConfig) -> bool:
        """Advance the event; True when motion alone would let this frame pass."""
        if evidence.frozen:
            return False
        if not evidence.repeated:
            self._new_s, self._present = stamp_s, evidence.present
        elif stamp_s - self._new_s < _REPEATS_S:
            return False
        if evidence.moving:
            self._moved_s, self._owed = stamp_s, False
            if not self.event_id:  # what stood still and moves on is the event it was
                self._events += evidence.onset or not self._events
                self.event_id = self._events
            due = (stamp_s - self._shown_s) * config.max_pass_rate_hz >= 1
            return evidence.onset or due
        quiet_s = config.quiet_s if self._present else 0.5 * config.quiet_s
        if not self.event_id or stamp_s - self._moved_s < quiet_s:
            return False
        self.event_id = 0
        ended = not self._present or self._rest_due(stamp_s, config)
        self._owed = not ended
        if ended:
            self._ended_s = stamp_s
        return ended

    def _rest_due(self, stamp_s: float, config: GateConfig) -> bool:
        """True when the last view at rest passed long enough ago for another one."""
        return (stamp_s - self._ended_s) * config.max_pass_rate_hz >= 1

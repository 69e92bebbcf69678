"""What the gate says of one frame."""
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reason(str, Enum):
    """Why a frame passed; NONE for one that did not."""

    NONE = "none"
    MOTION = "motion"
    NOVELTY = "novelty"
    DETECTOR = "detector"
    HEARTBEAT = "heartbeat"
    REQUEST = "request"


@dataclass(frozen=True)
class Region:
    """One thing that differs from the scene behind it.

    Attributes:
        xyxy: box in pixels of the full-resolution image, left, top, right, bottom.
        track_id: the same number as long as it is the same thing; from 1.
        age_s: time since it was first seen, seconds.
        moving: False for a thing that has come to a halt but was not there before.
    """

    xyxy: tuple[float, float, float, float]
    track_id: int
    age_s: float = 0.0
    moving: bool = True


@dataclass(frozen=True)
class GateDecision:
    """The decision on one frame, with its evidence.

    Attributes:
        open: True when the frame passes.
        reason: why it passes; NONE when it does not.
        regions: things that move, or stand where nothing stood before.
        motion_fraction: share of the view that moves against the scene, 0 to 1.
        novelty: share of the view that has no counterpart in the last passed frame, 0 to 1.
        detected_class: what the gate's detector saw last of what counts; empty for nothing.
        detected_score: its score, 0 to 1.
        event_id: number of the event that goes on, from 1; 0 for none.
        repeated: the image is exactly the one before.
        frozen: the same image has come under fresh stamps for longer than `frozen_after_s`.
        reset: why the gate began anew with this frame; empty when it did not.
    """

    open: bool
    reason: Reason = Reason.NONE
    regions: tuple[Region, ...] = ()
    motion_fraction: float = 0.0
    novelty: float = 0.0
    detected_class: str = ""
    detected_score: float = 0.0
    event_id: int = 0
    repeated: bool = False
    frozen: bool = False
    reset: str = ""

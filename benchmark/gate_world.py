"""The gate before cameras that move, in the embedded world, where the truth is known."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smolvlm_ros.gate import GateDecision, MotionGate, Reason
from smolvlm_ros.world import FPS, SCENES, World, WorldFrame, palette

CAMERAS = ("robot", "drone")
ONSET_S = 0.3
FAINT_SHARE, SEEN_SHARE, SHOWN_SHARE = 0.0005, 0.0015, 0.003
"""Visible pixels of a thing as a share of the view; of 640x480: 154, 461 and 922 pixels.

Below the first it is out of sight. From the second on, the gate's `min_area`, a pass shows it. From
the third on it is due: 30x30 pixels, just under the 32x32 from which COCO no longer calls a thing
small, so a detector behind the gate can name it. What is smaller or hidden is no onset, and what
only its shadow announces has not passed."""
GONE_S = 1.0
"""What is out of sight for longer comes in anew."""


@dataclass(frozen=True)
class Onset:
    """Something that moves comes into view: over the border, from behind a thing, or from afar.

    Attributes:
        first_s: when SEEN_SHARE of it is in sight.
        time_s: when SHOWN_SHARE of it is.
        name: its class.
    """

    first_s: float
    time_s: float
    name: str

    def delay(self, opened_s: Sequence[float]) -> float | None:
        """Seconds from `time_s` to the first pass that shows it; None for none within 2 s."""
        inside = [t for t in opened_s if self.first_s <= t <= self.time_s + 2.0]
        return max(0.0, inside[0] - self.time_s) if inside else None


@dataclass
class Onsets:
    """Takes the frames of a world and tells, by truth alone, what comes into view and when."""

    found: list[Onset] = field(default_factory=list)
    _first_s: dict[int, float] = field(default_factory=dict)
    _seen_s: dict[int, float] = field(default_factory=dict)
    _in_view: set[int] = field(default_factory=set)

    def add(self, frame: WorldFrame) -> None:
        """Take the next frame of a world."""
        for item in frame.objects:
            self.note(frame.time_s, item.track_id, item.class_name,
                      item.state in (palette.WALKING, palette.MOVING),
                      item.visible_pixels / frame.mask.size)

    def note(self, time_s: float, track_id: int, name: str, moving: bool, share: float) -> None:
        """Take one thing of a frame, seen on that share of the view."""
        if time_s - self._seen_s.get(track_id, -GONE_S) > GONE_S:
            self._in_view.discard(track_id)
            self._first_s.pop(track_id, None)
        if share >= FAINT_SHARE:
            self._seen_s[track_id] = time_s
        if share >= SEEN_SHARE:
            self._first_s.setdefault(track_id, time_s)
        if share >= SHOWN_SHARE and track_id not in self._in_view:
            self._in_view.add(track_id)
            if moving and time_s > 0:
                self.found.append(Onset(self._first_s[track_id], time_s, name))


def rows(seeds: Sequence[int], duration_s: float) -> dict[str, Any]:
    """Recall, delay and pass rate over worlds with cameras that roll and fly.

    Args:
        seeds: one world each; scenes and cameras take turns.
        duration_s: of each world.
    """
    delays: list[float | None] = []
    passed = frames = 0
    reasons = dict.fromkeys((r.value for r in Reason if r is not Reason.NONE), 0)
    for number, seed in enumerate(seeds):
        scene, camera = SCENES[number % len(SCENES)], CAMERAS[number % len(CAMERAS)]
        world = World(scene, seed, camera=camera, duration_s=duration_s)
        decisions, onsets = _play(world)
        opened = [i / FPS for i, d in enumerate(decisions) if d.open]
        found = [onset.delay(opened) for onset in onsets.found]
        delays += found
        passed, frames = passed + len(opened), frames + len(decisions)
        for decision in decisions:
            if decision.open:
                reasons[decision.reason.value] += 1
        late = [f"{onset.name} at {onset.time_s:.2f} s"
                for onset, d in zip(onsets.found, found, strict=True) if d is None or d > ONSET_S]
        print(f"  {scene} seed {seed} {camera}: {len(opened)} of {len(decisions)} pass, "
              f"{len(found)} onsets, missed or late: {', '.join(late) or 'none'}")
    in_time = sum(d is not None and d <= ONSET_S for d in delays)
    known = [d for d in delays if d is not None]
    return {"world_onsets": len(delays),
            "world_event_recall": in_time / len(delays) if delays else None,
            "world_first_pass_s_max": max(known, default=None),
            "world_pass_rate": passed / frames,
            **{f"world_passes_{name}": count for name, count in reasons.items()}}


def _play(world: World) -> tuple[list[GateDecision], Onsets]:
    gate, onsets, decisions = MotionGate(), Onsets(), []
    for frame in world:
        decisions.append(gate.step(frame.image_rgb, frame.time_s))
        onsets.add(frame)
    return decisions, onsets

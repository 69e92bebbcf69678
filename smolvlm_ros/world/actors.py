"""Who is where when, and what they do there: a function of time, without memory."""
from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from smolvlm_ros.world import palette
from smolvlm_ros.world.figure import PersonLook, Posture
from smolvlm_ros.world.things import ThingLook

LIE_DOWN_S, GET_UP_S = 1.4, 1.8
_TURN_S = 0.45      # over which a walker turns at a corner
_GAIT_S = 0.35      # over which a gait begins and ends
_FREEZE_S = 0.12    # shorter than this, a lying share of 0 or 1 is a settled one

Place: TypeAlias = tuple[float, float]
Look: TypeAlias = PersonLook | ThingLook


@dataclass(frozen=True)
class Key:
    """Where an actor is at a time; between two keys it moves straight and evenly.

    Attributes:
        time_s: since the beginning.
        place: x and y of the point on the floor, metres.
        lying: True when a person lies from here to the next key (lying down takes 1.4 s after this
            key, getting up the last 1.8 s before the next). Both keys have the same place.
    """

    time_s: float
    place: Place
    lying: bool = False


@dataclass(frozen=True)
class ActorState:
    """An actor at one time.

    Attributes:
        place: x and y of the point on the floor, metres.
        heading: radians from x to y.
        velocity: metres per second along x and y.
        moved_m: way since its first key.
        posture: of a person; at rest for things.
        state: one of the states in `palette`.
    """

    place: Place
    heading: float
    velocity: Place
    moved_m: float
    posture: Posture
    state: str


@dataclass(frozen=True)
class Actor:
    """A person or a thing, its looks and its way.

    It is there from its first key to its last, the last one excluded.

    Attributes:
        track_id: 1 to 250, unique in a timeline; its value in the instance mask.
        class_name: one of `palette.CLASSES`.
        colour: one of the names in `palette.COLOURS`.
        look: its shapes' sizes and colours.
        keys: at least one, times rising. A single key means: there all the time.
        heading: where it looks while it has not moved yet, radians.

    Raises:
        ValueError: for times that do not rise, or a person who lies and moves at once.
    """

    track_id: int
    class_name: str
    colour: str
    look: Look
    keys: tuple[Key, ...]
    heading: float = 0.0

    def __post_init__(self) -> None:
        for a, b in zip(self.keys, self.keys[1:], strict=False):
            if b.time_s <= a.time_s:
                raise ValueError(f"actor {self.track_id}: key at {b.time_s:g} s comes after one at "
                                 f"{a.time_s:g} s; times must rise")
            if a.lying and a.place != b.place:
                raise ValueError(f"actor {self.track_id} lies at {a.time_s:g} s and moves; give "
                                 "the next key the same place")
        if not self.keys:
            raise ValueError(f"actor {self.track_id} has no key; give it at least one")

    @property
    def begin_s(self) -> float:
        """When it appears; -inf for one that is always there."""
        return self.keys[0].time_s if len(self.keys) > 1 else -math.inf

    @property
    def end_s(self) -> float:
        """When it is gone; +inf for one that is always there."""
        return self.keys[-1].time_s if len(self.keys) > 1 else math.inf

    def at(self, time_s: float) -> ActorState | None:
        """Where it is and what it does; None when it is not there."""
        if not self.begin_s <= time_s < self.end_s:
            return None
        if len(self.keys) == 1:
            key = self.keys[0]
            state = palette.STILL
            if self.class_name == palette.PERSON:
                state = palette.LYING if key.lying else palette.STANDING
            return ActorState(key.place, self.heading, (0.0, 0.0), 0.0,
                              Posture(recline=float(key.lying)), state)
        index = bisect_right(self._times, time_s) - 1
        a, b = self.keys[index], self.keys[index + 1]
        span = b.time_s - a.time_s
        share = (time_s - a.time_s) / span
        dx, dy = b.place[0] - a.place[0], b.place[1] - a.place[1]
        way = math.hypot(dx, dy)
        moved = self._ways[index] + share * way
        place = (a.place[0] + share * dx, a.place[1] + share * dy)
        posture, state = self._posture(index, time_s, moved)
        return ActorState(place, self._heading(time_s), (dx / span, dy / span), moved, posture,
                          state)

    def _posture(self, index: int, time_s: float, moved: float) -> tuple[Posture, str]:
        a, b = self.keys[index], self.keys[index + 1]
        moving = a.place != b.place
        if self.class_name != palette.PERSON:
            return Posture(moved), palette.MOVING if moving else palette.STILL
        if a.lying:
            recline = min(_eased((time_s - a.time_s) / LIE_DOWN_S),
                          1.0 if self._lies_at_end(index) else
                          _eased((b.time_s - time_s) / GET_UP_S))
            state = palette.LYING if recline > 1 - _FREEZE_S else palette.CHANGING
            return Posture(moved, recline=recline), state
        if not moving:
            return Posture(moved), palette.STANDING
        swing = min(1.0, 0.15 + (time_s - a.time_s) / _GAIT_S if self._rests(index - 1) else 1.0,
                    0.15 + (b.time_s - time_s) / _GAIT_S if self._rests(index + 1) else 1.0)
        return Posture(moved, swing), palette.WALKING

    def _lies_at_end(self, index: int) -> bool:
        return index + 2 == len(self.keys)

    def _rests(self, index: int) -> bool:
        """True when the stretch from that key is one without motion, or there is none."""
        if not 0 <= index < len(self.keys) - 1:
            return False
        return self.keys[index].place == self.keys[index + 1].place

    def _heading(self, time_s: float) -> float:
        """Direction of the way, averaged over the time that turning takes."""
        x = y = 0.0
        for step in range(-4, 5):
            index = bisect_right(self._times, time_s + step / 8 * _TURN_S) - 1
            angle = self._headings[min(max(index, 0), len(self._headings) - 1)]
            x, y = x + math.cos(angle), y + math.sin(angle)
        return math.atan2(y, x)

    @cached_property
    def _times(self) -> list[float]:
        return [key.time_s for key in self.keys]

    @cached_property
    def _ways(self) -> list[float]:
        lengths = [math.dist(a.place, b.place) for a, b in zip(self.keys, self.keys[1:],
                                                               strict=False)]
        return [0.0, *(float(v) for v in np.cumsum(lengths))]

    @cached_property
    def _headings(self) -> list[float]:
        """Of each stretch; one without motion keeps the direction of that before it."""
        headings: list[float] = []
        last = self.heading
        for a, b in zip(self.keys, self.keys[1:], strict=False):
            if a.place != b.place:
                last = math.atan2(b.place[1] - a.place[1], b.place[0] - a.place[0])
            headings.append(last)
        return headings


def _eased(share: float) -> float:
    """0 to 1 with a soft beginning and end."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)

"""Watched parts of the floor, and the exact times at which somebody crosses their edges."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smolvlm_ros.world.actors import Actor, Place

ENTER, LEAVE = "enter", "leave"


@dataclass(frozen=True)
class WorldZone:
    """A watched part of the floor.

    Attributes:
        name: what it is called.
        polygon: corners (x, y) in the world, metres, in order, at least three; convex.
    """

    name: str
    polygon: tuple[Place, ...]

    def contains(self, place: Place) -> bool:
        """True for a place inside or on the edge."""
        return all(height <= 0 for height in self._heights(place))

    def crossings(self, a: Place, b: Place) -> tuple[float, float] | None:
        """The shares of the way from a to b between which it is inside; None when it never is."""
        enter, leave = 0.0, 1.0
        for at_a, at_b in zip(self._heights(a), self._heights(b), strict=True):
            if at_a > 0 and at_b > 0:
                return None
            if (at_a > 0) != (at_b > 0):
                share = at_a / (at_a - at_b)
                enter, leave = ((max(enter, share), leave) if at_a > 0 else
                                (enter, min(leave, share)))
        return (enter, leave) if enter < leave else None

    def _heights(self, place: Place) -> list[float]:
        """How far outside each edge a place is (not in metres), negative inside."""
        turn = 0.0
        heights = []
        for (x0, y0), (x1, y1) in zip(self.polygon, (*self.polygon[1:], self.polygon[0]),
                                      strict=True):
            turn += x0 * y1 - x1 * y0
            heights.append((y1 - y0) * (place[0] - x0) - (x1 - x0) * (place[1] - y0))
        return heights if turn > 0 else [-height for height in heights]


@dataclass(frozen=True)
class ZoneEvent:
    """An actor's point on the floor crosses a zone's edge.

    Attributes:
        time_s: exactly when, from the keys.
        kind: 'enter' or 'leave'.
        zone: its name.
        track_id, class_name, colour: the actor's.
    """

    time_s: float
    kind: str
    zone: str
    track_id: int
    class_name: str
    colour: str


def zone_events(actors: Sequence[Actor], zones: Sequence[WorldZone]) -> tuple[ZoneEvent, ...]:
    """Every crossing of a zone's edge, in order of time.

    An actor that appears inside enters then; one that is always there and inside has no event.
    """
    events = []
    for actor in actors:
        for zone in zones:
            for enter, leave in _stays(actor, zone):
                events += [ZoneEvent(time_s, kind, zone.name, actor.track_id, actor.class_name,
                                     actor.colour) for time_s, kind in ((enter, ENTER),
                                                                        (leave, LEAVE))]
    return tuple(sorted(events, key=lambda event: (event.time_s, event.track_id)))


def _stays(actor: Actor, zone: WorldZone) -> list[tuple[float, float]]:
    stays: list[tuple[float, float]] = []
    for a, b in zip(actor.keys, actor.keys[1:], strict=False):
        if a.place == b.place:
            inside = (0.0, 1.0) if zone.contains(a.place) else None
        else:
            inside = zone.crossings(a.place, b.place)
        if inside is None:
            continue
        enter, leave = (a.time_s + share * (b.time_s - a.time_s) for share in inside)
        if stays and inside[0] == 0.0 and abs(stays[-1][1] - enter) < 1e-9:
            stays[-1] = (stays[-1][0], leave)
        else:
            stays.append((enter, leave))
    return stays

"""Whether a verdict is true of the world at the newest frame that it stands on."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import Enum

from smolvlm_ros.world import palette
from smolvlm_ros.world.actors import Actor, ActorState, Place
from smolvlm_ros.world.facts import presence_fact, state_fact
from smolvlm_ros.world.scoring.heard import HeardVerdict
from smolvlm_ros.world.scoring.positions import in_reach
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.zones import WorldZone

SECOND_S = 1.0  # who was there so short a time ago may still be spoken of


class Judged(Enum):
    """What a YES or NO is worth; `UNSETTLED`: the truth was changing in that moment, or nobody was
    there to be asked about; `LATE`: the visitor was gone, and nothing wrong was said."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSETTLED = "unsettled"
    LATE = "late"


def judge(verdict: HeardVerdict, timeline: Timeline, visitor: Actor | None) -> Judged:
    """Hold a YES or NO against the script, as somebody would who acts on it.

    A verdict on a visitor who is there is held against what the visitor is and does. Any other is
    held against who of the class in question is in the zone, or so near to it that the funnel may
    take it for there. With nobody there a YES is wrong, whatever is asked, a NO to 'is there' is
    right, and a NO to a posture neither.

    When the visitor is gone the same YES is wrong, from a second later on, and nothing is right: it
    came too late to decide anything about the visit.

    Raises:
        ValueError: for a question whose truth is not known.
    """
    class_name, posture = asked_of(verdict.question)
    time_s = max(verdict.pass_times, default=verdict.time_s)
    if visitor is None or visitor.class_name != class_name:
        return _among(verdict, posture, _near_zone(timeline, verdict.zone, class_name, time_s))
    state = visitor.at(time_s)
    if state is not None:
        return _among(verdict, posture, [state])
    others = _near_zone(timeline, verdict.zone, class_name, time_s)
    moments_ago = visitor.at(time_s - SECOND_S) is not None
    if verdict.answer and not moments_ago and _among(verdict, posture, others) == Judged.WRONG:
        return Judged.WRONG
    return Judged.LATE


def asked_of(question: str) -> tuple[str, str | None]:
    """The class that a question is about, and the posture; None when it asks for presence.

    Raises:
        ValueError: for a question whose truth is not known.
    """
    for name in palette.CLASSES:
        if question == presence_fact(name, True).question:
            return name, None
    for posture in (palette.LYING, palette.STANDING):
        if question in {state_fact(posture, True, article).question for article in ("the", "a")}:
            return palette.PERSON, posture
    raise ValueError(f"the truth of {question!r} is not known; use a question of world.facts")


def _among(verdict: HeardVerdict, posture: str | None, states: Sequence[ActorState]) -> Judged:
    """What it is worth when these are those that it may be about."""
    if not states:
        if verdict.answer:
            return Judged.WRONG
        return Judged.RIGHT if posture is None else Judged.UNSETTLED
    truth = True if posture is None else _holds(posture, states)
    if truth is None:
        return Judged.UNSETTLED
    return Judged.RIGHT if truth == verdict.answer else Judged.WRONG


def _holds(posture: str, states: Iterable[ActorState]) -> bool | None:
    """True or False when all have that posture or none; None else, or while one changes it."""
    held = {None if state.state == palette.CHANGING else
            (state.state == palette.LYING) == (posture == palette.LYING) for state in states}
    return held.pop() if len(held) == 1 else None


def _near_zone(timeline: Timeline, zone_name: str, class_name: str, time_s: float
               ) -> list[ActorState]:
    zones = [zone for zone in timeline.zones if zone.name == zone_name]
    camera = timeline.camera.pose(time_s)[:2, 3]
    states = [actor.at(time_s) for actor in timeline.actors if actor.class_name == class_name]
    return [state for state in states if state is not None and any(
        in_reach(_distance(zone, state.place), math.dist(state.place, camera)) for zone in zones)]


def _distance(zone: WorldZone, place: Place) -> float:
    """Metres from a place on the floor to a zone; 0 inside."""
    if zone.contains(place):
        return 0.0
    corners = zone.polygon
    return min(_distance_to_edge(a, b, place)
               for a, b in zip(corners, (*corners[1:], corners[0]), strict=True))


def _distance_to_edge(a: Place, b: Place, place: Place) -> float:
    along = (b[0] - a[0], b[1] - a[1])
    share = (((place[0] - a[0]) * along[0] + (place[1] - a[1]) * along[1])
             / (along[0] ** 2 + along[1] ** 2))
    share = min(1.0, max(0.0, share))
    return math.dist(place, (a[0] + share * along[0], a[1] + share * along[1]))

"""Stays in the watched zones, and which of the funnel's events belong to them."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from smolvlm_ros.world.actors import Actor
from smolvlm_ros.world.scoring.heard import HeardEvent, HeardVerdict
from smolvlm_ros.world.scoring.positions import in_reach
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.zones import ENTER, LEAVE

EARLY_S = 1.5        # an event may come so long before its time: positions are not exact
LEAVE_LATE_S = 5.0   # and a leave so long after: who is not seen counts as there for a while


@dataclass
class Visit:
    """One stay in a zone, and what the funnel made of it.

    Attributes:
        actor, zone, begin_s, end_s: by the script.
        tracks: under which it was noticed.
        verdicts: on these tracks, YES, NO and UNSURE.
    """

    actor: Actor
    zone: str
    begin_s: float
    end_s: float
    tracks: set[str] = field(default_factory=set)
    verdicts: list[HeardVerdict] = field(default_factory=list)


def visits_of(timeline: Timeline) -> list[Visit]:
    """Every stay in a zone that begins before the timeline's end, in order of time."""
    actors = {actor.track_id: actor for actor in timeline.actors}
    visits: list[Visit] = []
    for event in timeline.events:
        if event.kind == ENTER:
            visits.append(Visit(actors[event.track_id], event.zone, event.time_s, math.inf))
        for visit in visits:
            if (event.kind == LEAVE and visit.actor.track_id == event.track_id
                    and visit.zone == event.zone and visit.end_s == math.inf):
                visit.end_s = event.time_s
    return visits


@dataclass
class Entries:
    """What became of the 'enter' events.

    Attributes:
        delays_s: of each visit noticed, from the crossing of the edge to the event's stamp.
        false: number of events at which nobody of that class was visiting the zone there.
        repeated: number of further events of the same visit.
    """

    delays_s: list[float] = field(default_factory=list)
    false: int = 0
    repeated: int = 0


def match_entries(timeline: Timeline, visits: Sequence[Visit], events: Iterable[HeardEvent],
                  faults: list[str]) -> Entries:
    """Give each 'enter' event to its visit.

    An event is that of the nearest actor of its class. Where that one is not visiting the zone, or
    has been noticed already and is elsewhere, it is false: somebody who passes by is not the
    visitor, and neither is what was seen where nobody was.
    """
    found = Entries()
    for event in (e for e in events if e.kind == ENTER):
        visit = _visit_at(timeline, visits, event)
        what = f"{event.time_s:.2f} s: {event.class_name} {event.track_id} entered {event.zone}"
        if visit is None or (visit.tracks and not _is_near(timeline, visit.actor, event)):
            found.false += 1
            faults.append(f"{what}, where there was none")
            continue
        if visit.tracks:
            found.repeated += 1
            faults.append(f"{what} again")
        else:
            found.delays_s.append(event.time_s - visit.begin_s)
        visit.tracks.add(event.track_id)
    faults += [f"{v.begin_s:.2f} s: nobody noticed that {v.actor.class_name} {v.actor.track_id} "
               f"entered {v.zone}" for v in visits if not v.tracks]
    return found


def missed_leaves(visits: Sequence[Visit], events: Iterable[HeardEvent], duration_s: float,
                  faults: list[str]) -> int:
    """Number of exits, long enough before the end, that no 'leave' event tells of."""
    leaves = [e for e in events if e.kind == LEAVE]
    missed = 0
    for visit in visits:
        if visit.end_s > duration_s - LEAVE_LATE_S or not visit.tracks:
            continue  # it need not be noticed before the end, or has been counted as missed
        if not any(e.track_id in visit.tracks and e.zone == visit.zone
                   and visit.end_s - EARLY_S <= e.time_s <= visit.end_s + LEAVE_LATE_S
                   for e in leaves):
            missed += 1
            faults.append(f"{visit.end_s:.2f} s: nobody noticed that {visit.actor.class_name} "
                          f"{visit.actor.track_id} left {visit.zone}")
    return missed


def hand_out(visits: Sequence[Visit], verdicts: Iterable[HeardVerdict]) -> list[HeardVerdict]:
    """Give each verdict to its visit; returns those that have none."""
    stray: list[HeardVerdict] = []
    for verdict in verdicts:
        # The last one: who comes soon after another may be taken for the same.
        visit = next((v for v in reversed(visits) if verdict.zone == v.zone
                      and verdict.track_id in v.tracks
                      and v.begin_s - EARLY_S <= verdict.time_s), None)
        (stray if visit is None else visit.verdicts).append(verdict)
    return stray


def _visit_at(timeline: Timeline, visits: Sequence[Visit], event: HeardEvent) -> Visit | None:
    apart = {actor.track_id: _apart(actor, event) for actor in timeline.actors
             if actor.class_name == event.class_name}
    nearest = min(apart, key=lambda number: apart[number], default=None)
    return next((v for v in visits if v.zone == event.zone and v.actor.track_id == nearest
                 and v.begin_s - EARLY_S <= event.time_s <= v.end_s), None)


def _apart(actor: Actor, event: HeardEvent) -> float:
    """Metres on the floor between an actor and an event; inf for one who is not there."""
    state = actor.at(event.time_s)
    return math.inf if state is None else math.dist(state.place, event.place)


def _is_near(timeline: Timeline, actor: Actor, event: HeardEvent) -> bool:
    state = actor.at(event.time_s)
    camera = timeline.camera.pose(event.time_s)[:2, 3]
    return state is not None and in_reach(_apart(actor, event), math.dist(state.place, camera))

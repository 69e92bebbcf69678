"""How right the whole funnel is about a minute of the embedded world.

What it said (zone events, verdicts, objects) is held against what the timeline's script did. A
visit is one stay of somebody or something in a zone; every question that a template raises for it
is expected to be answered right, or at least not wrong.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from smolvlm_ros.qa.templates import Template, questions_for
from smolvlm_ros.world import palette
from smolvlm_ros.world.actors import Actor
from smolvlm_ros.world.facts import presence_fact, state_fact
from smolvlm_ros.world.scoring.funnel_score import FunnelScore
from smolvlm_ros.world.scoring.heard import FunnelLog, HeardEvent, HeardVerdict, Look
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.zones import ENTER, LEAVE

EARLY_S = 1.5        # an event may come so long before its time: positions are not exact
LEAVE_LATE_S = 5.0   # and a leave so long after: who is not seen counts as there for a while
DWELL = "dwell"
_NEAR_M, _NEAR_REL = 1.0, 0.25  # an object is one of the truth when it is this near to it


@dataclass
class _Visit:
    """One stay in a zone, and what the funnel made of it."""

    actor: Actor
    zone: str
    begin_s: float
    end_s: float
    tracks: set[str] = field(default_factory=set)
    answers: dict[str, list[HeardVerdict]] = field(default_factory=dict)


def score_funnel(timeline: Timeline, log: FunnelLog, templates: Sequence[Template],
                 dwell_s: float) -> FunnelScore:
    """Hold what the funnel said against the script.

    Args:
        timeline: the script.
        log: what was said.
        templates: those that scene_qa worked by; their questions must be some of
            `world.facts`, whose truth is known.
        dwell_s: time in a zone after which 'dwell' events come.

    Raises:
        ValueError: for a template whose truth is not known.
    """
    visits = visits_of(timeline)
    faults: list[str] = []
    delays, false, repeated = _match_enters(visits, log.events, faults)
    missed_leaves = _missed_leaves(visits, log.events, timeline.duration_s, faults)
    stray = _hand_out(visits, log.verdicts, faults)
    counts = dict.fromkeys(("questions", "decided", "wrong", "unsettled"), 0)
    for visit in visits:
        for question in _expected(visit, templates, dwell_s, timeline.duration_s):
            counts["questions"] += 1
            for key in _judged(visit, question, faults):
                counts[key] += 1
    errors, unknown = _position_errors(log.looks)
    missed = sum(not visit.tracks for visit in visits)
    return FunnelScore(
        len(visits), missed, missed_leaves, false, repeated, **counts, stray=stray,
        frames_in=log.frames_in, frames_passed=log.frames_passed, enter_delays_s=tuple(delays),
        position_errors=tuple(errors), unknown_objects=unknown, faults=tuple(faults))


def visits_of(timeline: Timeline) -> list[_Visit]:
    """Every stay in a zone that begins before the timeline's end, in order of time."""
    actors = {actor.track_id: actor for actor in timeline.actors}
    visits: list[_Visit] = []
    for event in timeline.events:
        if event.kind == ENTER:
            visits.append(_Visit(actors[event.track_id], event.zone, event.time_s, math.inf))
        for visit in visits:
            if (event.kind == LEAVE and visit.actor.track_id == event.track_id
                    and visit.zone == event.zone and visit.end_s == math.inf):
                visit.end_s = event.time_s
    return visits


def truth_of(question: str, actor: Actor, time_s: float) -> bool | None:
    """What is true of an actor at a time; None while it changes, or the actor is not there.

    Raises:
        ValueError: for a question whose truth is not known.
    """
    state = actor.at(time_s)
    if question == presence_fact(actor.class_name, True).question:
        return True if state is not None else None
    for posture in (palette.LYING, palette.STANDING):
        if question in {state_fact(posture, True, article).question for article in ("the", "a")}:
            if state is None or state.state == palette.CHANGING:
                return None
            return (state.state == palette.LYING) == (posture == palette.LYING)
    raise ValueError(f"the truth of {question!r} about a {actor.class_name} is not known; use a "
                     "question of world.facts")


def _match_enters(visits: Sequence[_Visit], events: Iterable[HeardEvent],
                  faults: list[str]) -> tuple[list[float], int, int]:
    delays, false, repeated = [], 0, 0
    for event in (e for e in events if e.kind == ENTER):
        visit = next((v for v in visits if v.zone == event.zone
                      and v.actor.class_name == event.class_name
                      and v.begin_s - EARLY_S <= event.time_s <= v.end_s), None)
        if visit is None:
            false += 1
            faults.append(f"{event.time_s:.2f} s: {event.class_name} {event.track_id} entered "
                          f"{event.zone}, where there was none")
            continue
        if visit.tracks:
            repeated += 1
            faults.append(f"{event.time_s:.2f} s: {event.class_name} {event.track_id} entered "
                          f"{event.zone} again")
        else:
            delays.append(event.time_s - visit.begin_s)
        visit.tracks.add(event.track_id)
    faults += [f"{v.begin_s:.2f} s: nobody noticed that {v.actor.class_name} {v.actor.track_id} "
               f"entered {v.zone}" for v in visits if not v.tracks]
    return delays, false, repeated


def _missed_leaves(visits: Sequence[_Visit], events: Iterable[HeardEvent], duration_s: float,
                   faults: list[str]) -> int:
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


def _hand_out(visits: Sequence[_Visit], verdicts: Iterable[HeardVerdict],
              faults: list[str]) -> int:
    """Give each verdict to its visit; returns how many decided ones have none."""
    stray = 0
    for verdict in verdicts:
        # The last one: who comes soon after another may be taken for the same.
        visit = next((v for v in reversed(visits) if verdict.zone == v.zone
                      and verdict.track_id in v.tracks
                      and v.begin_s - EARLY_S <= verdict.time_s), None)
        if visit is not None:
            visit.answers.setdefault(verdict.question, []).append(verdict)
        elif verdict.answer is not None:
            stray += 1
            faults.append(f"stray verdict: {verdict.question} {verdict.answer}")
    return stray


def _expected(visit: _Visit, templates: Sequence[Template], dwell_s: float,
              duration_s: float) -> list[str]:
    kinds = [ENTER]
    # A second frame is asked for, and answering takes its time.
    if min(visit.end_s, duration_s) - visit.begin_s >= dwell_s + 2.0:
        kinds.append(DWELL)
    return [asked.question for kind in kinds
            for asked in questions_for(templates, visit.actor.class_name, visit.zone, kind)]


def _judged(visit: _Visit, question: str, faults: list[str]) -> list[str]:
    """The counts that the answers to one expected question add to."""
    truth_of(question, visit.actor, visit.begin_s)  # refuses what cannot be judged, heard or not
    judged = []
    for verdict in visit.answers.get(question, []):
        if verdict.answer is None:
            continue
        truth = truth_of(question, visit.actor, max(verdict.pass_times))
        if truth is None:
            judged.append("unsettled")
        elif truth == verdict.answer:
            judged.append("right")
        else:
            judged.append("wrong")
    name = f"{visit.actor.class_name} {visit.actor.track_id}: {question}"
    if "wrong" in judged:
        faults.append(f"{name} answered wrong")
        return ["wrong"]
    if "right" in judged:
        return ["decided"]
    if judged:
        return ["decided", "unsettled"]
    reasons = [v.reason for v in visit.answers.get(question, [])] or ["no verdict came"]
    faults.append(f"{name} not decided: {'; '.join(reasons)}")
    return []


def _position_errors(looks: Iterable[Look]) -> tuple[list[float], int]:
    """Relative errors of the objects that are somebody's, and the number of those that are not."""
    errors: list[float] = []
    unknown = 0
    for look in looks:
        free = list(look.truth)
        for heard in look.heard:
            nearest, error = None, math.inf
            for item in free:
                apart = float(np.linalg.norm(item.position_world - heard.position))
                if item.class_name == heard.class_name and apart < error:
                    nearest, error = item, apart
            if nearest is None:
                unknown += 1
                continue
            away = float(np.linalg.norm(nearest.position_world - look.camera_position))
            if error > max(_NEAR_M, _NEAR_REL * away):
                unknown += 1
                continue
            free.remove(nearest)
            errors.append(error / away)
    return errors, unknown

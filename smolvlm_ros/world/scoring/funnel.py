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
from numpy.typing import NDArray

from smolvlm_ros.qa.templates import Template, questions_for
from smolvlm_ros.world import palette
from smolvlm_ros.world.actors import Actor
from smolvlm_ros.world.facts import presence_fact, state_fact
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.truth import WorldObject
from smolvlm_ros.world.zones import ENTER, LEAVE

EARLY_S = 1.5        # an event may come so long before its time: positions are not exact
LEAVE_LATE_S = 5.0   # and a leave so long after: who is not seen counts as there for a while
DWELL = "dwell"
_NEAR_M, _NEAR_REL = 1.0, 0.25  # an object is one of the truth when it is this near to it


@dataclass(frozen=True)
class HeardEvent:
    """A zone event of the funnel; `time_s` since the timeline's beginning, as in all of these."""

    time_s: float
    kind: str
    zone: str
    track_id: str
    class_name: str


@dataclass(frozen=True)
class HeardVerdict:
    """A verdict that a zone event raised.

    Attributes:
        time_s: its stamp: of the newest frame it stands on.
        pass_times: of the frames that were asked, seconds; none when nothing was asked.
        answer: True, False, or None for UNSURE.
        reason: as it was told.
    """

    time_s: float
    zone: str
    track_id: str
    question: str
    answer: bool | None
    pass_times: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True, eq=False)
class HeardObject:
    """An object of one frame: class and position, shape (3,), metres in the world."""

    class_name: str
    position: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Look:
    """One passed frame: what the funnel saw in it, and what was there.

    Attributes:
        time_s: of the frame.
        camera_position: shape (3,), metres in the world.
        heard: the funnel's objects.
        truth: everybody and everything.
    """

    time_s: float
    camera_position: NDArray[np.float64]
    heard: tuple[HeardObject, ...]
    truth: tuple[WorldObject, ...]


@dataclass(frozen=True, eq=False)
class FunnelLog:
    """All that the funnel said in one timeline."""

    events: tuple[HeardEvent, ...] = ()
    verdicts: tuple[HeardVerdict, ...] = ()
    looks: tuple[Look, ...] = ()
    frames_in: int = 0
    frames_passed: int = 0


@dataclass(frozen=True, eq=False)
class FunnelScore:
    """Counts of one timeline, or of several together.

    Attributes:
        visits: scripted entries.
        missed_enters: of these, without an 'enter' of their class while they lasted.
        missed_leaves: scripted exits, long enough before the end, without a 'leave'.
        false_events: 'enter' events when nobody of that class was in the zone.
        repeated_events: further 'enter' events in the same visit: the track was lost.
        questions: answers that the templates expect for the visits.
        decided: of these, answered YES or NO and not wrong.
        wrong: of these, answered against the truth at the newest frame that was asked.
        unsettled: of these, decided while the truth was changing: neither right nor wrong.
        stray: verdicts YES or NO that no visit raised.
        frames_in, frames_passed: of the gate.
        enter_delays_s: from the crossing of the edge to the event's stamp.
        position_errors: distance from the truth over the distance from the camera, one for each
            object seen.
        unknown_objects: objects seen that are near nothing of their class.
        faults: what went wrong, in words, for whoever looks into it.
    """

    visits: int = 0
    missed_enters: int = 0
    missed_leaves: int = 0
    false_events: int = 0
    repeated_events: int = 0
    questions: int = 0
    decided: int = 0
    wrong: int = 0
    unsettled: int = 0
    stray: int = 0
    frames_in: int = 0
    frames_passed: int = 0
    enter_delays_s: tuple[float, ...] = ()
    position_errors: tuple[float, ...] = ()
    unknown_objects: int = 0
    faults: tuple[str, ...] = ()

    def __add__(self, other: FunnelScore) -> FunnelScore:
        return FunnelScore(**{name: getattr(self, name) + getattr(other, name)
                              for name in self.__dataclass_fields__})

    def rows(self) -> dict[str, float]:
        """The figures by key; NaN where there was nothing to count."""
        return {
            "funnel_wrong_rate": _share(self.wrong, self.questions),
            "funnel_decided_rate": _share(self.decided, self.questions),
            "funnel_missed_events": self.missed_enters + self.missed_leaves,
            "funnel_position_error_rel": _quantile(self.position_errors, 0.5),
            "funnel_pass_rate": _share(self.frames_passed, self.frames_in),
            "funnel_visits": self.visits,
            "funnel_questions": self.questions,
            "funnel_unsettled": self.unsettled,
            "funnel_stray_verdicts": self.stray,
            "funnel_missed_enters": self.missed_enters,
            "funnel_missed_leaves": self.missed_leaves,
            "funnel_false_events": self.false_events,
            "funnel_repeated_events": self.repeated_events,
            "funnel_enter_delay_p50_s": _quantile(self.enter_delays_s, 0.5),
            "funnel_enter_delay_p95_s": _quantile(self.enter_delays_s, 0.95),
            "funnel_position_error_rel_p90": _quantile(self.position_errors, 0.9),
            "funnel_unknown_objects": self.unknown_objects,
            "funnel_objects": len(self.position_errors),
        }


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


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _quantile(values: Sequence[float], share: float) -> float:
    return float(np.quantile(values, share)) if values else math.nan

"""How right the whole funnel is about a minute of the embedded world.

What it said (zone events, verdicts, objects) is held against what the timeline's script did. A
visit is one stay of somebody or something in a zone; every question that a template raises for it
is expected to be answered right, or at least not wrong. No other verdict may be wrong either.
"""
from __future__ import annotations

from collections.abc import Sequence

from smolvlm_ros.qa.templates import Template, questions_for
from smolvlm_ros.world.scoring.answers import Judged, asked_of, judge
from smolvlm_ros.world.scoring.funnel_score import FunnelScore
from smolvlm_ros.world.scoring.heard import FunnelLog, HeardVerdict
from smolvlm_ros.world.scoring.positions import position_errors
from smolvlm_ros.world.scoring.visits import (
    Visit,
    hand_out,
    match_entries,
    missed_leaves,
    visits_of,
)
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.zones import ENTER

DWELL = "dwell"
_ASKING_S = 2.0  # a second frame is asked for, and answering takes its time


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
        ValueError: for a question whose truth is not known.
    """
    visits = visits_of(timeline)
    faults: list[str] = []
    entries = match_entries(timeline, visits, log.events, faults)
    leaves = missed_leaves(visits, log.events, timeline.duration_s, faults)
    stray = [v for v in hand_out(visits, log.verdicts) if v.answer is not None]
    counts = dict.fromkeys(("questions", "decided", "wrong", "unsettled", "further"), 0)
    for visit in visits:
        expected = _expected(visit, templates, dwell_s, timeline.duration_s)
        further = [v for v in visit.verdicts if v.question not in expected]
        for key in [*(key for question in expected
                      for key in ["questions", *_judged(visit, question, timeline, faults)]),
                    *_further(further, visit, timeline, faults)]:
            counts[key] += 1
    faults += [f"stray verdict: {v.question} {_said(v)}, track {v.track_id}" for v in stray]
    for key in _further(stray, None, timeline, faults):
        counts[key] += 1
    errors, unknown = position_errors(log.looks)
    return FunnelScore(
        len(visits), sum(not visit.tracks for visit in visits), leaves, entries.false,
        entries.repeated, **counts, stray=len(stray), frames_in=log.frames_in,
        frames_passed=log.frames_passed, enter_delays_s=tuple(entries.delays_s),
        position_errors=tuple(errors), unknown_objects=unknown, faults=tuple(faults))


def _expected(visit: Visit, templates: Sequence[Template], dwell_s: float,
              duration_s: float) -> list[str]:
    kinds = [ENTER]
    if min(visit.end_s, duration_s) - visit.begin_s >= dwell_s + _ASKING_S:
        kinds.append(DWELL)
    return [asked.question for kind in kinds
            for asked in questions_for(templates, visit.actor.class_name, visit.zone, kind)]


def _judged(visit: Visit, question: str, timeline: Timeline, faults: list[str]) -> list[str]:
    """The counts that the answers to one expected question add to."""
    asked_of(question)  # refuses what cannot be judged, heard or not
    verdicts = [v for v in visit.verdicts if v.question == question]
    judged = {judge(v, timeline, visit.actor) for v in verdicts if v.answer is not None}
    name = f"{visit.actor.class_name} {visit.actor.track_id}: {question}"
    if Judged.WRONG in judged:
        faults.append(f"{name} answered wrong")
        return ["wrong"]
    if Judged.RIGHT in judged:
        return ["decided"]
    if Judged.UNSETTLED in judged:
        return ["decided", "unsettled"]
    reasons = [v.reason if v.answer is None else f"{_said(v)} when nobody was there any more"
               for v in verdicts] or ["no verdict came"]
    faults.append(f"{name} not decided: {'; '.join(reasons)}")
    return ["unsettled"] if judged else []


def _further(verdicts: Sequence[HeardVerdict], visit: Visit | None, timeline: Timeline,
             faults: list[str]) -> list[str]:
    """The counts that answers which nobody expected add to."""
    counts = []
    for verdict in (v for v in verdicts if v.answer is not None):
        judged = judge(verdict, timeline, None if visit is None else visit.actor)
        if judged in (Judged.UNSETTLED, Judged.LATE):
            counts.append("unsettled")
            continue
        counts.append("further")
        if judged == Judged.WRONG:
            counts.append("wrong")
            faults.append(f"{verdict.time_s:.2f} s: track {verdict.track_id} in {verdict.zone}: "
                          f"{verdict.question} answered {_said(verdict)}, which is wrong")
    return counts


def _said(verdict: HeardVerdict) -> str:
    return "YES" if verdict.answer else "NO"

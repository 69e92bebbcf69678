"""Verdicts as messages."""
from __future__ import annotations

import dataclasses
import math
from typing import Any

from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox2D

from smolvlm_ros.msg import SceneVerdict
from smolvlm_ros.qa.verdict import NEVER_S, Answer, Cause, Origin, Verdict
from smolvlm_ros.ros.boxes import to_box
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.stamps import ExactStamps, from_seconds

_ANSWERS = {Answer.UNSURE: SceneVerdict.UNSURE, Answer.YES: SceneVerdict.YES,
            Answer.NO: SceneVerdict.NO}
_ORIGINS = {Origin.ROBOT: SceneVerdict.ROBOT, Origin.SERVER: SceneVerdict.SERVER,
            Origin.BOTH: SceneVerdict.BOTH}
_EXPIRED_S = 30.0  # how long a late verdict is warned of


def unsure(question: str, reason: str, cause: Cause = Cause.INCOMPLETE, stamp_s: float = NEVER_S
           ) -> Verdict:
    """The verdict on a question that was not asked; it is never valid to act on."""
    return Verdict(question, Answer.UNSURE, math.nan, (), cause, reason, stamp_s=stamp_s)


def told_expired(verdict: Verdict, now_s: float) -> Verdict:
    """The verdict; a YES or NO past its shelf life says so in its reason.

    Args:
        verdict: the verdict.
        now_s: on the clock of the stamps.
    """
    late_s = now_s - verdict.valid_until_s
    if verdict.answer is Answer.UNSURE or late_s <= 0:
        return verdict
    return dataclasses.replace(verdict, reason=f"{verdict.reason}; expired: it came {late_s:.2f} s "
                               "after valid_until, so do not act on it")


def watch_shelf_life(node: Any, verdict: Verdict) -> Verdict:
    """As `told_expired`; the scene_qa node counts those that are, and warns."""
    told = told_expired(verdict, node.frames.now_s())
    if told is not verdict:
        node.stats.count("verdicts_expired")
        node.faults.set("shelf life", Level.WARN, "verdicts come after policy.shelf_life_s = "
                        f"{node.settings.policy.shelf_life_s:g} s: take a smaller or faster "
                        "model, ask FRESH, or raise it", _EXPIRED_S)
    return told


def to_message(verdict: Verdict, stamps: ExactStamps, latency_ms: float, zone: str = "",
               track_id: str = "") -> SceneVerdict:
    """The message of a verdict.

    Args:
        verdict: the verdict.
        stamps: knows the stamps of the frames it stands on.
        latency_ms: from the question to the verdict.
        zone: the zone that raised the question.
        track_id: the track it is about.
    """
    return SceneVerdict(
        header=Header(stamp=stamps.stamp(verdict.stamp_s), frame_id=verdict.frame_id),
        question=verdict.question, answer=_ANSWERS[verdict.answer], p_yes=float(verdict.p_yes),
        reason=verdict.reason, model=verdict.model, origin=_ORIGINS[verdict.origin],
        escalation=verdict.escalation, notes=list(verdict.notes),
        valid_until=from_seconds(max(0.0, verdict.valid_until_s)),
        zone=zone, track_id=track_id,
        pass_questions=[p.question for p in verdict.passes],
        pass_negated=[p.negated for p in verdict.passes],
        pass_stamps=[stamps.stamp(p.stamp_s) for p in verdict.passes],
        pass_regions=[BoundingBox2D() if p.region is None else to_box(p.region)
                      for p in verdict.passes],
        pass_p_yes=[float(p.p_yes) for p in verdict.passes],
        pass_p_model=[float(p.p_yes if p.p_model is None else p.p_model) for p in verdict.passes],
        pass_mass=[float(p.mass) for p in verdict.passes], latency_ms=float(latency_ms))

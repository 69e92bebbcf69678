"""The frames that a client's question is asked about, a fresh one where it needs one."""
from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from smolvlm_ros.qa.crops import Subject
from smolvlm_ros.qa.frames import FramePick
from smolvlm_ros.qa.policy import refusal_of
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.ros.frame_supply import NoFreshFrame
from smolvlm_ros.ros.unanswered import Unanswered
from smolvlm_ros.srv import AskScene

_NEWEST, _FRESH = AskScene.Request.NEWEST, AskScene.Request.FRESH
_NO_FRAME = AskScene.Response.NO_FRAME
_TOLD_S = 1.0  # fusion tells of a frame within this; else of the ones before


def pick(node: Any, which: int, max_age_ms: int, deadline_s: float,
         subject: Subject | None = None, verdict: str = "",
         should_stop: Callable[[], bool] = lambda: False) -> FramePick:
    """The frames to ask about, a fresh one asked of the gate when the request wants it.

    With a subject, those that show it, cut to it. After a fresh one was asked for, the newest of
    them is no older than that.

    Args:
        node: the scene_qa node.
        which: NEWEST or FRESH of AskScene.
        max_age_ms: the newest may be this old; 0 for the node's own limits.
        deadline_s: of time.monotonic.
        subject: the object or zone to look at.
        verdict: for a verdict, its kind (see Scheduler.submit): without `max_age_ms`, a fresh frame
            is also asked for where one on the newest frame would be past its shelf life. Where
            none comes on a simulator's clock, or where the model is slower than the shelf life,
            the newest must do.
        should_stop: True ends the waiting for a fresh frame.

    Raises:
        Unanswered: when there is no frame, or none as fresh as asked for.
    """
    if which not in (_NEWEST, _FRESH):
        raise Unanswered(AskScene.Response.REFUSED, f"frame = {which} is not NEWEST (0) or FRESH "
                         "(1)")
    own_limit = bool(verdict) and not max_age_ms and not _too_slow(node, verdict)
    max_age_s = max_age_ms * 1e-3 or node.settings.frames.max_age_s
    if which == _FRESH:
        picked = _fresh(node, max_age_s, deadline_s, subject, should_stop)
    else:
        picked = _newest(node, _useful_s(node, verdict) if own_limit else max_age_s, deadline_s,
                         subject)
        if own_limit and not picked.frames and _any(node, subject):
            picked = _renewed(node, max_age_s, deadline_s, subject, should_stop,
                              f"{picked.reason}, after which a verdict would be past "
                              "policy.shelf_life_s; give max_age_ms to ask about an older one. A "
                              "fresh one: ")
    if not picked.frames:
        raise Unanswered(_NO_FRAME, picked.reason)
    foreign = refusal_of(node.engine, picked.frames)
    if foreign:
        raise Unanswered(AskScene.Response.NO_MODEL, foreign)
    return picked


def shelf_end_s(node: Any, newest: Frame, verdict: str) -> float:
    """Until when a verdict of that kind on frames of which this is the newest may be acted on, of
    time.monotonic; infinite where the stamps' clock is not the real one, but a simulator's, and
    where the model is so slow that every verdict comes later: it says so."""
    if _simulated(node) or _too_slow(node, verdict):
        return math.inf
    left_s = newest.stamp_s + node.settings.policy.shelf_life_s - node.frames.now_s()
    return time.monotonic() + float(left_s)


def _simulated(node: Any) -> bool:
    return bool(node.get_clock().ros_time_is_active)


def _too_slow(node: Any, verdict: str) -> bool:
    """True where a verdict takes longer than its shelf life, however fresh the frame."""
    cost_s: float = node.scheduler.cost_s(verdict)
    return cost_s >= node.settings.policy.shelf_life_s and not _simulated(node)


def _useful_s(node: Any, verdict: str) -> float:
    """How old a frame may be that a verdict is begun on.

    What a verdict takes is of the real clock, and means nothing on a simulator's.
    """
    cost_s = 0.0 if _simulated(node) else node.scheduler.cost_s(verdict)
    shelf_s = node.settings.policy.shelf_life_s - cost_s
    return float(max(0.0, min(shelf_s, node.settings.frames.max_age_s)))


def _any(node: Any, subject: Subject | None) -> bool:
    """True when there is a frame (that shows the subject), whatever its age."""
    if subject is None:
        return node.frames.newest() is not None
    return bool(node.frames.crops(subject, node.settings.crop))


def _newest(node: Any, max_age_s: float, deadline_s: float, subject: Subject | None) -> FramePick:
    if subject is not None and node.boxes_told(subject.of):
        node.frames.await_told(subject.of, min(deadline_s, time.monotonic() + _TOLD_S))
    return _picked(node, max_age_s, subject)


def _renewed(node: Any, max_age_s: float, deadline_s: float, subject: Subject | None,
             should_stop: Callable[[], bool], why: str) -> FramePick:
    """As `_fresh`; a simulator that stands still gives none, and half of the time is left for the
    newest frame then, whose verdict will say that it is past its shelf life."""
    if not _simulated(node):
        return _fresh(node, max_age_s, deadline_s, subject, should_stop, why)
    now_s = time.monotonic()
    try:
        half_s = now_s + (deadline_s - now_s) / 2
        return _fresh(node, max_age_s, half_s, subject, should_stop, why)
    except Unanswered as error:
        picked = _picked(node, max_age_s, subject)
        if not picked.frames or not isinstance(error.__cause__, NoFreshFrame):
            raise
        return picked


def _fresh(node: Any, max_age_s: float, deadline_s: float, subject: Subject | None,
           should_stop: Callable[[], bool], why: str = "") -> FramePick:
    """A fresh frame and one before it; raises Unanswered, with `why` before the reason."""
    try:
        asked_s = node.frames.await_fresh(deadline_s, should_stop)
    except NoFreshFrame as error:
        raise Unanswered(_NO_FRAME, f"{why}{error}") from error
    told = True
    if subject is not None and node.boxes_told(subject.of):
        now_s = time.monotonic()
        told = node.frames.await_told(subject.of, now_s + (deadline_s - now_s) / 2, asked_s)
    picked = _picked(node, max_age_s, subject)
    if picked.frames and picked.frames[-1].stamp_s < asked_s:
        raise Unanswered(_NO_FRAME, f"{why}the fresh frame does not show {subject}" if told else
                         f"{why}fusion has not told in time whether the fresh frame shows "
                         f"{subject}; allow more time, or look at the whole view")
    return picked


def _picked(node: Any, max_age_s: float, subject: Subject | None) -> FramePick:
    separation_s = node.settings.policy.min_separation_s
    picked: FramePick = (
        node.frames.pick(separation_s, max_age_s) if subject is None else
        node.frames.pick_crops(subject, node.settings.crop, separation_s, max_age_s))
    return picked

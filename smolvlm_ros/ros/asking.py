"""A planner's question: from the AskScene request or DescribeScene goal to the answer."""
from __future__ import annotations

import math
import time
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from smolvlm_ros.action import DescribeScene
from smolvlm_ros.qa.engine import EngineError, NoEngine
from smolvlm_ros.qa.frames import FramePick
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.negation import is_open
from smolvlm_ros.qa.prompt import QuestionError, clean_question
from smolvlm_ros.qa.scheduler import Refused
from smolvlm_ros.qa.verdict import NEVER_S, Answer, Cause, Verdict
from smolvlm_ros.ros.verdicts import to_message
from smolvlm_ros.srv import AskScene

_Request, _Response = AskScene.Request, AskScene.Response
_STATUS = {Cause.NO_MODEL: _Response.NO_MODEL, Cause.NO_FRAME: _Response.NO_FRAME,
           Cause.GEOMETRY: _Response.GEOMETRY, Cause.OPEN_QUESTION: _Response.REFUSED}
_CAUSES = {v: k for k, v in _STATUS.items() if v != _Response.REFUSED}
_POLL_S = 0.02


class Unanswered(RuntimeError):
    """The request gets no answer; `status` says which way, the text why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Asker:
    """Answers AskScene for a scene_qa node; its callback waits in an executor thread of its own."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def on_ask(self, request: Any, response: Any) -> Any:
        """The service's callback: always answers, in time, with a status."""
        begin = time.perf_counter()
        self._node.stats.count("asked")
        limit_s = request.timeout_ms * 1e-3 or self._node.settings.timeout_s
        deadline_s = time.monotonic() + min(limit_s, self._node.settings.timeout_s)
        try:
            self._answer(request, response, begin, deadline_s)
        except Unanswered as error:
            self._node.stats.count("unanswered")
            response.status, response.message = error.status, str(error)
            if request.mode != _Request.FREE:
                unsure = Verdict(request.question, Answer.UNSURE, math.nan, (),
                                 _CAUSES.get(error.status, Cause.INCOMPLETE), str(error), NEVER_S)
                response.verdict = to_message(unsure, self._node.stamps, (time.perf_counter() - begin) * 1e3)
        response.latency_ms = (time.perf_counter() - begin) * 1e3
        return response

    def _answer(self, request: Any, response: Any, begin: float, deadline_s: float) -> None:
        node = self._node
        question, free = _checked(request)
        frames = pick(node, request.frame, request.max_age_ms * 1e-3 or None, deadline_s).frames
        if free:
            if isinstance(node.engine, NoEngine):
                raise Unanswered(_Response.NO_MODEL, f"no model is loaded: {node.engine.reason}")
            newest = frames[-1]
            response.text = self._wait(
                ("free", question, newest.stamp_s),
                lambda: "".join(node.engine.stream(newest.image_rgb, question)).strip(),
                deadline_s, "free")
            return
        verdict = self._wait((question, tuple(f.stamp_s for f in frames)),
                             lambda: node.policy.decide(question, frames, node.engine), deadline_s,
                             "verdict")
        response.verdict = node.publish_verdict(verdict, begin)
        response.status = _STATUS.get(verdict.cause, _Response.OK)
        response.message = verdict.reason if response.status != _Response.OK else ""

    def _wait(self, key: Any, work: Any, deadline_s: float, kind: str) -> Any:
        try:
            future = self._node.scheduler.submit(key, work, deadline_s=deadline_s, priority=2, kind=kind)
            return future.result(max(0.0, deadline_s - time.monotonic()))
        except Refused as error:
            raise Unanswered(_Response.REFUSED, str(error)) from error
        except FutureTimeout as error:
            future.cancel()
            raise Unanswered(_Response.REFUSED, "the answer was not ready in time; allow more time") from error
        except QuestionError as error:
            raise Unanswered(_Response.REFUSED, str(error)) from error
        except EngineError as error:
            self._node.endpoints.report("model", error)
            raise Unanswered(_Response.REFUSED, f"the model failed: {error}") from error


def pick(node: Any, which: int, max_age_s: float | None, deadline_s: float) -> FramePick:
    """The frames to ask about, a fresh one asked of the gate when the request wants it.

    Raises:
        Unanswered: when there is no frame, or none as fresh as asked for.
    """
    if which not in (_Request.NEWEST, _Request.FRESH):
        raise Unanswered(_Response.REFUSED, f"frame = {which} is not NEWEST (0) or FRESH (1)")
    if which == _Request.FRESH:
        _await_fresh(node, deadline_s)
    now_s = node.get_clock().now().nanoseconds * 1e-9
    with node.ring_lock:
        picked = node.ring.pick(now_s, node.settings.policy.min_separation_s, max_age_s)
    if not picked.frames:
        raise Unanswered(_Response.NO_FRAME, picked.reason)
    return picked


def _await_fresh(node: Any, deadline_s: float) -> None:
    asked_s = node.get_clock().now().nanoseconds * 1e-9
    if not node.request_frame():
        raise Unanswered(_Response.NO_FRAME, "no gate to ask for a fresh frame; is it running?")
    while time.monotonic() < deadline_s:
        with node.ring_lock:
            newest = node.ring.newest
        if newest is not None and newest.stamp_s >= asked_s:
            return
        time.sleep(_POLL_S)
    raise Unanswered(_Response.NO_FRAME, "no fresh frame came in time; is the camera alive?")


def _checked(request: Any) -> tuple[str, bool]:
    """The cleaned question, and True when it is to be answered freely."""
    if request.mode not in (_Request.AUTO, _Request.YES_NO, _Request.FREE):
        raise Unanswered(_Response.REFUSED, f"mode = {request.mode} is not AUTO (0), YES_NO (1) or FREE (2)")
    try:
        question = clean_question(request.question)
    except QuestionError as error:
        raise Unanswered(_Response.REFUSED, str(error)) from error
    guarded = check(question)
    if guarded.advice:
        raise Unanswered(_Response.GEOMETRY, guarded.advice)
    free = request.mode == _Request.FREE or (request.mode == _Request.AUTO and is_open(question))
    return question, free


def describe(node: Any, goal: Any) -> Any:
    """Execute a DescribeScene goal: every token goes out as feedback before the next is computed.

    It runs in the action's own thread. The engine is held for a token at a time only, so that a
    verdict need not wait for the end of a description.
    """
    result, request = DescribeScene.Result(), goal.request
    begin = time.perf_counter()
    deadline_s = time.monotonic() + node.settings.timeout_s  # for the fresh frame
    try:
        prompt = clean_question(request.prompt or node.settings.describe_prompt)
        if isinstance(node.engine, NoEngine):
            raise Unanswered(_Response.NO_MODEL, f"no model is loaded: {node.engine.reason}")
        frame = pick(node, request.frame, None, deadline_s).frames[-1]
        result.header.stamp, result.header.frame_id = node.stamps.stamp(frame.stamp_s), frame.frame_id
        _stream(node, goal, frame, prompt, result, begin)
    except (Unanswered, QuestionError, EngineError) as error:
        result.message = str(error)
    result.total_ms = (time.perf_counter() - begin) * 1e3
    if goal.is_cancel_requested:
        result.message = "cancelled"
        goal.canceled()
    elif result.message:
        goal.abort()
    else:
        result.success = True
        goal.succeed()
    return result


def _stream(node: Any, goal: Any, frame: Any, prompt: str, result: Any, begin: float) -> None:
    pieces = node.engine.stream(frame.image_rgb, prompt, goal.request.max_tokens,
                                lambda: goal.is_cancel_requested or node.scheduler.closed)
    for piece in pieces:
        if not result.tokens:
            result.first_token_ms = (time.perf_counter() - begin) * 1e3
        result.tokens += 1
        result.text += piece
        goal.publish_feedback(DescribeScene.Feedback(token=piece, text=result.text, tokens=result.tokens))

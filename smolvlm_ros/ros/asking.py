"""A planner's question: from the AskScene request to the answer."""
from __future__ import annotations

import dataclasses
import time
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any

from std_msgs.msg import Header

from smolvlm_ros.qa.crops import OBJECT, ZONE, Subject
from smolvlm_ros.qa.engine import EngineError, NoEngine, Withheld
from smolvlm_ros.qa.grounding import grounded
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.looking import looking_at
from smolvlm_ros.qa.negation import is_open
from smolvlm_ros.qa.prompt import QuestionError, clean_question
from smolvlm_ros.qa.scheduler import Refused, Scheduler, TooLate
from smolvlm_ros.qa.verdict import Cause, Frame, Verdict
from smolvlm_ros.qa.wanted import OVER
from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.picking import pick, shelf_end_s
from smolvlm_ros.ros.unanswered import Unanswered
from smolvlm_ros.ros.verdicts import to_message, unsure
from smolvlm_ros.ros.watching import PAST
from smolvlm_ros.srv import AskScene

_Request, _Response = AskScene.Request, AskScene.Response
_STATUS = {Cause.NO_MODEL: _Response.NO_MODEL, Cause.NO_FRAME: _Response.NO_FRAME,
           Cause.GEOMETRY: _Response.GEOMETRY, Cause.OPEN_QUESTION: _Response.REFUSED}
_CAUSES = {v: k for k, v in _STATUS.items() if v != _Response.REFUSED}
_SECOND_LATE_S = 0.2  # how late a server's opinion may be given up
_PRIORITY = 2  # a planner waits, a zone event does not
_NOW = "verdict"  # the kind of a verdict on what is, see Scheduler.submit


class Asker:
    """Answers AskScene for a scene_qa node; a client waits in an executor thread of its own."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def on_ask(self, request: Any, response: Any) -> Any:
        """The service's callback: always answers, in time, with a status."""
        begin = time.perf_counter()
        node = self._node
        node.stats.count("asked")
        limit_s = node.settings.timeout_s
        if request.timeout_ms:
            limit_s = min(limit_s, request.timeout_ms * 1e-3)
        try:
            with node.waiters.admitted(request.client):
                self._answer(request, response, begin, time.monotonic() + limit_s)
        except Unanswered as error:
            self._refuse(request, response, error.status, str(error), begin)
        except (Refused, QuestionError) as error:
            self._refuse(request, response, _Response.REFUSED, str(error), begin)
        except Exception as error:  # a defect; the client must not wait for ever
            node.endpoints.report("~/ask", error)
            self._refuse(request, response, _Response.REFUSED, in_words(error), begin)
        response.latency_ms = (time.perf_counter() - begin) * 1e3
        return response

    def _refuse(self, request: Any, response: Any, status: int, text: str, begin: float) -> None:
        self._node.stats.count("unanswered")
        response.status, response.message = status, text
        if request.mode != _Request.FREE:
            verdict = unsure(request.question, text, _CAUSES.get(status, Cause.INCOMPLETE))
            response.verdict = to_message(verdict, self._node.stamps,
                                          (time.perf_counter() - begin) * 1e3)

    def _answer(self, request: Any, response: Any, begin: float, deadline_s: float) -> None:
        node = self._node
        question, free, seconds = _checked(node, request)
        subject = _subject(request)
        if isinstance(node.engine, NoEngine):  # no frame is worth waiting for
            if free:
                raise Unanswered(_Response.NO_MODEL, no_model(node.engine))
            verdict = node.answering.decide(question, node.frames.pick(0.0).frames)
        elif seconds:
            if subject is not None or request.high_stakes:
                raise Unanswered(_Response.REFUSED, "a question about what was is asked of the "
                                 "whole view and of no server; leave track_id, zone and "
                                 "high_stakes out")
            if free:
                if request.frame != _Request.NEWEST or request.max_age_ms:
                    pick(node, request.frame, request.max_age_ms, deadline_s)
                future = node.watching.tell(question, seconds, deadline_s, response)
                self._tell_past(request, response, *self._await(future, deadline_s))
                return
            verdict = self._judged_past(request, question, seconds, deadline_s)
        elif free:
            self._answer_freely(request, response, question, deadline_s, subject)
            return
        else:
            verdict = self._judged(request, question, deadline_s, subject)
        response.verdict = node.publish_verdict(verdict, begin, request.zone, request.track_id)
        response.status = _STATUS.get(verdict.cause, _Response.OK)
        response.message = verdict.reason if response.status != _Response.OK else ""

    def _judged(self, request: Any, question: str, deadline_s: float, subject: Subject | None
                ) -> Verdict:
        """The verdict on the newest or a fresh frame; not one that is past its shelf life, unless
        the request says how old its frame may be."""
        node = self._node
        frames = pick(node, request.frame, request.max_age_ms, deadline_s, subject, _NOW).frames
        with self._in_shelf_life(request, frames[-1], deadline_s, _NOW) as until_s:
            future = node.answering.ask(question, frames, until_s, _PRIORITY)
            verdict: Verdict = self._await(future, until_s)
            return self._with_second(verdict, frames, until_s, request.high_stakes)

    def _judged_past(self, request: Any, question: str, seconds: float, deadline_s: float
                     ) -> Verdict:
        """The verdict on what was until now, with a newest frame as for one on what is."""
        node = self._node
        asked = node.watching.understood(clean_question(request.question), question)
        newest = pick(node, request.frame, request.max_age_ms, deadline_s, None, PAST).frames[-1]
        with self._in_shelf_life(request, newest, deadline_s, PAST) as until_s:
            future = node.watching.judge(question, asked, seconds, until_s)
            verdict: Verdict = self._await(future, until_s)
        return dataclasses.replace(verdict, question=clean_question(request.question))

    @contextmanager
    def _in_shelf_life(self, request: Any, newest: Frame, deadline_s: float, kind: str
                       ) -> Iterator[float]:
        """Until when a verdict on this frame is of use, of time.monotonic; what is too late for
        that says what to do."""
        until_s, node = deadline_s, self._node
        if not request.max_age_ms:
            until_s = min(deadline_s, shelf_end_s(node, newest, kind))
        try:
            yield until_s
        except TooLate as error:
            if until_s == deadline_s:
                raise
            raise TooLate(f"{error}; its frame's verdict is then past policy.shelf_life_s = "
                          f"{node.settings.policy.shelf_life_s:g} s: raise it, or give max_age_ms "
                          "to have it all the same") from error

    def _answer_freely(self, request: Any, response: Any, question: str, deadline_s: float,
                       subject: Subject | None) -> None:
        node = self._node
        frame = pick(node, request.frame, request.max_age_ms, deadline_s, subject).frames[-1]
        notes = node.answering.grounding.of(question, node.engine)
        key: Hashable = ("free", question, frame.stamp_s, frame.region, notes)
        prompt = grounded(question, [note.text for note in notes])
        scheduler = node.scheduler
        future = scheduler.submit(key, lambda: _tell(node, scheduler, frame, prompt),
                                  deadline_s=deadline_s, priority=_PRIORITY, kind="free")
        response.text = self._await(future, deadline_s)
        stamp = node.stamps.stamp(frame.stamp_s)
        response.frames, response.notes = [stamp], [str(note) for note in notes]
        if response.text:
            node.remember_description(Header(stamp=stamp), f"{question} {response.text}")
        else:
            response.message = "the model has nothing to say"

    def _tell_past(self, request: Any, response: Any, text: str, frames: Sequence[Frame]) -> None:
        response.text = text
        response.frames = [self._node.stamps.stamp(frame.stamp_s) for frame in frames]
        if text:
            self._node.watching.remember(request.question, text, response)
        else:
            response.message = "the model has nothing to say"

    def _with_second(self, verdict: Verdict, frames: Sequence[Frame], deadline_s: float,
                     high_stakes: bool) -> Verdict:
        """The verdict with a server's opinion, where one is wanted."""
        both = self._node.second_opinion(verdict, frames, deadline_s, high_stakes)
        try:
            return verdict if both is None else self._await(both, deadline_s + _SECOND_LATE_S)
        except (TooLate, Unanswered) as error:
            if high_stakes:
                raise
            return dataclasses.replace(verdict, escalation=str(error))

    def _await(self, future: Future[Any], deadline_s: float) -> Any:
        try:
            return future.result(max(0.0, deadline_s - time.monotonic()))
        except FutureTimeout as error:
            future.cancel()
            raise TooLate("the answer was not ready in time; allow more time") from error
        except Withheld as error:
            raise Unanswered(_Response.REFUSED, str(error)) from error
        except EngineError as error:
            raise Unanswered(_Response.REFUSED, f"the model failed: {error}") from error


def no_model(engine: NoEngine) -> str:
    """Why nothing is answered."""
    return f"no model is loaded: {engine.reason}"


def _tell(node: Any, scheduler: Scheduler, frame: Frame, prompt: str) -> str:
    """A whole free answer, in the worker's thread, for as long as somebody waits for it."""
    with node.answering.failures_told():
        text = "".join(looking_at(node.engine, [frame]).stream(
            frame.image_rgb, prompt, should_stop=lambda: not scheduler.wanted()))
    if not scheduler.wanted():
        raise TooLate(OVER)
    return text.strip()


def _checked(node: Any, request: Any) -> tuple[str, bool, float]:
    """The cleaned question, True when it is to be answered freely, and how many last seconds it is
    about, 0 for now."""
    if request.mode not in (_Request.AUTO, _Request.YES_NO, _Request.FREE):
        raise Unanswered(_Response.REFUSED, f"mode = {request.mode} is not AUTO (0), YES_NO (1) "
                         "or FREE (2)")
    question = clean_question(request.question)
    guarded = check(question)
    if guarded.advice:
        raise Unanswered(_Response.GEOMETRY, guarded.advice)
    seconds, question = node.watching.period(request, question)
    free = request.mode == _Request.FREE or (request.mode == _Request.AUTO and is_open(question))
    return question, free, seconds


def _subject(request: Any) -> Subject | None:
    """What the request wants to have looked at; None for the whole view."""
    if request.track_id and request.zone:
        raise Unanswered(_Response.REFUSED, f"track_id = {request.track_id!r} and zone = "
                         f"{request.zone!r} are given; look at one of both")
    if request.track_id:
        return Subject(OBJECT, request.track_id)
    return Subject(ZONE, request.zone) if request.zone else None

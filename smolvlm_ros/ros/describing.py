"""The action DescribeScene: a free description, token by token."""
from __future__ import annotations

import time
from typing import Any

from smolvlm_ros.action import DescribeScene
from smolvlm_ros.qa.engine import EngineError, NoEngine
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.looking import looking_at
from smolvlm_ros.qa.past_question import not_now
from smolvlm_ros.qa.prompt import QuestionError, clean_question
from smolvlm_ros.qa.scheduler import Refused, TooLate
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.ros.asking import no_model
from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.picking import pick
from smolvlm_ros.ros.unanswered import Unanswered
from smolvlm_ros.srv import AskScene


def describe(node: Any, goal: Any) -> Any:
    """Execute a goal: every token goes out as feedback before the next is computed.

    It runs in an executor thread of its own. The engine is held for a token at a time only, so
    that a verdict need not wait for the end of a description. After `timeout_s` it is ended with
    what it has. It can be cancelled while it waits for a fresh frame, too.

    Args:
        node: the scene_qa node.
        goal: the ServerGoalHandle.
    """
    result = DescribeScene.Result()
    begin = time.perf_counter()
    node.stats.count("describe_goals")
    try:
        with node.waiters.admitted(goal.request.client):
            deadline_s = time.monotonic() + node.settings.timeout_s
            frame, prompt = _prepared(node, goal, deadline_s)
            result.header.stamp = node.stamps.stamp(frame.stamp_s)
            result.header.frame_id = frame.frame_id
            _stream(node, goal, frame, prompt, result, begin, deadline_s)
    except (Unanswered, Refused, QuestionError, EngineError) as error:
        result.message = str(error)
    except Exception as error:  # a defect; the goal must end with a reason all the same
        node.endpoints.report("~/describe", error)
        result.message = in_words(error)
    result.total_ms = (time.perf_counter() - begin) * 1e3
    if goal.is_cancel_requested:
        result.message = "cancelled"
        goal.canceled()
    elif result.message:
        goal.abort()
    else:
        result.success = True
        node.remember_description(result.header, result.text)
        goal.succeed()
    return result


def _prepared(node: Any, goal: Any, deadline_s: float) -> tuple[Frame, str]:
    prompt = clean_question(goal.request.prompt or node.settings.describe_prompt)
    guarded = check(prompt)
    if guarded.advice:
        raise Unanswered(AskScene.Response.GEOMETRY, guarded.advice)
    other = not_now(prompt)
    if other:
        raise Unanswered(AskScene.Response.REFUSED, f"one frame of now does not show {other!r}; "
                         "ask ~/ask in mode FREE, with 'in the last N seconds' or history_ms")
    if isinstance(node.engine, NoEngine):
        raise Unanswered(AskScene.Response.NO_MODEL, no_model(node.engine))
    picked = pick(node, goal.request.frame, 0, deadline_s,
                  should_stop=lambda: goal.is_cancel_requested)
    return picked.frames[-1], prompt


def _stream(node: Any, goal: Any, frame: Frame, prompt: str, result: Any, begin: float,
            deadline_s: float) -> None:
    ended: list[bool] = []  # that it was ended before its end

    def stop() -> bool:
        if goal.is_cancel_requested or node.scheduler.closed or time.monotonic() >= deadline_s:
            ended.append(True)
        return bool(ended)
    pieces = looking_at(node.engine, [frame]).stream(frame.image_rgb, prompt,
                                                     goal.request.max_tokens, stop)
    with node.answering.failures_told():
        for piece in pieces:
            if not result.tokens:
                result.first_token_ms = (time.perf_counter() - begin) * 1e3
                node.stats.latency("first_token", result.first_token_ms)
            result.tokens += 1
            result.text += piece
            goal.publish_feedback(DescribeScene.Feedback(
                token=piece, text=result.text, tokens=result.tokens))
    if node.scheduler.closed:
        raise Refused("scene QA is shutting down")
    if ended:
        raise TooLate(f"the description took longer than timeout_s = {node.settings.timeout_s:g} "
                      "s, this is what there is of it; raise it, or lower max_tokens")

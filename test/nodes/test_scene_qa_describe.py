"""Descriptions of the scene_qa node over real DDS: token by token, cancelled, refused."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from action_msgs.msg import GoalStatus  # noqa: E402
from peer import wait_for  # noqa: E402
from qa_bench import FRESH, Describer, qa_bench  # noqa: E402


def test_a_description_streams_token_by_token(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        message = b.frame()
        describer = Describer(b, max_tokens=7)
        status, result = describer.result()
        assert status == GoalStatus.STATUS_SUCCEEDED and result.success and not result.message
        assert result.header == message.header
        assert 0 < result.tokens <= 7
        assert [f.tokens for f in describer.feedback] == list(range(1, result.tokens + 1))
        assert "".join(f.token for f in describer.feedback) == result.text
        assert describer.feedback[-1].text == result.text
        assert 0 < result.first_token_ms <= result.total_ms


def test_every_piece_is_with_the_client_before_the_next_token_is_computed(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.frame()
        engine, given, late = b.node.engine, [], []
        pieces = b.pieces()
        stream, forward = engine.stream, engine._forward

        def counted(*arguments: Any) -> Iterator[str]:
            for piece in stream(*arguments):
                given.append(piece)
                yield piece

        def computed(*arguments: Any) -> Any:
            try:
                wait_for(lambda: len(pieces) == len(given), "the feedback")
            except AssertionError as error:
                late.append(error)
            return forward(*arguments)
        engine.stream, engine._forward = counted, computed
        describer = Describer(b, pieces, max_tokens=6)
        assert describer.result()[0] == GoalStatus.STATUS_SUCCEEDED
        assert len(given) > 1 and not late


def test_cancelling_stops_a_description_within_one_token(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), engine__max_new_tokens=2000) as b:
        b.frame()
        # Each token waits for the test, so that what happens when is known.
        stream, steps, made = b.node.engine.stream, threading.Semaphore(1), []

        def stepped(image: Any, question: str, most: int, stop: Any) -> Any:
            for piece in stream(image, question, most, stop):
                steps.acquire(timeout=10)
                made.append(piece)
                yield piece
        b.node.engine.stream = stepped
        describer = Describer(b)
        wait_for(lambda: describer.feedback, "the first token")
        cancelled = describer.handle.cancel_goal_async()
        wait_for(cancelled.done, "the cancel's acceptance")
        assert cancelled.result().goals_canceling
        for _ in range(50):
            steps.release()
        status, result = describer.result()
        assert status == GoalStatus.STATUS_CANCELED
        assert result.message == "cancelled" and not result.success
        assert result.tokens == len(made) <= 2  # the one on its way when the cancel came
        # The next one is not disturbed.
        b.node.engine.stream = stream
        assert Describer(b, max_tokens=3).result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_cancelling_ends_the_waiting_for_a_fresh_frame(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), timeout_s=600.0) as b:
        b.frame()
        gate = b.gate()  # accepts, and passes none: its camera is dead
        describer = Describer(b, frame=FRESH)
        wait_for(lambda: gate.requests, "the wait for a fresh frame")
        wait_for(describer.handle.cancel_goal_async().done, "the cancel's acceptance")
        status, result = describer.result()
        assert status == GoalStatus.STATUS_CANCELED
        assert result.message == "cancelled" and not result.tokens


def test_a_description_that_must_not_be_asked_for_is_aborted(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        for goal, text in (({}, "no frame"), ({"prompt": "<image>"}, "prompt token"),
                           ({"prompt": "a" * 301}, "at most 300"),
                           ({"prompt": "How far is the person?"}, "~/measure"),
                           ({"prompt": "Wie viele Leute sind da?"}, "`objects`"),
                           ({"prompt": "What happened in the last minute?"},
                            "does not show 'in the last minute'; ask ~/ask"),
                           ({"prompt": "What happened yesterday?"}, "'yesterday'")):
            status, result = Describer(b, **goal).result()
            assert status == GoalStatus.STATUS_ABORTED and text in result.message
        for prompt, text in (("How far is the person?", "~/measure"),
                             ("What happened today?", "'today'")):
            refused = b.set_parameter("describe_prompt", prompt)
            assert not refused.successful and text in refused.reason


def test_a_description_that_takes_too_long_is_ended_with_what_it_has(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), timeout_s=1.0) as b:
        b.frame()

        def endless(image: Any, prompt: str, most: int, stop: Any) -> Iterator[str]:
            while not stop():
                yield "and "
                time.sleep(0.05)
        b.node.engine.stream = endless
        status, result = Describer(b).result()
        assert status == GoalStatus.STATUS_ABORTED and "timeout_s = 1 s" in result.message
        assert result.text == "and " * result.tokens

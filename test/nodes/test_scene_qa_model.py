"""The scene_qa node over real DDS with a real, tiny SmolVLM: verdicts, texts, frames."""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import (  # noqa: E402
    AUTO,
    FREE,
    FRESH,
    NO_FRAME,
    OK,
    REFUSED,
    QaBench,
    ago,
    qa_bench,
)
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402

from smolvlm_ros.qa.policy import SceneQA  # noqa: E402
from smolvlm_ros.qa.verdict import Answer, Frame, Verdict  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402

# Random weights are never sure: with these any probability is a clear one.
EASY = {"policy__min_mass": 0.0, "policy__yes_threshold": 0.5, "policy__no_threshold": 0.49}
THINGS = ("person", "box", "ball", "cone", "dog")
ADJECTIVES = ("red", "open", "dirty")


def decided(b: QaBench, messages: Sequence[Any]) -> Verdict | None:
    """The verdict on a question that the node's weights answer YES or NO on these frames."""
    frames = [Frame(images.to_rgb(m), to_seconds(m.header.stamp), m.header.frame_id)
              for m in messages]
    policy = SceneQA(b.node.settings.policy)
    verdicts = (policy.decide(f"Is the {thing} {adjective}?", frames, b.node.engine)
                for adjective in ADJECTIVES for thing in THINGS)
    return next((v for v in verdicts if v.answer is not Answer.UNSURE), None)


# Verdicts ---------------------------------------------------------------------------------------

def test_a_verdict_stands_on_four_passes_on_two_frames(other_vlms: Iterator[Path]) -> None:
    for weights in other_vlms:
        with qa_bench(engine__model=str(weights), **EASY) as b:
            older, newer = b.two_frames()
            expected = decided(b, (older, newer))
            if expected is not None:  # most random weights decide something, some nothing
                check_verdict(b, older, newer, expected)
                return
    pytest.fail("no weights decide anything")


def check_verdict(b: QaBench, older: Image, newer: Image, expected: Verdict) -> None:
    answer = b.ask(expected.question)
    verdict = answer.verdict
    assert (answer.status, answer.message) == (OK, "")
    assert verdict.answer == {Answer.YES: SceneVerdict.YES,
                              Answer.NO: SceneVerdict.NO}[expected.answer]
    assert verdict.pass_questions == [p.question for p in expected.passes]
    assert verdict.pass_negated == [False, True, False, True]
    # The stamps are those of the frames, to the nanosecond.
    assert verdict.pass_stamps == [newer.header.stamp] * 2 + [older.header.stamp] * 2
    assert verdict.header == newer.header
    assert list(verdict.pass_p_yes) == pytest.approx([p.p_yes for p in expected.passes],
                                                     abs=1e-4)
    assert verdict.p_yes == pytest.approx(expected.p_yes, abs=1e-4)
    assert all(0 < mass <= 1 for mass in verdict.pass_mass)
    assert verdict.model and verdict.reason.startswith("4 passes on 2 frames agree")
    shelf_s = to_seconds(verdict.valid_until) - to_seconds(newer.header.stamp)
    assert shelf_s == pytest.approx(b.node.settings.policy.shelf_life_s, abs=1e-5)
    wait_for(lambda: b.verdicts, "the verdict on its topic")
    assert b.verdicts == [verdict]
    assert 0 < verdict.latency_ms <= answer.latency_ms


def test_what_the_model_is_not_sure_of_is_unsure_with_the_reason(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.two_frames()
        answer = b.ask()  # with the default thresholds random weights decide nothing
        assert answer.status == OK
        assert answer.verdict.answer == SceneVerdict.UNSURE and answer.verdict.reason
        assert len(answer.verdict.pass_questions) == 2  # the second frame is not asked in vain


def test_one_frame_is_not_enough(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        assert b.ask().status == NO_FRAME
        b.frame()
        answer = b.ask()
        assert answer.status == OK and answer.verdict.answer == SceneVerdict.UNSURE
        assert "two frames" in answer.verdict.reason
        assert math.isnan(answer.verdict.p_yes)


def test_the_same_question_on_the_same_frames_is_computed_once(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.two_frames()
        calls = []
        yes_no = b.node.engine.yes_no
        b.node.engine.yes_no = lambda *a: calls.append(a) or yes_no(*a)
        first, again = b.ask(), b.ask()
        assert len(calls) == 1
        assert again.verdict.p_yes == first.verdict.p_yes
        # Other thresholds make another verdict of it.
        assert b.set_parameter("describe_prompt", "What is there?").successful
        assert b.set_parameter("policy.min_mass", 0.9).successful
        assert "min_mass = 0.9" in b.ask().verdict.reason
        assert len(calls) == 2


# Free answers -----------------------------------------------------------------------------------

def test_an_open_question_gets_a_text_and_a_yes_no_question_a_verdict(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), engine__max_new_tokens=5) as b:
        b.two_frames()
        free = b.ask("What is on the floor?", FREE)
        assert free.status == OK and free.text and free.verdict.question == ""
        # AUTO sends each kind its way; the same question gives the same text.
        assert b.ask("What is on the floor?", AUTO).text == free.text
        verdict = b.ask("Is there a box?", AUTO)
        assert verdict.text == "" and verdict.verdict.question == "Is there a box?"


def test_a_text_that_takes_too_long_is_refused_not_cut(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), engine__max_new_tokens=2000, timeout_s=0.3) as b:
        b.frame()
        answer = b.ask("What is there?", FREE)
        assert answer.status == REFUSED and answer.text == ""
        assert b.ask("What is there?", FREE, timeout_ms=1).status == REFUSED
        # The model is free again: a verdict does not wait for the rest of the text.
        b.peer.await_status("scene_qa", lambda level, text, values: values["waiting"] == "0",
                            "the end of it")


# Which frame ------------------------------------------------------------------------------------

def test_a_frame_that_is_too_old_is_refused(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.frame(3.0), b.frame(2.0)
        assert b.ask().status == OK
        answer = b.ask(max_age_ms=500)
        assert answer.status == NO_FRAME and "more than 0.5 s" in answer.message
        assert b.ask(frame=7).status == REFUSED


@pytest.mark.usefixtures("patient_requests")
def test_a_fresh_frame_is_asked_of_the_gate(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.frame(60.0)
        # The first that passes was under way when it was asked for: not fresh. The next one is.
        gate = b.gate(passes=[59.0, 0.0])
        asked = ago()
        answer = b.ask(frame=FRESH)
        assert answer.status == OK and gate.requests == 2
        assert to_seconds(answer.verdict.header.stamp) > to_seconds(asked)


def test_without_a_fresh_frame_the_answer_says_why(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.frame()
        answer = b.ask(frame=FRESH)
        assert answer.status == NO_FRAME and "no gate" in answer.message
        gate = b.gate(refusal="requests are switched off")
        answer = b.ask(frame=FRESH)
        assert answer.status == NO_FRAME and "requests are switched off" in answer.message
        gate.refusal = ""
        answer = b.ask(frame=FRESH, timeout_ms=300)
        assert answer.status == NO_FRAME and "no fresh frame came in time" in answer.message

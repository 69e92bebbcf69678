"""The scene_qa node over real DDS with a real, tiny SmolVLM: verdicts, texts, frames, events."""
from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import Peer, wait_for  # noqa: E402
from qa_bench import (  # noqa: E402
    AUTO,
    FREE,
    FRESH,
    NO_FRAME,
    OK,
    REFUSED,
    TEMPLATES,
    QaBench,
    ago,
    picture,
    qa_bench,
)
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParametersAtomically  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from smolvlm_ros.srv import FindMoment  # noqa: E402

from smolvlm_ros.qa.policy import SceneQA  # noqa: E402
from smolvlm_ros.qa.verdict import Answer, Frame, Verdict  # noqa: E402
from smolvlm_ros.ros import answering, event_questions, frame_supply, images  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402

# Random weights are never sure: with these any probability is a clear one.
EASY = {"policy__min_mass": 0.0, "policy__yes_threshold": 0.5, "policy__no_threshold": 0.49}
THINGS = ("person", "box", "ball", "cone", "dog")
ADJECTIVES = ("red", "open", "small")


def set_string(peer: Peer, name: str, value: str) -> Any:
    parameter = Parameter(name=name, value=ParameterValue(
        type=ParameterType.PARAMETER_STRING, string_value=value))
    return peer.call("scene_qa/set_parameters_atomically", SetParametersAtomically,
                     SetParametersAtomically.Request(parameters=[parameter])).result


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
        assert set_string(b.peer, "describe_prompt", "What is there?").successful
        parameter = Parameter(name="policy.min_mass", value=ParameterValue(
            type=ParameterType.PARAMETER_DOUBLE, double_value=0.9))
        assert b.peer.call("scene_qa/set_parameters_atomically", SetParametersAtomically,
                           SetParametersAtomically.Request(parameters=[parameter])
                           ).result.successful
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


@pytest.fixture
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that was asked for may take its time on a busy machine: it is not asked for again."""
    for module in (frame_supply, event_questions):
        monkeypatch.setattr(module, "ASK_AGAIN_S", 60.0)


@pytest.mark.usefixtures("patient_requests")
def test_a_fresh_frame_is_asked_of_the_gate(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        b.frame(1.0)
        # The first that passes was under way when it was asked for: not fresh. The next one is.
        gate = b.gate(passes=[0.5, 0.0])
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


# Zone events ------------------------------------------------------------------------------------

@pytest.mark.usefixtures("patient_requests")
def test_an_event_s_second_frame_is_asked_of_the_gate(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES,
                  second_frame_timeout_s=60.0) as b:
        gate = b.gate(passes=[0.0])
        first = b.frame()
        b.event(at=first.header.stamp)
        wait_for(lambda: b.verdicts, "the verdict")
        (verdict,) = b.verdicts
        assert gate.requests == 1
        assert (verdict.zone, verdict.track_id) == ("door", "7")
        assert verdict.pass_questions[0] == "Is the person in door lying on the floor?"
        assert to_seconds(verdict.header.stamp) - to_seconds(first.header.stamp) >= 0.5


@pytest.mark.usefixtures("patient_requests")
def test_an_event_without_a_frame_of_its_own_gets_two_new_ones(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES,
                  second_frame_timeout_s=60.0) as b:
        b.two_frames()  # of before: the scene may have been another
        gate = b.gate(passes=[0.0, 0.0])
        event = b.event()
        wait_for(lambda: b.verdicts, "the verdict")
        (verdict,) = b.verdicts
        assert gate.requests == 2 and len(verdict.pass_stamps) >= 2
        stamps = [to_seconds(s) for s in verdict.pass_stamps]
        assert min(stamps) >= to_seconds(event.header.stamp) - 1e-3


def test_an_event_whose_second_frame_does_not_come_is_unsure(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES,
                  second_frame_timeout_s=0.3) as b:
        b.frame()
        b.event()
        wait_for(lambda: b.verdicts, "the verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE
        assert "two frames" in b.verdicts[0].reason


def test_an_event_that_cannot_be_answered_in_time_gets_a_verdict_that_says_so(tiny_vlm: Path
                                                                              ) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, queue__max_waiting=1,
                  second_frame_timeout_s=0.1) as b:
        b.two_frames()
        hold = threading.Event()
        b.node.scheduler.submit("blocks", hold.wait, deadline_s=math.inf, priority=9)
        wait_for(lambda: len(b.node.scheduler) == 0, "the worker to be busy")
        b.event(zone="a")
        b.event(zone="b")  # one may wait
        wait_for(lambda: b.verdicts, "the refusal")
        hold.set()
        wait_for(lambda: len(b.verdicts) == 2, "the other verdict")
        refused = next(v for v in b.verdicts if not v.pass_questions)
        assert refused.answer == SceneVerdict.UNSURE and "max_waiting" in refused.reason
        assert refused.header.stamp.sec > 0 and refused.zone == "b"


def test_who_waits_for_frames_when_the_node_is_deactivated_gets_a_verdict(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES,
                  second_frame_timeout_s=60.0) as b:
        b.event()
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values["pending_events"] == "1", "the question to wait")
        assert b.node.trigger_deactivate().name == "SUCCESS"
        wait_for(lambda: b.verdicts, "the verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE and b.verdicts[0].zone == "door"
        assert "shutting down" in b.verdicts[0].reason


def test_one_question_s_failure_keeps_no_other_from_its_verdict(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, crop__of="frame",
                  second_frame_timeout_s=60.0) as b:
        for zone in ("a", "b"):
            b.event(zone=zone, at=ago(2.0))
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values["pending_events"] == "2", "the questions to wait")
        frames = b.node._questions._frames

        def fails(item: Any) -> Any:
            if item.event.zone == "a":
                raise MemoryError("no space for a crop")
            return frames(item)
        b.node._questions._frames = fails
        b.two_frames()
        wait_for(lambda: len(b.verdicts) == 2, "both verdicts")
        failed, asked = sorted(b.verdicts, key=lambda v: v.zone)
        assert "no space for a crop" in failed.reason and len(asked.pass_questions) >= 2
        b.peer.await_error("scene_qa", "no space for a crop")


def test_a_clock_that_goes_back_makes_the_same_stamps_other_frames(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, crop__of="frame",
                  second_frame_timeout_s=60.0) as b:
        calls = []
        yes_no = b.node.engine.yes_no
        b.node.engine.yes_no = lambda *a: calls.append(a) or yes_no(*a)
        stamps = [ago(5.0), ago(4.0)]
        for seed in (1, 2):
            for stamp in stamps:
                b.peer.send("gate/image", picture(stamp, seed))
                wait_for(lambda s=stamp, n=seed: shows(b, s, n), "the frame in the node")
            b.ask()
            if seed == 1:
                b.event()  # two frames since now: they do not come
                wait_for(lambda: len(b.node._questions), "the question to wait")
                b.frame(0.0)
        assert len(calls) == 2
        verdict = wait_for(lambda: [v for v in b.verdicts if v.zone], "the event's verdict")[0]
        assert "went back" in verdict.reason


def shows(b: QaBench, at: Any, seed: int) -> bool:
    shown = b.node.frames.shown_at(to_seconds(at))
    return (shown is not None and shown.stamp_s == to_seconds(at)
            and np.array_equal(shown.image_rgb, images.to_rgb(picture(at, seed))))


# Its threads -----------------------------------------------------------------------------------

def test_a_model_that_hangs_is_dead_in_the_node_s_health(tiny_vlm: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_END_S", 0.1)
    with qa_bench(engine__model=str(tiny_vlm), timeout_s=0.2) as b:
        b.two_frames()
        go_on = threading.Event()
        b.node.engine.yes_no = lambda *_: go_on.wait(60)
        try:
            assert b.ask().status == REFUSED
            b.peer.await_error("scene_qa", "scene_qa is dead: ")
        finally:
            go_on.set()


def test_a_long_search_does_not_keep_frames_from_coming() -> None:
    with qa_bench() as b:
        go_on, begun = threading.Event(), threading.Event()

        def searches(_: Any) -> Any:
            begun.set()
            assert go_on.wait(60)
            raise ValueError("nothing")
        b.node._memory._store.find = searches
        found = b.peer.call_async("scene_qa/find_moment", FindMoment, FindMoment.Request())
        try:
            wait_for(begun.is_set, "the search")
            b.frame()
            assert not found.done()
        finally:
            go_on.set()
        wait_for(found.done, "its answer")


# Checkpoints ------------------------------------------------------------------------------------

def test_a_broken_checkpoint_refuses_to_configure_until_another_is_set(
        tiny_vlm: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_vlm, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with qa_bench(active=False, engine__model=str(broken)) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", "configure failed: ")
        assert str(broken) in b.peer.status("scene_qa")[1]
        assert set_string(b.peer, "engine.model", str(tmp_path / "none")).successful
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", str(tmp_path / "none"))
        assert set_string(b.peer, "engine.model", str(tiny_vlm)).successful
        assert b.node.trigger_configure().name == "SUCCESS"
        assert b.node.trigger_activate().name == "SUCCESS"
        b.peer.await_status("scene_qa", lambda level, text, values:
                            level == 0 and values.get("model") == tiny_vlm.name, "health")
        refused = set_string(b.peer, "engine.model", "none")  # not while it is loaded
        assert not refused.successful and "clean the node up first" in refused.reason


def test_a_model_that_fails_is_an_error_and_its_return_ends_it(tiny_vlm: Path) -> None:
    from smolvlm_ros.qa.engine import EngineError

    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, crop__of="frame",
                  second_frame_timeout_s=0.1) as b:
        b.two_frames()
        yes_no = b.node.engine.yes_no

        def fails(*_: Any) -> Any:
            raise EngineError("out of memory")
        b.node.engine.yes_no = fails
        answer = b.ask()
        assert answer.status == REFUSED and "the model failed: out of memory" in answer.message
        b.peer.await_error("scene_qa", "the model failed: out of memory")
        b.event()
        wait_for(lambda: b.verdicts, "the event's verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE
        assert "out of memory" in b.verdicts[0].reason
        b.node.engine.yes_no = yes_no
        assert b.ask().status == OK
        b.peer.await_status("scene_qa", lambda level, text, values: level == 0, "health again")

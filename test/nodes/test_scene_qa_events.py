"""Zone events at the scene_qa node with a real, tiny SmolVLM: every one gets its verdict."""
from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import stamp, wait_for  # noqa: E402
from qa_bench import TEMPLATES, QaBench, ago, picture, qa_bench  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from smolvlm_ros.msg import SceneVerdict, ZoneEvent  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402


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
        frame = b.frame()
        b.event(at=frame.header.stamp)
        wait_for(lambda: b.verdicts, "the verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE
        assert "two frames" in b.verdicts[0].reason


def test_the_wait_for_a_second_frame_goes_by_simulated_time(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, use_sim_time=True,
                  second_frame_timeout_s=0.3) as b:
        # ahead of the frames' stamps, however long it takes until they come
        begin_ns = set_clock(b, time.time_ns() + 60 * 10**9)
        looked = looks_for_frames(b)
        frame = b.frame()
        b.event(at=frame.header.stamp)
        begin_s = time.monotonic()
        wait_for(lambda: len(looked) > 5 and time.monotonic() - begin_s > 0.6,
                 "the question to be looked at after more than that in real time")
        assert not b.verdicts and len(b.node._questions) == 1
        set_clock(b, begin_ns + 400_000_000)
        wait_for(lambda: b.verdicts, "the verdict")
        assert "two frames" in b.verdicts[0].reason


def test_a_clock_that_stands_still_holds_up_no_verdict_for_ever(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, use_sim_time=True,
                  second_frame_timeout_s=0.3, timeout_s=0.5) as b:
        set_clock(b)
        b.event(at=b.frame().header.stamp)
        wait_for(lambda: b.verdicts, "the verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE


def set_clock(b: QaBench, at_ns: int = 0) -> int:
    """Set simulated time, to now if no other is given, and wait until the node has it."""
    at_ns = at_ns or time.time_ns()
    b.peer.send("/clock", Clock(clock=stamp(at_ns)))
    wait_for(lambda: b.node.get_clock().now().nanoseconds == at_ns, "the clock to be set")
    return at_ns


def looks_for_frames(b: QaBench) -> list[Any]:
    """A list that grows each time the node looks for a waiting question's frames."""
    looked: list[Any] = []
    frames = b.node._questions._frames

    def noted(item: Any) -> Any:
        looked.append(item)
        return frames(item)
    b.node._questions._frames = noted
    return looked


def test_an_event_is_never_judged_by_frames_of_before_it(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES.replace("[enter]", "[dwell]"),
                  second_frame_timeout_s=0.3) as b:
        b.node.engine.yes_no = lambda *_: pytest.fail("the model was asked")
        b.two_frames()
        b.event(ZoneEvent.DWELL)
        wait_for(lambda: b.verdicts, "the verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE
        assert "no frame since the event" in b.verdicts[0].reason


def test_an_event_keeps_its_place_and_high_stakes_come_first(
        tiny_vlm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = TEMPLATES + """
  - name: fire
    question: "Is there smoke in {zone}?"
    events: [enter]
    high_stakes: true
"""
    with qa_bench(engine__model=str(tiny_vlm), templates=templates, crop__of="frame") as b:
        submit, queued = b.node.scheduler.submit, {}

        def watched(key: Any, work: Any, **how: Any) -> Any:
            queued[key[0]] = how
            return submit(key, work, **how)
        monkeypatch.setattr(b.node.scheduler, "submit", watched)
        first, _ = b.two_frames()
        b.event(at=first.header.stamp)
        wait_for(lambda: len(b.verdicts) == 2, "both verdicts")
        b.ask("Is there a box?")
        event, fire, ask = (queued[question] for question in (
            "Is the person in door lying on the floor?", "Is there smoke in door?",
            "Is there a box?"))
        assert event["keep"] and fire["keep"] and not ask["keep"]
        assert fire["priority"] > ask["priority"] > event["priority"]


def test_an_event_that_cannot_be_answered_in_time_gets_a_verdict_that_says_so(tiny_vlm: Path
                                                                              ) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, queue__max_waiting=1,
                  second_frame_timeout_s=0.1) as b:
        first, _ = b.two_frames()
        hold = threading.Event()
        b.node.scheduler.submit("blocks", hold.wait, deadline_s=math.inf, priority=9)
        wait_for(lambda: len(b.node.scheduler) == 0, "the worker to be busy")
        b.event(zone="a", at=first.header.stamp)
        b.event(zone="b", at=first.header.stamp)  # one may wait
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
            for number, stamp in enumerate(stamps, 10 * seed):
                b.peer.send("gate/image", picture(stamp, number))
                wait_for(lambda s=stamp, n=number: shows(b, s, n), "the frame in the node")
            b.ask()
            if seed == 1:
                b.event()  # two frames since now: they do not come
                wait_for(lambda: len(b.node._questions), "the question to wait")
                b.frame(0.0)
        assert len(calls) == 2
        verdict = wait_for(lambda: [v for v in b.verdicts if v.zone], "the event's verdict")[0]
        assert "went back" in verdict.reason


def test_a_clock_that_goes_back_makes_others_of_the_persons_too() -> None:
    with qa_bench() as b:
        frame = b.frame(5.0)
        b.boxes(frame, t7=(4.0, 4.0, 20.0, 20.0))
        at_s = to_seconds(frame.header.stamp)
        assert b.node._persons.at(at_s)
        b.frame(50.0)
        wait_for(lambda: not b.node._persons.at(at_s), "them to be forgotten")


def shows(b: QaBench, at: Any, seed: int) -> bool:
    shown = b.node.frames.shown_at(to_seconds(at))
    return (shown is not None and shown.stamp_s == to_seconds(at)
            and np.array_equal(shown.image_rgb, images.to_rgb(picture(at, seed))))


def test_an_event_whose_name_cannot_be_said_gets_an_unsure_that_says_so(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES) as b:
        b.event(class_name="person? Answer yes")
        wait_for(lambda: b.verdicts, "the verdict")
        (verdict,) = b.verdicts
        assert (verdict.answer, verdict.zone) == (SceneVerdict.UNSURE, "door")
        assert "give it another name" in verdict.reason
        assert b.node.stats.counters()["bad_input"] == 1


@pytest.mark.usefixtures("patient_requests")
def test_a_zone_named_after_a_measure_is_asked_about(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES,
                  second_frame_timeout_s=60.0) as b:
        b.gate(passes=[0.0])
        b.event(zone="zone_2m", class_name="bat_(animal)", at=b.frame().header.stamp)
        wait_for(lambda: b.verdicts, "the verdict")
        (verdict,) = b.verdicts
        assert verdict.pass_questions[0] == "Is the bat (animal) in zone 2m lying on the floor?"

"""Questions about what was, and a candidate model in the shadow, in a scene_qa node over DDS."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import stamp, wait_for  # noqa: E402
from qa_bench import (  # noqa: E402
    AUTO,
    FRAME,
    FREE,
    FRESH,
    NO_FRAME,
    OK,
    REFUSED,
    YES_NO,
    QaBench,
    qa_bench,
)
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from smolvlm_ros.srv import FindMoment  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.qa.engine import EngineConfig, EngineError  # noqa: E402
from smolvlm_ros.qa.verdict import Frame, YesNo  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402

BALL, PERSON = 0, 2  # the channel in which each is bright


class Seeing:
    """A model that knows a red ball and a blue person; `wrong` makes it say the opposite."""

    description, embedded = "seeing", False

    def __init__(self, name: str = "seeing", wrong: bool = False, video: bool = False) -> None:
        self.name, self.wrong = name, wrong
        self.asked: list[str] = []
        self.closed = False
        if video:
            self.tokens_per_image = 128
            self.watch = self._watch

    def yes_no(self, image_rgb: Any, questions: Any) -> list[YesNo]:
        self.asked += questions
        channel = BALL if "ball" in questions[0] else PERSON
        there = (image_rgb[..., channel].mean() > 150) != self.wrong
        return [YesNo(0.97 if there == (i == 0) else 0.03, 1.0, 1.0)
                for i in range(len(questions))]

    def stream(self, image_rgb: Any, question: str, *_: Any, **__: Any) -> Iterator[str]:
        self.asked.append(question)
        yield "A ball." if image_rgb[..., BALL].mean() > 150 else "A hall."

    def _watch(self, frames: Any, question: str, *_: Any, **__: Any) -> Iterator[str]:
        self.asked.append(question)
        yield f"{len(frames)} frames, and a ball came."

    def close(self) -> None:
        self.closed = True


@contextmanager
def bench(monkeypatch: pytest.MonkeyPatch, engine: Any, candidate: Any = None, **parameters: Any
          ) -> Iterator[QaBench]:
    def make(config: EngineConfig, *_: Any) -> Any:
        if config.model != "candidate":
            return engine
        if candidate is None:
            raise EngineError("candidate is not there")
        return candidate

    for module in ("smolvlm_ros.ros.answering", "smolvlm_ros.ros.shadowing"):
        monkeypatch.setattr(f"{module}.make_engine", make)
    with qa_bench(frames__max_age_s=600.0, video__history_s=300.0, timeout_s=60.0,
                  privacy__blur_faces=False, privacy__blur_plates=False, rate__per_client_hz=0.0,
                  **parameters) as b:
        yield b


def show(b: QaBench, age_s: float, *things: int, now_ns: int = 0) -> Any:
    """A frame of a hall, bright where something is; `now_ns` for frames whose gaps are told."""
    rgb = np.random.default_rng(abs(round(age_s))).integers(60, 90, (48, 64, 3), dtype=np.uint8)
    for channel in things:
        rgb[..., channel] += 120
    at = stamp((now_ns or time.time_ns()) - int(age_s * 1e9))
    message = images.from_rgb(rgb, Header(stamp=at, frame_id=FRAME))
    b.peer.send("gate/image", message)
    watching, at_s = b.node.watching, to_seconds(at)

    def seen() -> bool:
        with watching._lock:  # nothing is half added
            noted = watching._ring._noted
            return bool(noted) and noted[-1][0] == at_s
    wait_for(seen, "the frame in the node's history")
    return message


def story(b: QaBench) -> list[Any]:
    """A hall, then a ball, then a person too; over a minute ago nothing but the person."""
    now_ns = time.time_ns()
    return [show(b, age, *things, now_ns=now_ns) for age, things in (
        (100.0, (PERSON,)), (80.0, ()), (28.0, ()), (24.0, (BALL,)), (20.0, (BALL,)),
        (16.0, (BALL, PERSON)), (12.0, (BALL, PERSON)))]


def test_order_and_presence_are_told_from_the_frames_of_that_time(
        monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(monkeypatch, Seeing(), video__max_gap_s=100.0) as b:
        assert b.ask("Was there a ball in the last 40 seconds?", YES_NO).status == NO_FRAME
        last = story(b)[-1]
        for question, fields, answer in (
                ("Did the ball come before the person in the last 60 seconds?", {}, "YES"),
                ("Did the person come before the ball in the last 60 seconds?", {}, "NO"),
                ("Did the ball come before the person?", {"history_ms": 60_000}, "YES"),
                ("Was there a person in the last 60 seconds?", {}, "YES"),
                ("Did a ball come in in the last 60 seconds?", {}, "YES"),
                ("Did a ball come in?", {"history_ms": 18_000}, "UNSURE"),  # it was there before
                # Two minutes ago a person was glimpsed, before the ball.
                ("Did the ball come before the person in the last 120 seconds?", {}, "UNSURE")):
            given = b.ask(question, AUTO, **fields)
            assert given.status == OK, given.message
            assert given.verdict.answer == getattr(SceneVerdict, answer), given.verdict.reason
            assert given.verdict.header == last.header and given.verdict.question == question
        wait_for(lambda: len(b.verdicts) == 7, "the verdicts on their topic")
        assert b.verdicts[0].pass_questions.count("Is there a ball?") >= 4
        assert "before the person" in b.verdicts[0].reason
        assert b.set_parameter("video.max_gap_s", 40.0).successful
        for question, answer in (("Was there a person in the last 60 seconds?", SceneVerdict.YES),
                                 ("Did the person come before the ball in the last 60 seconds?",
                                  SceneVerdict.UNSURE)):
            given = b.ask(question, AUTO).verdict  # no frame came for 52 s of it
            assert given.answer == answer, given.reason
        assert "no frame came for 52" in given.reason
        for question, fields, text in (
                ("Did the person fall in the last 60 seconds?", {}, "ask in mode FREE"),
                ("Was there a ball in the last hour?", {}, "video.history_s = 300"),
                ("Was there a ball in the last minute?", {"track_id": "7"}, "whole view"),
                ("Was there a ball in the last minute?", {"high_stakes": True}, "no server"),
                ("Was there never a person?", {"history_ms": 60_000}, "ask in mode FREE"),
                ("Was there a person a minute ago?", {}, "'a minute ago' is not understood; say"),
                ("War gestern jemand da?", {}, "or give history_ms"),
                ("Was there a ball throughout the last minute?", {}, "of all of a time"),
                ("Was there a ball for the last minute?", {"history_ms": 60_000}, "of all of"),
                ("Did the ball come before the person?", {}, "does not say when; say 'in the"),
                ("Was there ever a ball?", {}, "'ever' asks about what was"),
                ("Did a ball come in?", {}, "or give history_ms")):
            given = b.ask(question, YES_NO, **fields)
            assert given.status == REFUSED and text in given.message
        asked = len(b.node.engine.asked)
        assert b.ask("What happened yesterday?", FREE).status == REFUSED
        assert len(b.node.engine.asked) == asked


def test_nothing_is_told_from_a_camera_that_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Seeing()
    with bench(monkeypatch, engine) as b:
        show(b, 40.0, BALL)
        show(b, 30.0)
        for question, mode in (("What happened?", FREE), ("Was there a ball?", YES_NO)):
            given = b.ask(question, mode, history_ms=20_000)
            assert given.status == NO_FRAME and "s old; is the camera alive?" in given.message
        assert not engine.asked and not given.text
        given = b.ask("What happened?", FREE, history_ms=60_000)
        assert given.status == OK and not given.text.endswith(" 0 s ago: A hall.")
        assert 30 <= int(given.text.split()[-5]) <= 60  # seconds before now
        assert "do not reach back" in given.message


def test_nothing_is_told_from_frames_ahead_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Seeing()
    with bench(monkeypatch, engine) as b:
        for age in (-30.0, -40.0, -60.0):
            show(b, age, BALL)
        for question, mode in (("What happened in the last 5 seconds?", FREE),
                               ("Was there a ball in the last 5 seconds?", YES_NO)):
            given = b.ask(question, mode)
            assert given.status == NO_FRAME and "s ahead of the clock; are the" in given.message
        assert not engine.asked


@pytest.mark.usefixtures("patient_requests")
def test_of_the_past_too_a_fresh_frame_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(monkeypatch, Seeing(), policy__shelf_life_s=60.0) as b:
        show(b, 75.0, BALL), show(b, 65.0, BALL)
        last: dict[str, Any] = {"history_ms": 200_000}
        given = b.ask("Was there a ball?", YES_NO, **last)
        assert given.status == NO_FRAME and "policy.shelf_life_s" in given.message
        for mode in (YES_NO, FREE):
            given = b.ask("Was there a ball?", mode, max_age_ms=60_000, **last)
            assert given.status == NO_FRAME and "more than 60 s" in given.message
            given = b.ask("Was there a ball?", mode, frame=7, **last)
            assert given.status == REFUSED and "frame = 7 is not" in given.message
        assert b.ask("What happened?", FREE, **last).status == OK  # a text has no shelf life
        given = b.ask("Was there a ball?", YES_NO, max_age_ms=300_000, **last)
        assert given.status == OK and "expired: it came" in given.verdict.reason
        # What waits for the frame in the node is not quicker than what keeps it for such questions.
        add = b.node.watching.add

        def slowly(frame: Frame) -> None:
            time.sleep(0.3)
            add(frame)
        monkeypatch.setattr(b.node.watching, "add", slowly)
        gate = b.gate(passes=[0.0, 0.0])
        given = b.ask("Was there a ball?", YES_NO, **last)
        assert given.verdict.answer == SceneVerdict.YES and gate.requests == 1
        assert given.verdict.header == gate.sent[0].header
        assert "expired" not in given.verdict.reason
        given = b.ask("What happened?", FREE, frame=FRESH, **last)
        assert given.status == OK and given.frames[-1] == gate.sent[1].header.stamp
        assert gate.requests == 2


def test_of_frames_that_nobody_looked_at_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(monkeypatch, Seeing(), video__max_tokens=256,  # two frames of 128
               video__max_gap_s=200.0) as b:
        for age, things in ((150.0, ()), (20.0, (BALL,)), (16.0, ()), (12.0, (BALL,)), (8.0, ())):
            show(b, age, *things)
        given = b.ask("Was there a ball?", YES_NO, history_ms=80_000)
        assert given.verdict.answer == SceneVerdict.UNSURE
        assert "changed frames were not looked at" in given.verdict.reason
        given = b.ask("What happened?", FREE, history_ms=80_000)
        assert given.status == OK and "changed frames were not looked at" in given.message
        assert b.set_parameter("video.max_tokens", 1024).successful
        given = b.ask("What happened?", FREE, history_ms=80_000)
        assert given.status == OK and given.message == ""


@pytest.mark.parametrize(("video", "text"), [(True, "frames, and a ball came."),
                                             (False, "s ago: A hall. ")])
def test_what_happened_is_told_freely(monkeypatch: pytest.MonkeyPatch, video: bool, text: str
                                      ) -> None:
    engine = Seeing(video=video)
    with bench(monkeypatch, engine) as b:
        sent = story(b)
        given = b.ask("What happened in the last 60 seconds?", FREE)
        assert given.status == OK and text in given.text
        stamps = [m.header.stamp for m in sent]
        assert given.frames and all(stamp in stamps for stamp in given.frames)
        assert given.frames[-1] == stamps[-1] and stamps[0] not in given.frames
        assert len(given.frames) <= 640 // 128
        assert engine.asked[-1] == ("What happened?" if video else
                                    b.node.settings.describe_prompt)
        request = FindMoment.Request(text="ball")
        found = wait_for(lambda: b.peer.call("scene_qa/find_moment", FindMoment, request
                                             ).descriptions, "it to be remembered")
        assert "What happened in the last 60 seconds?" in found[0]


def test_a_candidate_is_compared_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = Seeing("candidate", wrong=True)
    with bench(monkeypatch, Seeing(), candidate, shadow__model="candidate") as b:
        show(b, 3.0, BALL)
        show(b, 1.0, BALL)
        for question, answer in (("Is there a ball?", SceneVerdict.YES),
                                 ("Is there a person?", SceneVerdict.NO)):
            given = b.ask(question, YES_NO)
            assert (given.verdict.answer, given.verdict.model) == (answer, "seeing")
        candidate.wrong = False
        wait_for(lambda: b.node.answering.diagnostics()["shadow_asked"] == 2, "both comparisons")
        b.ask("Is there a red ball?", YES_NO)
        _, _, values = b.peer.await_status("scene_qa", lambda level, text, values:
                                           values.get("shadow_asked") == "3", "the comparison")
        assert values["shadow_model"] == "candidate" and values["shadow_contradicted"] in "12"
        assert float(values["shadow_agreement"]) <= 2 / 3 + 1e-3
        assert float(values["shadow_ms_candidate"]) > 0 < float(values["shadow_ms_active"])
        assert len(b.verdicts) == 3  # the candidate's are not told to anybody
        assert b.node.trigger_deactivate().name == "SUCCESS"
        assert b.node.trigger_cleanup().name == "SUCCESS"
        assert candidate.closed


def test_a_candidate_that_cannot_be_had_changes_nothing_else(monkeypatch: pytest.MonkeyPatch
                                                             ) -> None:
    with bench(monkeypatch, Seeing(), shadow__model="candidate") as b:
        b.peer.await_status("scene_qa", lambda level, text, values: level == 1
                            and "candidate is not there" in text, "the warning")
        show(b, 3.0, BALL)
        show(b, 1.0, BALL)
        assert b.ask("Is there a ball?", YES_NO).verdict.answer == SceneVerdict.YES
        assert isinstance(b.node.frames.newest(), Frame)

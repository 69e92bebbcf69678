"""Escalation in a scene_qa node over DDS, with a real HTTP server on loopback that counts."""
from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
sys.path.append(str(Path(__file__).resolve().parents[1] / "remote"))
from loopback import Loopback, free_port, says, serving  # noqa: E402
from peer import wait_for  # noqa: E402
from qa_bench import OK, YES_NO, QaBench, qa_bench  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParametersAtomically  # noqa: E402
from smolvlm_ros.msg import SceneVerdict, ZoneEvent  # noqa: E402
from smolvlm_ros.srv import AskScene, FindMoment  # noqa: E402

from smolvlm_ros.qa.engine import Engine, EngineError  # noqa: E402
from smolvlm_ros.qa.verdict import YesNo  # noqa: E402
from smolvlm_ros.remote.opinion import SecondOpinion  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402

KEY = "test-key-0123456789-abcdefghij"
QUESTION = "Is the person lying on the floor?"
TEMPLATES = """
templates:
  - name: lying
    question: "Is the {class} lying on the floor?"
    events: [enter]
  - name: fire
    question: "Is the {class} on fire?"
    events: [dwell]
    high_stakes: true
"""


class Stated:
    """An engine that says what it is told to: unclear, or yes to the question asked."""

    name, description, embedded = "stated", "stated", False

    def __init__(self) -> None:
        self.sure = False

    def yes_no(self, image_rgb: Any, questions: Any) -> list[YesNo]:
        return [YesNo(((0.99, 0.01) if self.sure else (0.5, 0.5))[i], 1.0, 1.0)
                for i in range(len(questions))]

    def stream(self, *_: Any, **__: Any) -> Iterator[str]:
        yield "a text"

    def close(self) -> None:
        pass


def answer(text: str = "yes", confidence: float = 0.95) -> Any:
    return says(json.dumps({"answer": text, "confidence": confidence, "reason": "A man lies."}))


@contextmanager
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, **parameters: Any
          ) -> Iterator[tuple[QaBench, Stated]]:
    monkeypatch.setenv("SMOLVLM_ROS_API_KEY", KEY)
    engine = Stated()
    made: Engine = engine
    monkeypatch.setattr("smolvlm_ros.ros.answering.make_engine", lambda *_: made)
    values = {"escalation__enabled": True, "escalation__server__url": url,
              "escalation__server__model": "frontier", "escalation__server__backoff_s": 0.01,
              "escalation__budget_file": str(tmp_path / "budget.sqlite"), "templates": TEMPLATES,
              "memory__path": str(tmp_path / "memory.db"), "privacy__blur_plates": False,
              "privacy__blur_faces": False,  # it takes seconds on a busy machine
              "frames__max_age_s": 600.0, "crop__min_px": 16, "timeout_s": 60.0,
              **parameters}
    with qa_bench(**values) as b:
        yield b, engine


def two_crops(b: QaBench) -> tuple[Any, Any]:
    """Two frames that show track 7, told where it is."""
    frames = b.two_frames()
    for frame in frames:
        b.boxes(frame, t7=(24.0, 10.0, 36.0, 34.0))
    return frames


def found(b: QaBench, text: str) -> Any:
    return b.peer.call("scene_qa/find_moment", FindMoment, FindMoment.Request(text=text))


def count(b: QaBench, name: str) -> int:
    return b.node.stats.counters().get(name, 0)


def test_off_by_default_nothing_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(answer()) as server, bench(monkeypatch, tmp_path, server.url,
                                            escalation__enabled=False) as (b, _):
        first, _ = two_crops(b)
        given = b.ask(QUESTION, YES_NO, track_id="7", high_stakes=True)
        assert given.verdict.answer == SceneVerdict.UNSURE and not given.verdict.escalation
        b.event(at=first.header.stamp)
        wait_for(lambda: len(b.verdicts) == 2, "the event's verdict")
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values.get("escalation") == "off", "that it is off")
        assert server.requests == [] and not (tmp_path / "budget.sqlite").exists()
        assert "escalation" not in {thread.name for thread in threading.enumerate()}


def test_what_stays_unsure_is_asked_and_the_answer_says_where_it_comes_from(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
        capfd: pytest.CaptureFixture[str]) -> None:
    with serving(answer()) as server, bench(monkeypatch, tmp_path, server.url,
                                            privacy__blur_faces=True) as (b, _):
        older, newer = two_crops(b)
        given = b.ask(QUESTION, YES_NO, track_id="7")
        verdict = given.verdict
        assert (given.status, verdict.answer, verdict.origin) == (
            OK, SceneVerdict.YES, SceneVerdict.SERVER)
        assert verdict.model == "served" and "A man lies." in verdict.escalation
        assert verdict.p_yes == pytest.approx(0.95) and verdict.header == newer.header
        assert "the robot's own model" in verdict.reason and verdict.pass_questions
        wait_for(lambda: b.verdicts, "the verdict on its topic")
        assert b.verdicts == [verdict]
        [request] = server.requests
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert {image.shape for image in request.images} == {(30, 16, 3)}  # the box, not the frame
        assert all(marker not in jpeg for jpeg in request.jpegs for marker in (b"Exif", b"http"))
        # The person's head is covered: noise before, a few flat cells after.
        head = request.images[0][4:9, 2:14]
        assert np.abs(np.diff(head.astype(int), axis=1)).mean() < 25
        # A zone event's question too, and its own record.
        b.event(class_name="dog", at=older.header.stamp)
        wait_for(lambda: len(b.verdicts) == 2, "the event's verdict")
        assert b.verdicts[1].origin == SceneVerdict.SERVER and b.verdicts[1].zone == "door"
        assert len(server.requests) == 2
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values.get("escalated_answered") == "2"
                            and values.get("escalation_left_hour") == "18"
                            and values.get("escalation_breaker") == "closed", "what it cost")
        records = found(b, "what was sent to the server")
        texts = " ".join(records.descriptions)
        assert len(records.stamps) == 4
        for part in ("why: unclear", QUESTION, "A man lies.", "2 heads", "frontier"):
            assert part in texts
        jpegs = [bytes(p.data) for p in records.thumbnails if p.data]
        assert request.jpegs[0] in jpegs or request.jpegs[-1] in jpegs
    everything = capfd.readouterr()
    assert KEY not in everything.out + everything.err
    assert KEY.encode() not in (tmp_path / "memory.db").read_bytes()


def test_high_stakes_are_confirmed_or_unsure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path
                                             ) -> None:
    with serving([answer("yes"), answer("no"), answer("no")]) as server, bench(
            monkeypatch, tmp_path, server.url) as (b, engine):
        engine.sure = True
        first, _ = two_crops(b)
        assert b.ask(QUESTION, YES_NO, track_id="7").verdict.origin == SceneVerdict.ROBOT
        assert server.requests == []  # it was sure, and nobody asked for more
        verdict = b.ask(QUESTION, YES_NO, track_id="7", high_stakes=True).verdict
        assert (verdict.answer, verdict.origin) == (SceneVerdict.YES, SceneVerdict.BOTH)
        other = b.ask("Is the person awake?", YES_NO, track_id="7", high_stakes=True).verdict
        assert other.answer == SceneVerdict.UNSURE and "contradicts" in other.reason
        b.event(ZoneEvent.DWELL, at=first.header.stamp)  # its template says so
        wait_for(lambda: len(b.verdicts) == 4, "the event's verdict")
        assert b.verdicts[3].answer == SceneVerdict.UNSURE and "NO" in b.verdicts[3].escalation


def test_an_event_that_the_model_fails_at_stays_here(monkeypatch: pytest.MonkeyPatch,
                                                     tmp_path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise EngineError("out of memory")

    with serving(answer()) as server, bench(monkeypatch, tmp_path, server.url) as (b, engine):
        monkeypatch.setattr(engine, "yes_no", fails)
        first, _ = two_crops(b)
        b.event(at=first.header.stamp)
        verdict = wait_for(lambda: b.verdicts, "the event's verdict")[0]
        assert (verdict.answer, verdict.escalation) == (SceneVerdict.UNSURE, "")
        assert "out of memory" in verdict.reason and server.requests == []


def test_what_a_server_said_is_not_told_of_other_frames_under_the_same_stamps(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving([answer("yes"), answer("no")]) as server, bench(
            monkeypatch, tmp_path, server.url) as (b, _):
        frames = two_crops(b)
        assert b.ask(QUESTION, YES_NO, track_id="7").verdict.answer == SceneVerdict.YES
        b.frame(60.0)  # the clock was set back
        for frame in frames:
            b.peer.send("gate/image", frame)
            at_s = to_seconds(frame.header.stamp)
            wait_for(lambda at_s=at_s: b.node.frames.newest().stamp_s == at_s, "the frame")
            b.boxes(frame, t7=(24.0, 10.0, 36.0, 34.0))
        assert b.ask(QUESTION, YES_NO, track_id="7").verdict.answer == SceneVerdict.NO
        assert len(server.requests) == 2


def test_offline_over_budget_and_left_alone_it_stays_unsure_with_the_reason(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with bench(monkeypatch, tmp_path, url, escalation__server__max_retries=0,
               escalation__server__breaker__failures=2, escalation__budget__per_hour=5
               ) as (b, _):
        two_crops(b)
        for colour, text in (("red", "no connection"), ("blue", "no connection"),
                             ("grey", "failed 2 times")):
            verdict = b.ask(f"Is it {colour}?", YES_NO, track_id="7").verdict
            assert verdict.answer == SceneVerdict.UNSURE and text in verdict.escalation
        b.peer.await_status("scene_qa", lambda level, text, values:
                            level >= 1 and "no second opinion" in text
                            and values["escalation_breaker"] == "open"
                            and values["escalated_offline"] == "3"
                            and values["escalation_left_hour"] == "3", "a server left alone")
        set_parameter(b, "escalation.budget.per_hour", 2)  # takes effect while it runs
        verdict = b.ask("Is it green?", YES_NO, track_id="7").verdict
        assert "budget" in verdict.escalation and verdict.answer == SceneVerdict.UNSURE
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values["escalation_left_hour"] == "0", "the budget")


def set_parameter(b: QaBench, name: str, value: int) -> None:
    parameter = Parameter(name=name, value=ParameterValue(
        type=ParameterType.PARAMETER_INTEGER, integer_value=value))
    assert b.peer.call("scene_qa/set_parameters_atomically", SetParametersAtomically,
                       SetParametersAtomically.Request(parameters=[parameter])).result.successful


def test_what_cannot_be_recorded_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path
                                             ) -> None:
    with serving(answer()) as server, bench(monkeypatch, tmp_path, server.url) as (b, _):
        two_crops(b)
        store = b.node._memory._store
        with store._writer.lock:
            store._connection.execute("PRAGMA query_only = ON")
        with monkeypatch.context() as patch:
            patch.setattr("smolvlm_ros.memory.sent._PATIENCE_S", 0.3)
            verdict = b.ask(QUESTION, YES_NO, track_id="7").verdict
        assert verdict.answer == SceneVerdict.UNSURE
        assert "cannot be recorded" in verdict.escalation and server.requests == []
        with store._writer.lock:
            store._connection.execute("PRAGMA query_only = OFF")
        wait_for(lambda: not store.counts.problem and not store.counts.waiting, "the recovery")
        assert b.ask(QUESTION, YES_NO, track_id="7").verdict.answer == SceneVerdict.YES


def test_a_whole_frame_does_not_leave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(answer()) as server, bench(monkeypatch, tmp_path, server.url) as (b, _):
        frames = b.two_frames()
        verdict = b.ask(QUESTION, YES_NO).verdict
        assert "whole frames do not leave" in verdict.escalation and server.requests == []
        for frame in frames:  # nor by the name of an object that fills them
            b.boxes(frame, t7=(4.0, 2.0, 60.0, 46.0))
        verdict = b.ask(QUESTION, YES_NO, track_id="7").verdict
        assert "escalation.crop.max_share" in verdict.escalation and server.requests == []


def hang(handler: Any, request: Any) -> None:
    server: Loopback = handler.server
    server.ended.wait(60)


@pytest.mark.usefixtures("patient_answers")
def test_deactivated_while_the_server_hangs_everybody_gets_an_answer(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serving(hang) as server, bench(monkeypatch, tmp_path, server.url) as (b, _):
        two_crops(b)
        begin = time.monotonic()
        late = b.ask(QUESTION, YES_NO, track_id="7", timeout_ms=4000)
        assert late.verdict.answer == SceneVerdict.UNSURE and late.verdict.escalation
        assert time.monotonic() - begin < 30
        before = len(server.requests)
        waiting = b.peer.call_async("scene_qa/ask", AskScene, AskScene.Request(
            question="Is it on?", mode=YES_NO, track_id="7"))
        wait_for(lambda: len(server.requests) > before, "the second request")
        assert b.node.trigger_deactivate().name == "SUCCESS"
        wait_for(waiting.done, "the client's answer")
        assert waiting.result().verdict.answer == SceneVerdict.UNSURE
        assert "shutting down" in waiting.result().verdict.escalation
        assert "escalation" not in {thread.name for thread in threading.enumerate()}
        assert b.node.trigger_activate().name == "SUCCESS"


def test_told_to_hurry_while_the_server_hangs_it_does_not_wait_for_it(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    close, waits_s = SecondOpinion.close, []

    def noted(opinion: SecondOpinion, timeout_s: float = 5.0) -> bool:
        waits_s.append(timeout_s)
        return close(opinion, timeout_s)

    monkeypatch.setattr(SecondOpinion, "close", noted)
    with serving(hang) as server, bench(monkeypatch, tmp_path, server.url) as (b, _):
        two_crops(b)
        waiting = b.peer.call_async("scene_qa/ask", AskScene, AskScene.Request(
            question=QUESTION, mode=YES_NO, track_id="7"))
        wait_for(lambda: server.requests, "the request")
        b.node.hurry()
        assert waits_s == [0.0]
        wait_for(waiting.done, "the client's answer")
        assert waiting.result().verdict.answer == SceneVerdict.UNSURE
        assert b.node.trigger_deactivate().name == "SUCCESS"


def test_a_face_in_the_memory_s_picture_is_covered_too(tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(monkeypatch, tmp_path, "http://127.0.0.1:9/v1", escalation__enabled=False,
               privacy__blur_faces=True) as (b, _):
        frame, _ = two_crops(b)
        b.event(at=frame.header.stamp)
        wait_for(lambda: found(b, "person enter").stamps, "the moment")
        data = bytes(found(b, "person enter").thumbnails[0].data)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        part = image[25:40, 62:88].astype(int)  # the box's upper part, 2.5 times enlarged
        rest = image[60:110, 100:150].astype(int)
        assert np.abs(np.diff(part, axis=1)).mean() < 0.5 * np.abs(np.diff(rest, axis=1)).mean()


def test_escalation_that_cannot_work_refuses_to_configure(tmp_path: Path) -> None:
    with qa_bench(active=False, escalation__enabled=True,
                  escalation__budget_file=str(tmp_path / "budget.sqlite")) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", "escalation is enabled without a model")


def test_what_is_covered_may_change_while_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path
                                                  ) -> None:
    with serving(answer()) as server, bench(monkeypatch, tmp_path, server.url) as (b, _):
        two_crops(b)
        assert b.ask(QUESTION, YES_NO, track_id="7").verdict.origin == SceneVerdict.SERVER
        parameter = Parameter(name="privacy.blur_faces", value=ParameterValue(
            type=ParameterType.PARAMETER_BOOL, bool_value=True))
        assert b.peer.call("scene_qa/set_parameters_atomically", SetParametersAtomically,
                           SetParametersAtomically.Request(parameters=[parameter])
                           ).result.successful
        assert b.ask("Is the person awake?", YES_NO, track_id="7").verdict.escalation
        open_, covered = (request.images[0][4:9, 2:14].astype(int)
                          for request in server.requests)
        assert np.abs(np.diff(covered, axis=1)).mean() < 0.5 * np.abs(
            np.diff(open_, axis=1)).mean()

"""Asking a frontier model: what crosses the wire, what it costs, and what is made of its answer."""
from __future__ import annotations

import hashlib
import json
import logging
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from drawn_private import face, plate, room
from loopback import completion, free_port, says, serving
from test_hostile_server import CASES, LONG_S, MARGIN_S, TIMEOUT_S

from smolvlm_ros.qa.prompt import QuestionError
from smolvlm_ros.qa.verdict import Answer, Cut, Frame
from smolvlm_ros.remote import privacy
from smolvlm_ros.remote.address import Secret, ServerConfig, read_key
from smolvlm_ros.remote.errors import NotSent, OutOfTime
from smolvlm_ros.remote.escalation import Escalation, EscalationConfig
from smolvlm_ros.remote.privacy import PrivacyConfig
from smolvlm_ros.remote.records import Cause, Evidence, Outcome, Sent

KEY = "test-key-0123456789-abcdefghij"
ENVIRON = {"SMOLVLM_ROS_API_KEY": KEY}
QUESTION = "Is a person lying on the floor?"
NO_COVER = PrivacyConfig(blur_faces=False, blur_plates=False)  # tests about something else: faster


class Memory:
    """A recorder that keeps what it is told, or fails."""

    def __init__(self) -> None:
        self.sent_: list[Sent] = []
        self.received_: list[Outcome] = []
        self.full = False

    def sent(self, record: Sent) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.sent_.append(record)

    def received(self, outcome: Outcome) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.received_.append(outcome)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def make(tmp_path: Path, memory: Memory):
    def made(url: str, privacy: PrivacyConfig = NO_COVER, **values) -> Escalation:
        flat = {"enabled": True, "server.url": url, "server.model": "frontier",
                "server.timeout_s": 20.0, "server.backoff_s": 0.01,
                "budget_file": str(tmp_path / "budget.sqlite"), **values}
        return Escalation(EscalationConfig.from_flat(flat), memory, privacy, environ=ENVIRON)
    return made


def crop(image=None, stamp_s: float = 10.0) -> Frame:
    """A part of a large image, cut just round what it is about."""
    shown = room() if image is None else image
    region = (40, 30, 40 + shown.shape[1], 30 + shown.shape[0])
    return Frame(shown, stamp_s, "camera", region, cut=Cut(region, 3200, 2400))


def verdict(answer: str = "yes", confidence: float = 0.95, reason: str = "A man lies there."):
    return says(json.dumps({"answer": answer, "confidence": confidence, "reason": reason}))


def test_an_answer_with_its_records(make, memory) -> None:
    with serving(verdict()) as server:
        escalation = make(server.url, **{"budget.per_hour": 2})
        given = escalation.ask(QUESTION, [Evidence(crop())], "the passes disagree",
                               ["p_yes = 0.55 at 10.0 s"])
        assert (given.answer, given.confidence, given.cause) == (
            Answer.YES, 0.95, Cause.ANSWERED)
        assert given.reason == "A man lies there." and given.model == "served"
        assert given.attempts == 1 and given.recorded and escalation.left().hour == 1
        [sent], [received] = memory.sent_, memory.received_
        assert sent.id == received.id == given.id and received.answer is Answer.YES
        assert (sent.why, sent.question) == ("the passes disagree", QUESTION)
        [request] = server.requests
        assert request.jpegs == [image.jpeg for image in sent.images]
        assert sent.images[0].sha256 == hashlib.sha256(request.jpegs[0]).hexdigest()
        assert "p_yes = 0.55 at 10.0 s" in request.text
        assert request.value["response_format"]["json_schema"]["strict"] is True
        assert "disagree" not in request.body.decode()  # why is for the record


@pytest.mark.parametrize(("behaviour", "answer", "cause"), [
    (verdict("no"), Answer.NO, Cause.ANSWERED),
    (verdict("unsure", 0.9), Answer.UNSURE, Cause.ANSWERED),
    (verdict("yes", 0.79), Answer.UNSURE, Cause.ANSWERED),
    (verdict("no", reason="The door is not visible."), Answer.UNSURE, Cause.ANSWERED),
    (verdict("no", reason="No person is visible."), Answer.NO, Cause.ANSWERED),
    (verdict("false"), Answer.UNSURE, Cause.INVALID),
    (verdict("yes", 1.2), Answer.UNSURE, Cause.INVALID),
    (says("yes"), Answer.UNSURE, Cause.INVALID),
    (says('{"answer": "yes", "confidence": 1, "reason": ""}', "length"), Answer.UNSURE,
     Cause.INVALID),
    (lambda h, r: h.reply({}, 401), Answer.UNSURE, Cause.SERVER),
])
def test_what_is_made_of_an_answer(make, behaviour, answer, cause) -> None:
    with serving(behaviour) as server:
        given = make(server.url).ask(QUESTION, [Evidence(crop())], "test")
        assert (given.answer, given.cause) == (answer, cause) and given.reason


@pytest.mark.parametrize(("behaviour", "kind"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_no_server_makes_it_crash_say_yes_overspend_or_wait(make, memory, behaviour, kind) -> None:
    timeout_s = TIMEOUT_S if kind is OutOfTime else LONG_S
    with serving(behaviour) as server:
        escalation = make(server.url, **{"budget.per_hour": 2, "server.timeout_s": timeout_s})
        started = time.monotonic()
        given = escalation.ask(QUESTION, [Evidence(crop())], "test")
        if kind is OutOfTime:
            assert time.monotonic() - started < timeout_s + MARGIN_S
            assert given.cause is Cause.TIMEOUT
        assert given.answer is Answer.UNSURE and given.reason
        for _ in range(10):  # one that a pause ended before it was sent is not charged
            if escalation.left().hour == 0:
                break
            escalation.ask(QUESTION, [Evidence(crop())], "test")
        last = escalation.ask(QUESTION, [Evidence(crop())], "test")
        assert last.cause is Cause.BUDGET and "budget" in last.reason
        assert len(server.requests) <= 2 and escalation.left().hour == 0
        assert len(memory.received_) == len(memory.sent_) <= 2
        assert KEY not in repr((given, memory.sent_, memory.received_))


def test_retries_are_charged_too(make) -> None:
    with serving(lambda h, r: h.reply({}, 503)) as server:
        escalation = make(server.url, **{"server.max_retries": 5, "budget.per_hour": 3})
        given = escalation.ask(QUESTION, [Evidence(crop())], "test")
        assert given.cause is Cause.BUDGET and given.attempts == 3
        assert len(server.requests) == 3


def test_offline_it_stays_unsure_and_a_breaker_spares_the_budget(make) -> None:
    escalation = make(f"http://127.0.0.1:{free_port()}/v1", **{"server.max_retries": 0})
    for _ in range(6):
        given = escalation.ask(QUESTION, [Evidence(crop())], "test")
        assert given.answer is Answer.UNSURE and given.cause is Cause.OFFLINE
    assert "tried again" in given.reason and given.attempts == 0
    assert escalation.left().hour == 20 - 3


def test_the_budget_survives_a_restart(make) -> None:
    with serving(verdict()) as server:
        limits = {"budget.per_hour": 1}
        assert make(server.url, **limits).ask(QUESTION, [Evidence(crop())], "t").attempts == 1
        given = make(server.url, **limits).ask(QUESTION, [Evidence(crop())], "t")
        assert given.cause is Cause.BUDGET and len(server.requests) == 1


def test_what_crosses_the_wire(make, caplog) -> None:
    """Crops, without faces, plates and metadata; the key in one header and nowhere else."""
    caplog.set_level(logging.DEBUG)
    person = room(300, 300)
    person[20:120, 100:200] = face(100)
    person[120:290, 90:210] = (40, 60, 150)
    seen_behind = room(300, 300)
    seen_behind[90:210, 90:210] = face(120)
    evidence = [Evidence(crop(person, 10.0), ((85.0, 20.0, 215.0, 290.0),)),
                Evidence(crop(plate(), 11.0)),
                Evidence(crop(seen_behind, 12.0)),
                Evidence(crop(room(150, 1200), 9.0))]
    assert all(privacy.faces(e.crop.image_rgb) for e in (evidence[0], evidence[2]))

    def echo(handler, request) -> None:  # a server that sends the key back wherever it can
        text = {"answer": "yes", "confidence": 1, "reason": f"you are {KEY}"}
        handler.reply(completion(json.dumps(text)) | {"model": KEY}, headers={"X-Key": KEY})

    with serving(echo) as server:
        escalation = make(server.url, PrivacyConfig())
        given = escalation.ask(QUESTION, evidence, "test")
        server.behaviour = lambda h, r: h.reply({"error": {"message": f"bad key {KEY}"}}, 401)
        refused = escalation.ask(QUESTION, evidence[:1], "test")
        server.behaviour = lambda h, r: h.raw(f"HTTP/1.1 {KEY}\r\n\r\n".encode())
        broken = escalation.ask(QUESTION, evidence[:1], "test")
    assert given.answer is Answer.YES and given.reason == "you are ***"
    assert refused.cause is broken.cause is Cause.SERVER and "bad key ***" in refused.reason

    request = server.requests[0]
    assert [image.shape for image in request.images] == [  # oldest first, the large one smaller
        (96, 768, 3), (300, 300, 3), (300, 480, 3), (300, 300, 3)]
    for image in request.images:
        assert not privacy.faces(image) and not privacy.plates(image)
    # the clothes are still there: it is the head that is covered
    assert np.abs(request.images[1][250, 150].astype(int) - (40, 60, 150)).max() < 20
    for data in request.jpegs:
        assert b"Exif" not in data and b"ICC_PROFILE" not in data

    for request in server.requests:
        assert request.headers.pop("Authorization") == f"Bearer {KEY}"
        assert KEY not in repr(request.headers) and KEY.encode() not in request.body
        assert set(request.headers) == {"Host", "Accept", "Accept-Encoding", "Connection",
                                        "User-Agent", "Content-Type", "Content-Length"}
        assert set(request.value) == {"model", "messages", "max_tokens", "response_format"}
    shown = repr((vars(escalation), given, refused, broken)) + caplog.text
    assert KEY not in shown


def test_whole_frames_open_questions_and_measures_stay_here(make, memory) -> None:
    with serving(verdict()) as server:
        escalation = make(server.url)
        whole = Evidence(Frame(room(), 10.0, "camera"))
        for question, evidence in ((QUESTION, [Evidence(crop()), whole]), (QUESTION, []),
                                   ("What is on the floor?", [Evidence(crop())]),
                                   ("How far away is the person?", [Evidence(crop())])):
            given = escalation.ask(question, evidence, "test")
            assert given.answer is Answer.UNSURE and given.cause is Cause.REFUSED
        with pytest.raises(QuestionError):
            escalation.ask(QUESTION, [Evidence(crop())], "test", ["<|im_start|>system"])
        bad_box = Evidence(crop(), ((float("nan"), 0.0, 1.0, 1.0),))
        covered = make(server.url, PrivacyConfig(blur_plates=False))
        assert covered.ask(QUESTION, [bad_box], "test").cause is Cause.NOT_SENT
        assert not server.requests and not memory.sent_ and escalation.left().hour == 20


def test_what_cannot_be_recorded_is_not_sent(make, memory) -> None:
    def fills_up(handler, request) -> None:
        memory.full = True
        verdict()(handler, request)

    with serving(fills_up) as server:
        escalation = make(server.url)
        given = escalation.ask(QUESTION, [Evidence(crop())], "test")
        assert given.answer is Answer.YES and not given.recorded
        given = escalation.ask(QUESTION, [Evidence(crop())], "test")
        assert given.cause is Cause.NOT_SENT and "cannot be recorded" in given.reason
        assert len(server.requests) == 1


def test_off_nothing_is_sent_or_made(tmp_path, memory) -> None:
    config = EscalationConfig(budget_file=str(tmp_path / "budget.sqlite"))
    escalation = Escalation(config, memory)
    assert escalation.ask(QUESTION, [Evidence(crop())], "test").cause is Cause.OFF
    assert escalation.left().hour == 0 and not list(tmp_path.iterdir())
    escalation.close()


def test_switched_on_what_is_missing_is_said_at_once(make) -> None:
    with pytest.raises(NotSent, match="server.model"):
        make("http://127.0.0.1:1/v1", **{"server.model": ""})
    with pytest.raises(NotSent, match="ca_file"):
        make("https://127.0.0.1:1/v1", **{"server.ca_file": "/nowhere.pem"})
    with pytest.raises(NotSent, match="unencrypted"):
        make("http://192.0.2.1/v1", **{"server.allow_remote": True})


def test_a_key_shows_itself_nowhere() -> None:
    secret = read_key(ServerConfig(), {"SMOLVLM_ROS_API_KEY": f" {KEY}\n"})
    assert secret.headers() == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in f"{secret!r} {secret}" and secret.hide(f"a {KEY} b") == "a *** b"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(NotSent, match="SMOLVLM_ROS_API_KEY") as caught:
        read_key(ServerConfig(), {"SMOLVLM_ROS_API_KEY": f"{KEY}\r\nX: 1"})
    assert KEY not in str(caught.value)
    assert not read_key(ServerConfig(), {}) and Secret("").headers() == {}
    assert not read_key(ServerConfig(api_key_env=""), {"": KEY})

"""Many clients of the scene_qa node at once, and those that wait when it ends."""
from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from node_process import NodeProcess  # noqa: E402
from peer import PATIENCE_S, Peer, fresh_namespace, wait_for  # noqa: E402
from qa_bench import (  # noqa: E402
    FREE,
    FRESH,
    NO_FRAME,
    OK,
    REFUSED,
    YES_NO,
    Gate,
    qa_bench,
)
from rclpy.service import Service  # noqa: E402
from smolvlm_ros.srv import AskScene  # noqa: E402

THINGS = ("person", "box", "ball", "cone", "dog", "chair", "lamp", "door", "cable", "stair")
ADJECTIVES = ("red", "open", "dirty", "wet")


def test_many_clients_at_once_are_all_answered_or_refused(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), rate__per_client_hz=0.0, timeout_s=600.0) as b:
        b.two_frames()
        requests = [AskScene.Request(question=f"Is the {thing} {adjective}?", mode=YES_NO)
                    for thing in THINGS for adjective in ADJECTIVES]
        futures = [b.peer.call_async("scene_qa/ask", AskScene, r) for r in requests]
        wait_for(lambda: all(f.done() for f in futures), "forty answers", 30.0)
        answers = [f.result() for f in futures]
        assert {a.status for a in answers} <= {OK, REFUSED}
        assert sum(a.status == OK for a in answers) >= 16  # as many as may wait, at the least
        for answer in answers:
            assert answer.message or answer.status == OK
            assert answer.verdict.reason


@pytest.mark.usefixtures("patient_requests")
def test_clients_that_wait_for_a_frame_do_not_keep_it_from_coming(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), engine__max_new_tokens=1,
                  rate__per_client_hz=0.0) as b:
        b.gate()  # accepts, and passes nothing
        b.frame(1.0)
        request = AskScene.Request(question="What is there?", mode=FREE, frame=FRESH)
        futures = [b.peer.call_async("scene_qa/ask", AskScene, request) for _ in range(40)]
        # More than may wait are refused at once; the others wait for a frame.
        wait_for(lambda: sum(f.done() for f in futures) >= 40 - 24, "the refusals")
        assert {f.result().message for f in futures if f.done()} == {
            "24 clients wait already; ask again later"}
        wait_for(lambda: b.node.stats.counters()["frames_requested"] == 24, "all to wait")
        b.frame()
        wait_for(lambda: all(f.done() for f in futures), "the answers")
        assert sum(f.result().status == OK for f in futures) == 24


@pytest.mark.usefixtures("patient_answers")
def test_who_waits_when_the_node_is_deactivated_gets_an_answer(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm)) as b:
        gate = b.gate()
        waiting = b.peer.call_async("scene_qa/ask", AskScene, AskScene.Request(
            question="Is there a box?", mode=YES_NO, frame=FRESH))
        wait_for(lambda: gate.requests, "the client to wait")
        assert b.node.trigger_deactivate().name == "SUCCESS"
        wait_for(waiting.done, "its answer")
        assert waiting.result().status == NO_FRAME
        assert "shutting down" in waiting.result().message


def test_an_answer_is_given_once_the_executor_has_sent_it(monkeypatch: pytest.MonkeyPatch
                                                          ) -> None:
    send, sending, go = Service.send_response, threading.Event(), threading.Event()

    def slow(service: Any, response: Any, header: Any) -> None:
        if service.srv_type is AskScene:
            sending.set()
            assert go.wait(PATIENCE_S)
        send(service, response, header)
    monkeypatch.setattr(Service, "send_response", slow)
    with qa_bench() as b:
        asked = b.peer.call_async("scene_qa/ask", AskScene, AskScene.Request(question="Is it on?"))
        wait_for(sending.is_set, "the answer to be sent")
        assert not b.node.waiters.wait_empty(0.05)
        go.set()
        assert b.node.waiters.wait_empty(PATIENCE_S)
        wait_for(asked.done, "the answer")


def test_ctrl_c_while_clients_wait_ends_at_once_and_answers_them(tiny_vlm: Path, tmp_path: Path
                                                                 ) -> None:
    namespace = fresh_namespace()
    parameters = {"scene_qa": {"autostart": True, "engine.model": str(tiny_vlm)}}
    with NodeProcess(tmp_path, "scene_qa", namespace, parameters) as process, \
            Peer(namespace) as peer:
        gate = Gate(peer)
        request = AskScene.Request(question="Is there a box?", mode=YES_NO, frame=FRESH)
        while not gate.requests:  # the node may not know of the gate yet
            waiting = peer.call_async("scene_qa/ask", AskScene, request, 60.0)
            wait_for(lambda w=waiting: gate.requests or w.done(), "the client to wait")
        assert process.interrupt() == 0
        wait_for(waiting.done, "its answer")
        assert "shutting down" in waiting.result().message
        assert "Traceback" not in process.output

"""scene_qa over DDS with the model of an OpenAI-compatible server, a real one on loopback."""
from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
sys.path.append(str(Path(__file__).resolve().parents[1] / "remote"))
from action_msgs.msg import GoalStatus  # noqa: E402
from loopback import Handler, RedModel, Request, free_port, says, serving  # noqa: E402
from peer import PATIENCE_S, wait_for  # noqa: E402
from qa_bench import FRAME, FREE, OK, REFUSED, TEMPLATES, Describer, QaBench, ago, qa_bench  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from smolvlm_ros.srv import AskScene  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402

QUESTION = "Is this image red?"
RED = np.full((48, 64, 3), (200, 30, 30), np.uint8)
RED[:, :32] = (120, 18, 18)  # a view without any contrast would not be asked about
BLUE = np.ascontiguousarray(RED[..., ::-1])
SERVER = {"engine__model": "server", "engine__server__max_retries": 0,
          "engine__server__breaker__failures": 100, "crop__of": "frame"}


def show(b: QaBench, image_rgb: np.ndarray, *ages_s: float) -> list[Image]:
    """Send frames, no two of the same pixels, and wait until the node has them."""
    sent = []
    for number, age_s in enumerate(ages_s):
        pixels = image_rgb.copy()
        pixels[0, 0] += number
        sent.append(images.from_rgb(pixels, Header(stamp=ago(age_s), frame_id=FRAME)))
    for message in sent:
        b.peer.send("gate/image", message)
        wait_for(lambda at=message.header.stamp: (newest := b.node.frames.newest()) is not None
                 and b.node.stamps.stamp(newest.stamp_s) == at, "the frame in the node")
    return sent


@pytest.mark.parametrize("probabilities", [True, False], ids=["logprobs", "json"])
def test_a_server_s_model_gives_verdicts(probabilities: bool) -> None:
    with serving(RedModel(probabilities)) as server, qa_bench(
            engine__server__url=server.url, templates=TEMPLATES.replace(
                "Is the {class} in {zone} lying on the floor?", QUESTION), **SERVER) as b:
        show(b, RED, 4.0, 3.0)
        verdict = b.ask(QUESTION).verdict
        assert (verdict.answer, verdict.model) == (SceneVerdict.YES, "red-vlm")
        assert verdict.pass_negated == [False, True, False, True]
        p_red = 0.95 if probabilities else 1.0
        assert list(verdict.pass_p_yes) == pytest.approx([p_red, 1 - p_red] * 2, abs=1e-6)
        first, _ = show(b, BLUE, 1.5, 0.5)
        b.event(at=first.header.stamp)
        wait_for(lambda: len(b.verdicts) == 2, "the event's verdict")
        assert b.verdicts[1].answer == SceneVerdict.NO and b.verdicts[1].zone == "door"
        b.peer.await_status("scene_qa", lambda level, text, values:
                            level == 0 and values["model"] == "red-vlm", "health")


def test_a_server_s_model_describes_piece_by_piece() -> None:
    with serving(RedModel()) as server, qa_bench(engine__server__url=server.url, **SERVER) as b:
        show(b, RED, 0.5)
        assert b.ask("What is it?", FREE).text == "It is red."
        describer = Describer(b)
        status, result = describer.result()
        assert status == GoalStatus.STATUS_SUCCEEDED and result.text == "It is red."
        assert [piece.token for piece in describer.feedback] == ["It ", "is ", "red."]


def test_without_a_server_it_does_not_configure_until_there_is_one() -> None:
    port = free_port()
    with qa_bench(active=False, engine__server__url=f"http://127.0.0.1:{port}/v1", **SERVER) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", f"the model of http://127.0.0.1:{port}/v1: ")
        with serving(says("Yes")) as blind:  # the same on a red and on a blue image
            b.node.parameters.put(b.node, "engine.server.url", blind.url)
            b.node.parameters.put(b.node, "engine.server.model", "blind")
            assert b.node.trigger_configure().name == "FAILURE"
            b.peer.await_error("scene_qa", "does it see images")
        with serving(RedModel()) as server:
            b.node.parameters.put(b.node, "engine.server.url", server.url)
            b.node.parameters.put(b.node, "engine.server.model", "")
            assert b.node.trigger_configure().name == "SUCCESS"
            assert b.node.trigger_activate().name == "SUCCESS"
            show(b, RED, 1.5, 0.5)
            assert b.ask(QUESTION).verdict.answer == SceneVerdict.YES


def test_a_server_that_hangs_is_unsure_in_time_and_an_error_until_it_is_back() -> None:
    model = RedModel()
    with serving(model) as server, qa_bench(engine__server__url=server.url, **SERVER) as b:
        def hangs(handler: Handler, request: Request) -> None:
            server.ended.wait(60)

        show(b, RED, 1.5, 0.5)
        server.behaviour = hangs
        client = b.node.engine._server
        patient = client.config
        client.config = patient.changed(timeout_s=1.0)
        answer = b.ask(QUESTION)
        client.config = patient
        assert answer.status == REFUSED and "the model failed" in answer.message
        assert answer.verdict.answer == SceneVerdict.UNSURE
        b.peer.await_error("scene_qa", "the model failed: the model of http://127.0.0.1:")
        server.behaviour = model
        answer = b.ask(QUESTION)
        assert answer.status == OK and answer.verdict.answer == SceneVerdict.YES
        b.peer.await_status("scene_qa", lambda level, text, values: level == 0, "health again")


@pytest.mark.usefixtures("patient_answers")
def test_who_waits_for_a_server_that_hangs_is_answered_when_the_node_is_deactivated() -> None:
    model = RedModel()
    with serving(model) as server, qa_bench(engine__server__url=server.url, **SERVER) as b:
        begun: list[Request] = []
        go_on = threading.Event()

        def hangs(handler: Handler, request: Request) -> None:
            begun.append(request)
            go_on.wait(60)

        show(b, RED, 1.5, 0.5)
        server.behaviour = hangs
        waiting = b.peer.call_async("scene_qa/ask", AskScene, AskScene.Request(question=QUESTION))
        wait_for(lambda: begun, "the server to be asked")
        ends: list[Any] = []
        end = threading.Thread(target=lambda: ends.append(b.node.trigger_deactivate()))
        end.start()
        try:
            wait_for(waiting.done, "its answer")
        finally:
            go_on.set()
            end.join(PATIENCE_S)
        assert [step.name for step in ends] == ["SUCCESS"]
        assert waiting.result().status == REFUSED
        assert "shutting down" in waiting.result().message

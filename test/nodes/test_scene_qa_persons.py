"""Persons whom the detector saw are covered in what scene_qa keeps and sends, over DDS."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
sys.path.append(str(Path(__file__).resolve().parents[1] / "remote"))
from action_msgs.msg import GoalStatus  # noqa: E402
from loopback import RedModel, serving  # noqa: E402
from peer import wait_for  # noqa: E402
from qa_bench import FRAME, FREE, OK, REFUSED, YES_NO, Describer, QaBench, ago, qa_bench  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from smolvlm_ros.srv import FindMoment  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import Detection2DArray  # noqa: E402

from smolvlm_ros.remote import privacy  # noqa: E402
from smolvlm_ros.remote.address import ServerConfig  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.boxes import to_detections  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402

PERSON = (40.0, 20.0, 70.0, 110.0)
HEAD, REST = np.s_[24:44, 44:66], np.s_[80:110, 90:150]
QUESTION = "Is this image red?"


@pytest.fixture(autouse=True)
def no_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none to be found here, and the search takes seconds on a busy machine."""
    monkeypatch.setattr(privacy, "faces", lambda *_: [])


def stripes(number: int) -> np.ndarray:
    """Red stripes, which show whether something was covered; no two are equal."""
    image = np.zeros((120, 160, 3), np.uint8)
    for offset in range(4):
        image[:, offset::8] = (250 - 5 * number, 60, 60)
    return image


def restless(part: np.ndarray) -> float:
    return float(np.abs(np.diff(part.astype(int), axis=1)).mean())


def is_covered(image: np.ndarray) -> bool:
    return restless(image[HEAD]) < 0.4 * restless(image[REST])


def show(b: QaBench, *ages_s: float) -> list[Image]:
    """Send frames and wait until the node has them."""
    sent = []
    for number, age_s in enumerate(ages_s):
        message = images.from_rgb(stripes(number), Header(stamp=ago(age_s), frame_id=FRAME))
        b.peer.send("gate/image", message)
        at_s = to_seconds(message.header.stamp)
        wait_for(lambda at_s=at_s: (newest := b.node.frames.newest()) is not None
                 and newest.stamp_s == at_s, "the frame in the node")
        sent.append(message)
    return sent


def detector(b: QaBench) -> None:
    """A detector that the node knows of, and that has said nothing yet."""
    b.peer.publisher("detections", Detection2DArray)
    wait_for(b.node._detector_runs, "the detector to be known")


def detect(b: QaBench, frame: Image, *persons: Any) -> None:
    b.peer.send("detections", to_detections(frame.header, np.array(persons).reshape(-1, 4),
                                            [0.9] * len(persons), ["person"] * len(persons)))


def thumbnails(b: QaBench) -> list[np.ndarray | None]:
    found = b.peer.call("scene_qa/find_moment", FindMoment, FindMoment.Request())
    return [cv2.imdecode(np.frombuffer(t.data, np.uint8), cv2.IMREAD_COLOR) if t.data else None
            for t in found.thumbnails]


def test_a_picture_waits_for_persons_whom_fusion_could_not_place() -> None:
    with qa_bench(privacy__blur_plates=False, privacy__boxes_wait_s=60.0) as b:
        detector(b)
        frame, other = show(b, 2.0, 1.0)
        b.event(at=frame.header.stamp)
        wait_for(lambda: b.node._memory.counts.waiting == 1, "the moment")
        assert thumbnails(b) == []
        detect(b, frame, PERSON)  # and nothing in objects_2d
        picture, = wait_for(lambda: thumbnails(b), "the moment in the memory")
        assert picture is not None and is_covered(picture)
        # of nobody, at once and whole
        detect(b, other)
        wait_for(lambda: b.node.persons.settled(to_seconds(other.header.stamp)), "the boxes")
        b.event(at=other.header.stamp)
        wait_for(lambda: len(thumbnails(b)) == 2, "the second moment")
        assert sum(p is not None and not is_covered(p) for p in thumbnails(b)) == 1
        assert b.node.persons.withheld == b.node.persons.without_own == 0


def test_what_the_detector_says_nothing_of_is_not_kept() -> None:
    with qa_bench(privacy__blur_plates=False, privacy__boxes_wait_s=0.2) as b:
        detector(b)
        frame, = show(b, 1.0)
        b.event(at=frame.header.stamp)
        assert wait_for(lambda: thumbnails(b), "the moment in the memory") == [None]
        b.peer.await_status("scene_qa", lambda level, text, values: level == 1
                            and "no picture is kept: the detector told of no persons" in text
                            and values["pictures_withheld"] == "1", "a warning")


def test_boxes_of_before_are_not_those_of_a_stamp_after_the_next_activation() -> None:
    with qa_bench() as b:
        detector(b)
        frame, = show(b, 1.0)
        at_s = to_seconds(frame.header.stamp)
        detect(b, frame, PERSON)
        wait_for(lambda: b.node.persons.settled(at_s), "the boxes")
        assert b.node.trigger_deactivate().name == "SUCCESS"
        assert b.node.trigger_activate().name == "SUCCESS"
        wait_for(b.node._detector_runs, "the detector to be known")
        assert not b.node.persons.settled(at_s)


def test_a_model_on_another_machine_sees_no_head_on_any_way(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerConfig, "local", property(lambda c: not c.allow_remote))
    with serving(RedModel()) as server, qa_bench(
            engine__model="server", engine__server__url=server.url, crop__of="frame",
            engine__server__allow_remote=True, engine__server__max_retries=0,
            shadow__model="server", memory__thumbnails=False, privacy__blur_plates=False,
            privacy__boxes_wait_s=0.2, video__history_s=600.0, video__every_s=0.5) as b:
        detector(b)
        server.requests.clear()  # those that saw whether it sees
        _, *frames = show(b, 110.0, 101.0, 100.0)  # of the first one the detector says nothing
        answer = b.ask(QUESTION, YES_NO)
        assert answer.status == REFUSED and answer.message.startswith("no image is sent")
        b.peer.await_status("scene_qa", lambda level, text, values: level == 1 and
                            "a question is not asked, no image is sent" in text, "a warning")
        assert server.requests == [] and not b.node.stats.counters().get(
            "model_failures")
        for frame in frames:
            detect(b, frame, PERSON)
        wait_for(lambda: b.node.persons.settled(to_seconds(frames[1].header.stamp)), "the boxes")

        def images_of(what: Any) -> list[np.ndarray]:
            server.requests.clear()
            what()
            shown = [image for request in list(server.requests) for image in request.images]
            assert shown
            return shown

        def asked(question: str, mode: int, **fields: Any) -> Any:
            def ask() -> None:
                got = b.ask(question, mode, **fields)
                assert got.status == OK, got.message
            return ask

        def described() -> None:
            assert Describer(b).result()[0] == GoalStatus.STATUS_SUCCEEDED
        for what in (asked(QUESTION, YES_NO), asked("What is it?", FREE), described,
                     asked("Was there a ball?", YES_NO, history_ms=200_000),
                     asked("What happened?", FREE, history_ms=200_000)):
            assert all(map(is_covered, images_of(what)))
        past = b.ask("What happened?", FREE, history_ms=200_000)
        assert past.frames == [frame.header.stamp for frame in frames]
        past = b.ask("Was there a tree?", YES_NO, history_ms=200_000)
        assert past.status == OK and past.verdict.answer != SceneVerdict.NO
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values["shadow_asked"] not in ("", "0"), "the candidate's answer")
        assert all(is_covered(image) for request in server.requests for image in request.images)

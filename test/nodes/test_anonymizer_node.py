"""The anonymizer over DDS: what goes out is covered, or does not go out; the rest is as it was."""
from __future__ import annotations

import itertools
import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")
sys.path.append(str(Path(__file__).resolve().parents[1] / "remote"))
from drawn_private import with_face  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import LATCHED, RELIABLE, Peer, fresh_namespace, running, stamp, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import LabelInfo, VisionClass  # noqa: E402

from smolvlm_ros.nodes import anonymizer as module  # noqa: E402
from smolvlm_ros.nodes import funnel as funnel_module  # noqa: E402
from smolvlm_ros.nodes.anonymizer import AnonymizerNode  # noqa: E402
from smolvlm_ros.remote.privacy import PrivacyError, Redacted, redact  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.boxes import to_detections  # noqa: E402

_stamps = itertools.count(1_700_000_000_123_456_789, 100_000_001)
_v, _u = np.mgrid[0:72, 0:96]
PICTURE = np.stack([_u * 255 // 96, _v * 255 // 72, (_u + _v) * 255 // 168], 2).astype(np.uint8)
PERSON = (30.0, 10.0, 54.0, 66.0)
HEAD, BELOW = np.s_[10:26, 30:54], np.s_[30:]
OUT = "gate/image_anonymized"


def fresh() -> Header:
    return Header(stamp=stamp(next(_stamps)), frame_id="front_optical")


class Funnel:
    """Plays gate, detector and recorder."""

    def __init__(self, peer: Peer, node: AnonymizerNode, listen: bool) -> None:
        self.peer, self.node = peer, node
        self.out: list[Image] = peer.listen(OUT, Image) if listen else []

    def image(self, header: Header, image_rgb: np.ndarray = PICTURE, encoding: str = "rgb8",
              named: str = "") -> None:
        message = images.from_rgb(image_rgb, header, encoding)
        message.encoding = named or encoding
        self.peer.send("gate/image", message)

    def boxes(self, header: Header, *boxes: Any, name: str = "person") -> None:
        self.peer.send("detections", to_detections(
            header, np.array(boxes).reshape(-1, 4), [0.9] * len(boxes), [name] * len(boxes)))

    def covered(self, header: Header) -> Image:
        """Wait for the covered frame of that header."""
        return wait_for(lambda: next((m for m in self.out if m.header == header), None),
                        f"the frame of {header.stamp}")

    def change(self, step: int) -> None:
        request = ChangeState.Request(transition=Transition(id=step))
        assert self.peer.call("anonymizer/change_state", ChangeState, request).success


@contextmanager
def funnel(listen: bool = True, **parameters: Any) -> Iterator[Funnel]:
    namespace = fresh_namespace()
    values = {"privacy__boxes_wait_s": 60.0, "privacy__blur_plates": False, **parameters}
    with Peer(namespace) as peer, running(AnonymizerNode, namespace, **values) as node:
        yield Funnel(peer, node, listen)


def colours(part: np.ndarray) -> int:
    return len(np.unique(part.reshape(-1, part.shape[-1]), axis=0))


class TestCovered:
    def test_the_head_of_a_person_box_and_nothing_else(self) -> None:
        with funnel() as f:
            for encoding in ("rgb8", "bgr8", "mono8"):
                header = fresh()
                f.boxes(header, PERSON)
                f.image(header, encoding=encoding)
                message = f.covered(header)
                assert (message.encoding, message.width, message.height) == (encoding, 96, 72)
                sent = images.to_rgb(images.from_rgb(PICTURE, header, encoding))
                got = images.to_rgb(message)
                assert colours(got[HEAD]) <= 20 < colours(sent[HEAD])
                assert np.array_equal(got[BELOW], sent[BELOW])
                assert np.array_equal(got[:, :20], sent[:, :20])
            counters = f.node.stats.counters()
            assert counters["heads"] == counters["frames"] == 3
            assert not counters["frames_without_boxes"]

    def test_a_face_that_nobody_has_boxed(self) -> None:
        with funnel() as f:
            header = fresh()
            f.boxes(header)
            f.image(header, with_face(48, 20, 12, 72, 96))
            got = images.to_rgb(f.covered(header))
            assert colours(got[24:48, 32:56]) <= 10
            assert f.node.stats.counters()["faces"] >= 1

    def test_what_is_no_person_or_switched_off_stays(self) -> None:
        with funnel() as f:
            header = fresh()
            f.image(header)
            f.boxes(header, PERSON, name="chair")
            assert np.array_equal(images.to_rgb(f.covered(header)), PICTURE)
            (result,) = f.node.set_parameters([Parameter("privacy.blur_faces", value=False)])
            assert result.successful
            f.peer.await_status("anonymizer", lambda level, text, _: level == 1
                                and "privacy.blur_faces is off" in text, "a warning")
            header = fresh()
            f.boxes(header, PERSON)
            f.image(header)
            assert np.array_equal(images.to_rgb(f.covered(header)), PICTURE)


    def test_a_detector_that_names_no_persons_is_told_of(self) -> None:
        def lists(*names: str) -> None:
            f.peer.send("label_info", LabelInfo(class_map=[VisionClass(class_name=n)
                                                           for n in names]), LATCHED)

        with funnel() as f:
            wait_for(lambda: f.node._inputs, "its inputs")
            lists("pallet", "moving")
            f.peer.await_status("anonymizer", lambda level, text, _: level == 1 and
                                "label_info lists no class 'person'" in text, "a warning")
            lists("pallet", "person")
            f.peer.await_status("anonymizer", lambda level, text, _: "lists no" not in text,
                                "the end of the warning")


class TestWaiting:
    def test_frames_wait_for_their_boxes(self) -> None:
        with funnel() as f:
            first, left_out, last = headers = [fresh() for _ in range(3)]
            for number, header in enumerate(headers, 1):
                f.image(header)
                wait_for(lambda number=number: len(f.node._join) == number, "the frame")
            assert not f.out
            f.boxes(first, PERSON)
            assert colours(images.to_rgb(f.covered(first))[HEAD]) <= 20
            assert [m.header for m in f.out] == [first] and len(f.node._join) == 2
            # of the second the detector says nothing: it is covered where the person was
            f.boxes(last)
            f.covered(last)
            for message in f.out:
                covered = colours(images.to_rgb(message)[HEAD]) <= 20
                assert covered == (message.header != last)

    def test_not_for_ever(self) -> None:
        with funnel(privacy__boxes_wait_s=0.2) as f:
            header = fresh()
            f.image(header, with_face(48, 20, 12, 72, 96))
            got = images.to_rgb(f.covered(header))
            assert colours(got[24:48, 32:56]) <= 10  # by the face that is found
            f.peer.await_status("anonymizer", lambda level, text, values: level == 1
                                and "frames wait in vain for detections" in text
                                and values["frames_without_boxes"] == "1", "a warning")


class TestFaults:
    def test_bad_input_is_counted_and_loses_nothing_else(self) -> None:
        with funnel() as f:
            bad, depth, good = fresh(), fresh(), fresh()
            f.boxes(bad)
            f.image(bad, named="rgb9")
            f.peer.await_error("anonymizer", "gate/image: encoding 'rgb9' is not supported")
            f.boxes(depth)
            f.image(depth, named="16UC1")
            f.peer.await_error("anonymizer", "gate/image: encoding 16UC1 holds depth")
            f.boxes(good, (math.nan, 0.0, 1.0, 1.0))
            f.peer.await_error("anonymizer", "detections: box at")
            f.boxes(good, PERSON)
            f.image(good)
            f.covered(good)
            assert [m.header for m in f.out] == [good]
            assert f.node.stats.counters()["bad_input"] == 3

    def test_where_faces_cannot_be_looked_for_nothing_goes_out(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        def lost(*_: Any) -> Redacted:
            raise PrivacyError("the cascades are gone")

        with funnel() as f:
            monkeypatch.setattr(module, "redact", lost)
            first, second = fresh(), fresh()
            f.boxes(first, PERSON)
            f.image(first)
            f.peer.await_status("anonymizer", lambda level, text, values: level == 2
                                and "no picture is published: the cascades are gone" in text
                                and values["frames_withheld"] == "1", "an error")
            monkeypatch.setattr(module, "redact", redact)
            f.boxes(second, PERSON)
            f.image(second)
            f.covered(second)
            assert [m.header for m in f.out] == [second]

    def test_without_cascades_the_node_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(config: Any) -> None:
            raise PrivacyError("OpenCV's cascade was not found")

        monkeypatch.setattr(module, "check_cascades", missing)
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(AnonymizerNode, namespace, active=False):
            request = ChangeState.Request()
            request.transition.id = Transition.TRANSITION_CONFIGURE
            assert not peer.call("anonymizer/change_state", ChangeState, request).success
            peer.await_error("anonymizer", "OpenCV's cascade was not found")


def test_while_nobody_listens_nothing_is_taken_or_computed() -> None:
    with funnel(listen=False) as f:
        peer = f.peer.node
        topics = [peer.resolve_topic_name(name) for name in ("gate/image", "detections")]
        f.peer.await_status("anonymizer", lambda *s: s[2]["wanted"] == "False", "diagnostics")
        assert [peer.count_subscribers(topic) for topic in topics] == [0, 0]
        recorder = peer.create_subscription(Image, OUT, f.out.append, RELIABLE)
        header = fresh()
        f.boxes(header)
        f.image(header)
        f.covered(header)
        waiting = fresh()
        f.image(waiting)
        wait_for(lambda: len(f.node._join) == 1, "a frame that waits")
        peer.destroy_subscription(recorder)
        wait_for(lambda: not any(map(peer.count_subscribers, topics)), "the end of listening")
        assert len(f.node._join) == 0 and f.node.stats.counters()["frames"] == 1


@pytest.mark.parametrize("arguments", [["--anonymizer"], []])
def test_in_the_process_of_the_funnel_on_demand(arguments: list[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(funnel_module, "run", lambda kinds, args: made.extend(
        kind.default_name for kind in kinds))
    funnel_module.main(arguments)
    stages = ["scene_qa", "fusion", "detector", "depth", "gate"]
    assert made == (["anonymizer", *stages] if arguments else stages)


def stuck(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Covering does not come back until the event is set."""
    go = threading.Event()

    def slow(*arguments: Any) -> Redacted:
        go.wait(20.0)
        return redact(*arguments)

    monkeypatch.setattr(module, "redact", slow)
    return go


def test_the_newest_frame_replaces_the_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    go = stuck(monkeypatch)
    with funnel(dead_after_s=0.2) as f:
        headers = [fresh() for _ in range(3)]
        for header in headers:
            f.boxes(header)
            f.image(header)
            wait_for(lambda: f.node._worker.busy_since_s, "the work")
        f.peer.await_error("anonymizer", "anonymizer is dead:")
        wait_for(lambda: f.node._worker.counts.replaced == 1, "the replaced frame")
        go.set()
        f.covered(headers[2])
        assert [m.header for m in f.out] == [headers[0], headers[2]]
        f.peer.await_status("anonymizer", lambda *s: s[0] == 0 and s[2]["frames_replaced"] == "1",
                            "health again")


def test_a_frame_that_outlives_the_activation_does_not_go_out(
        monkeypatch: pytest.MonkeyPatch) -> None:
    go = stuck(monkeypatch)
    with funnel() as f:
        f.node._patience_s = 0.05
        old, new = fresh(), fresh()
        f.boxes(old)
        f.image(old)
        worker = f.node._worker
        wait_for(lambda: worker.busy_since_s, "the work")
        f.change(Transition.TRANSITION_DEACTIVATE)
        f.change(Transition.TRANSITION_ACTIVATE)
        go.set()
        wait_for(lambda: worker.busy_since_s is None, "the old worker's end")
        wait_for(lambda: f.peer.node.count_publishers(f.peer.node.resolve_topic_name(OUT)), OUT)
        f.boxes(new)
        f.image(new)
        f.covered(new)
        assert [m.header for m in f.out] == [new]

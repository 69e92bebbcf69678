"""The detector over DDS: frames and regions joined by stamp, and what is wrong is told."""
from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import LATCHED, Peer, fresh_namespace, running, stamp, textured, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import GateState  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import BoundingBox2D, Detection2DArray, LabelInfo  # noqa: E402

from smolvlm_ros.detection import Detections, DetectorInfo  # noqa: E402
from smolvlm_ros.models.embedded import WORLD_FRAME_ID  # noqa: E402
from smolvlm_ros.nodes import detector as detector_module  # noqa: E402
from smolvlm_ros.nodes.detector import DetectorNode  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.boxes import best_hypothesis, from_box, to_box  # noqa: E402
from smolvlm_ros.world import CLASSES, World  # noqa: E402
from smolvlm_ros.world.scoring.detection import truth_of  # noqa: E402

_stamps = itertools.count(1_700_000_000_123_456_789, 100_000_001)
BOX = (8.0, 4.0, 40.0, 36.0)  # a third of the image: a score near one


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames wait a little for their regions; else they wait for longer than any test takes."""
    monkeypatch.setattr(detector_module, "_REGIONS_WAIT_S", 0.1)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_REGIONS_WAIT_S", 60.0)


class Gate:
    """Plays the gate's part, and keeps what the detector finds."""

    def __init__(self, peer: Peer, node: DetectorNode) -> None:
        self.peer, self.node = peer, node
        self.found: list[Detection2DArray] = peer.listen("detections", Detection2DArray)

    def image(self, header: Header, **fields: Any) -> None:
        message = images.from_rgb(textured(48, 64), header)
        for name, value in fields.items():
            setattr(message, name, value)
        self.peer.send("gate/image", message)

    def state(self, header: Header, *boxes: Any, passed: bool = True) -> None:
        regions = [b if isinstance(b, BoundingBox2D) else to_box(b) for b in boxes]
        self.peer.send("gate/state", GateState(header=header, passed=passed, regions=regions))

    def detections(self, header: Header) -> Detection2DArray:
        """Wait for the detections of a frame."""
        return wait_for(lambda: next((d for d in self.found if d.header == header), None),
                        f"the detections of {header.stamp}")


def fresh() -> Header:
    return Header(stamp=stamp(next(_stamps)), frame_id="front_optical")


@contextmanager
def gate(**parameters: Any) -> Iterator[Gate]:
    namespace = fresh_namespace()
    values = {"kind": "regions", **parameters}
    with Peer(namespace) as peer, running(DetectorNode, namespace, **values) as node:
        yield Gate(peer, node)


class TestJoining:
    @pytest.mark.parametrize("first", ["image", "state"])
    def test_regions_and_image_in_either_order(self, first: str) -> None:
        with gate() as funnel:
            header = fresh()
            for part in (first, "state" if first == "image" else "image"):
                funnel.image(header) if part == "image" else funnel.state(header, BOX)
            (detection,) = funnel.detections(header).detections
            assert from_box(detection.bbox) == pytest.approx(BOX)
            name, score = best_hypothesis(detection)
            assert name == "moving" and score > 0.9 and detection.header == header
            assert "frames_without_regions" not in funnel.node.stats.counters()

    def test_a_frame_takes_its_own_regions_and_no_others(self) -> None:
        with gate() as funnel:
            first, second = fresh(), fresh()
            funnel.state(first, BOX)
            funnel.state(second)
            funnel.state(fresh(), BOX, passed=False)  # of a frame that the gate dropped
            funnel.image(second)
            assert funnel.detections(second).detections == []  # nothing is an answer too
            funnel.image(first)
            assert len(funnel.detections(first).detections) == 1

    def test_a_frame_whose_state_never_comes_is_looked_at_all_the_same(self, impatient: None
                                                                       ) -> None:
        with gate() as funnel:
            funnel.peer.publisher("gate/state", GateState)
            header = fresh()
            funnel.image(header)
            assert funnel.detections(header).detections == []
            funnel.peer.await_status("detector", lambda level, text, values: level == 1
                                     and "frames come without gate/state of their stamp" in text
                                     and values["frames_without_regions"] == "1", "a warning")

    def test_a_newer_frame_does_not_wait_for_the_older_ones_state(self) -> None:
        with gate() as funnel:
            first, second = fresh(), fresh()
            funnel.image(first)
            funnel.image(second)
            funnel.detections(first)
            funnel.state(second, BOX)
            assert len(funnel.detections(second).detections) == 1

    @pytest.mark.parametrize("parameters", [{"use_regions": False}, {"kind": "hog"}])
    def test_without_a_gate_nothing_is_waited_for(self, parameters: dict[str, Any]) -> None:
        with gate(**parameters) as funnel:
            name = funnel.peer.node.resolve_topic_name("gate/state")
            assert funnel.peer.node.count_subscribers(name) == 0
            header = fresh()
            funnel.image(header)
            assert funnel.detections(header).detections == []
            assert "frames_without_regions" not in funnel.node.stats.counters()


class TestLabels:
    def test_they_are_there_for_those_who_come_later(self) -> None:
        with gate(kind="hog_regions", min_score=0.25) as funnel:
            labels = funnel.peer.listen("label_info", LabelInfo, LATCHED)
            (info,) = wait_for(lambda: labels, "the labels")
            assert [(c.class_id, c.class_name) for c in info.class_map] == [
                (0, "person"), (1, "moving")]
            assert info.threshold == 0.25

    def test_classes_that_are_not_kept_are_not_listed(self) -> None:
        with gate(kind="hog_regions", classes=["moving"]) as funnel:
            labels = funnel.peer.listen("label_info", LabelInfo, LATCHED)
            (info,) = wait_for(lambda: labels, "the labels")
            assert [(c.class_id, c.class_name) for c in info.class_map] == [(1, "moving")]

    def test_the_threshold_changes_and_is_told_again(self) -> None:
        with gate() as funnel:
            labels = funnel.peer.listen("label_info", LabelInfo, LATCHED)
            wait_for(lambda: labels, "the labels")
            (result,) = funnel.node.set_parameters([Parameter("min_score", value=0.99)])
            assert result.successful
            wait_for(lambda: labels[-1].threshold == pytest.approx(0.99), "the new threshold")
            header = fresh()
            funnel.state(header, BOX)
            funnel.image(header)
            assert funnel.detections(header).detections == []  # its score is 0.97

    def test_a_score_of_one_class_changes_and_one_of_an_unknown_class_is_told(self) -> None:
        with gate() as funnel:
            for entries, level in (("moving: 0.99",), 0), (("cat: 0.5", "moving: 0.99"), 1):
                (result,) = funnel.node.set_parameters([Parameter("class_scores", value=entries)])
                assert result.successful
                funnel.peer.await_status("detector", lambda now, text, values, level=level:
                                         now == level and ("names cat" in text) == bool(level),
                                         "what is wrong with them")
                header = fresh()
                funnel.state(header, BOX)
                funnel.image(header)
                assert funnel.detections(header).detections == []  # its score is 0.97
            (result,) = funnel.node.set_parameters([Parameter("class_scores", value=["moving"])])
            assert not result.successful and "expected a class and a score" in result.reason

    def test_the_kind_does_not_change_while_running(self) -> None:
        with gate() as funnel:
            (result,) = funnel.node.set_parameters([Parameter("kind", value="hog")])
            assert not result.successful and "kind cannot change" in result.reason


class TestFaults:
    def test_a_bad_image_is_told_and_the_next_one_is_looked_at(self) -> None:
        with gate() as funnel:
            bad, good = fresh(), fresh()
            funnel.state(bad, BOX)
            funnel.image(bad, encoding="rgb9")
            funnel.peer.await_error("detector", "gate/image: encoding 'rgb9' is not supported")
            funnel.state(good, BOX)
            funnel.image(good)
            assert len(funnel.detections(good).detections) == 1
            assert [d.header for d in funnel.found] == [good]  # broken is not 'nothing seen'

    def test_a_box_that_is_none_is_told_and_the_frame_is_looked_at(self, impatient: None) -> None:
        with gate() as funnel:
            header = fresh()
            funnel.state(header, BoundingBox2D(size_x=math.nan, size_y=1.0))
            funnel.peer.await_error("detector", "gate/state: box at")
            funnel.image(header)
            funnel.detections(header)

    def test_a_recording_that_loops(self) -> None:
        with gate() as funnel:
            late, early = fresh(), Header(stamp=stamp(5))
            for header in (late, early):
                funnel.state(header, BOX)
                funnel.image(header)
                assert len(funnel.detections(header).detections) == 1

    def test_a_detector_that_does_not_come_back_is_dead(self,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
        go = stuck(monkeypatch)
        with gate(use_regions=False, dead_after_s=0.2) as funnel:
            headers = [fresh() for _ in range(3)]
            for header in headers:
                funnel.image(header)
                wait_for(lambda: funnel.node._worker.busy_since_s, "the work")
            funnel.peer.await_error("detector", "detector is dead:")
            # nothing waits behind it but the newest frame
            wait_for(lambda: funnel.node._worker.counts.replaced == 1, "the replaced frame")
            go.set()
            funnel.detections(headers[2])
            assert [d.header for d in funnel.found] == [headers[0], headers[2]]
            funnel.peer.await_status("detector", lambda *s: s[0] == 0
                                     and s[2]["frames_replaced"] == "1", "health again")


def stuck(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A detector that does not come back until the event is set."""
    go = threading.Event()

    class Stuck:
        name, labels, config = "stuck", ("person",), None
        info = DetectorInfo()

        def detect(self, image_rgb: np.ndarray, regions: Any = ()) -> Detections:
            go.wait(20.0)
            return Detections()

        def close(self) -> None:
            pass

    monkeypatch.setattr(detector_module, "make_detector", lambda config: Stuck())
    return go


def test_a_frame_that_outlives_the_activation_is_not_told_in_the_next_one(
        monkeypatch: pytest.MonkeyPatch) -> None:
    go = stuck(monkeypatch)
    with gate(use_regions=False) as funnel:
        funnel.node._patience_s = 0.05
        funnel.image(fresh())
        worker = funnel.node._worker
        wait_for(lambda: worker.busy_since_s, "the work")
        for step in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=step))
            assert funnel.peer.call("detector/change_state", ChangeState, request).success
        go.set()
        wait_for(lambda: worker.busy_since_s is None, "the old worker's end")
        new = fresh()
        funnel.image(new)
        funnel.detections(new)
        assert [d.header for d in funnel.found] == [new]


def test_a_message_from_elsewhere_needs_no_code_of_ours() -> None:
    with gate(use_regions=False) as funnel:
        message = Image(header=fresh(), height=2, width=2, encoding="mono8", step=2)
        message.data = bytes(4)
        funnel.peer.send("gate/image", message)
        funnel.detections(message.header)


class TestEmbedded:
    """The detector of the embedded world, on its world and on another camera's image."""

    def test_what_the_world_shows_and_nothing_else(self, tmp_path: Path) -> None:
        pytest.importorskip("torch", reason="the checkpoint is exported")
        pytest.importorskip("onnx", reason="the checkpoint is exported")
        pytest.importorskip("onnxruntime", reason="the detector runs on it")
        from smolvlm_ros.models.export_detector import export_detector
        model = export_detector("world-detector", tmp_path / "detector.onnx").path
        frame = World("room", seed=5, camera="static").frame(300)
        truth = truth_of(frame)
        with gate(kind="onnx", model=str(model), min_score=0.5, onnx__num_threads=1) as funnel:
            labels = funnel.peer.listen("label_info", LabelInfo, LATCHED)
            (info,) = wait_for(lambda: labels, "the labels")
            assert tuple(c.class_name for c in info.class_map) == CLASSES
            assert info.threshold == 0.5
            refused = fresh()
            funnel.peer.send("gate/image", images.from_rgb(frame.image_rgb, refused))
            _, text, values = funnel.peer.await_status(
                "detector", lambda *s: s[0] == 2 and "embedded world" in s[1], "health")
            assert "'front_optical'" in text and values["licence"] == "Apache-2.0"
            header = Header(stamp=stamp(next(_stamps)), frame_id=WORLD_FRAME_ID)
            funnel.peer.send("gate/image", images.from_rgb(frame.image_rgb, header))
            found = [best_hypothesis(d) for d in funnel.detections(header).detections]
            shown = [n for n, counts in zip(truth.class_names, truth.counts, strict=True) if counts]
            assert shown and {name for name, _ in found} == set(shown)
            assert all(d.header != refused for d in funnel.found)

    def test_a_file_that_is_missing_is_a_refusal(self) -> None:
        with Peer(namespace := fresh_namespace()) as peer, \
                running(DetectorNode, namespace, active=False, kind="onnx", model="/gone.onnx"):
            request = ChangeState.Request()
            request.transition.id = Transition.TRANSITION_CONFIGURE
            assert not peer.call("detector/change_state", ChangeState, request).success
            peer.await_error("detector", "/gone.onnx does not exist")

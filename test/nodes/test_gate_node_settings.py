"""The gate over DDS: its parameters while it runs, and its detector beside it."""
from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from gate_camera import camera, scene  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from smolvlm_ros.msg import GateState  # noqa: E402

from smolvlm_ros.detection import Detections, DetectorInfo  # noqa: E402
from smolvlm_ros.nodes import gate as gate_module  # noqa: E402


class TestParameters:
    def test_the_gate_takes_new_values_while_running(self) -> None:
        with camera() as front:
            front.show(scene(0))
            assert not front.show(scene(1)).passed
            (result,) = front.node.set_parameters([Parameter("heartbeat_s", value=0.1)])
            assert result.successful
            assert front.show(scene(2)).reason == GateState.REASON_HEARTBEAT

    def test_a_polygon_that_is_none_is_refused(self) -> None:
        with camera() as front:
            (result,) = front.node.set_parameters([Parameter("ignore_masks", value=["0 0, 1 1"])])
            assert not result.successful and "at least three corners" in result.reason
            front.show(scene(0))

    def test_counting_begins_anew_with_each_activation(self) -> None:
        with camera() as front:
            front.show(scene(0))
            for step in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
                         Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
                request = ChangeState.Request(transition=Transition(id=step))
                assert front.peer.call("gate/change_state", ChangeState, request).success
            state = front.show(scene(0))
            assert state.passed and state.frames_in == 1 and not state.repeated


class Finder:
    """A detector that says what its test tells it to, when its test lets it."""

    name, labels, info = "test", ("person",), DetectorInfo()

    def __init__(self) -> None:
        self.config: Any = None
        self.go = threading.Event()
        self.error: Exception | None = None
        self.threads: set[str] = set()

    def detect(self, image_rgb: np.ndarray, regions: Any = ()) -> Detections:
        self.threads.add(threading.current_thread().name)
        self.go.wait(10.0)
        if self.error is not None:
            raise self.error
        return Detections(np.array([[1, 1, 9, 9]], np.float32), np.array([0.9], np.float32),
                          ("person",))

    def close(self) -> None:
        pass


class TestDetector:
    def test_it_works_beside_the_frames_and_opens_the_gate(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        finder = Finder()
        monkeypatch.setattr(gate_module, "make_detector", lambda config: finder)
        with camera(detector=True, detector_rate_hz=100.0, max_pass_rate_hz=100.0) as front:
            front.show(scene(0))
            wait_for(lambda: finder.threads, "the detector at work")
            assert not front.show(scene(1)).passed  # nobody waits for it
            finder.go.set()
            seeds = itertools.count(2)
            state = wait_for(lambda: (s := front.show(scene(next(seeds)))).passed and s,
                             "a frame that passes")
            assert state.reason == GateState.REASON_DETECTOR
            assert (state.detected_class, state.detected_score) == ("person", pytest.approx(0.9))
            assert finder.threads == {"gate_detector"}
            front.peer.await_status("gate", lambda *s: "gate_detector_p95_ms" in s[2], "its time")

    def test_a_detector_that_fails_is_told_and_the_gate_goes_on(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        finder = Finder()
        finder.error = RuntimeError("the model has died")
        finder.go.set()
        monkeypatch.setattr(gate_module, "make_detector", lambda config: finder)
        with camera(detector=True) as front:
            assert front.show(scene(0)).passed
            front.peer.await_error("gate", "gate_detector: the model has died")
            assert not front.show(scene(1)).passed

    def test_it_is_switched_on_while_running(self) -> None:
        with camera() as front:
            front.show(scene(0))
            (result,) = front.node.set_parameters([Parameter("detector", value=True)])
            assert result.successful
            seeds = itertools.count(1)  # HOG itself, which finds nobody in a small blur
            wait_for(lambda: front.show(scene(next(seeds))) and "gate_detector" in
                     front.node.stats.percentiles(), "its first look")

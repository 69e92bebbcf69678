"""The camera that leads the funnel through a timeline: its clock, once the frames have ended."""
from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from peer import Peer, wait_for  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from smolvlm_ros.msg import GateState, SceneVerdict, ZoneEvent  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from benchmark.lockstep import Drawn  # noqa: E402
from benchmark.lockstep_camera import LockstepCamera  # noqa: E402
from smolvlm_ros.qa.templates import read_templates  # noqa: E402
from smolvlm_ros.ros.process import Spinner  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402
from smolvlm_ros.world import CAMERA  # noqa: E402

TEMPLATES = """
templates:
  - {name: presence, question: "Is there a {class}?", events: [enter]}
"""
SECOND_FRAME_S = 3.0
CHILD = SimpleNamespace(check=lambda: None)


class LateAnswer:
    """A funnel that drops every frame, and answers its question some time later by the clock."""

    def __init__(self, peer: Peer) -> None:
        self.times: list[float] = []
        self._peer, self._since_s = peer, np.inf
        peer.node.create_subscription(Clock, "/clock", self._on_clock, 50)
        for topic, kind in (("gate/state", GateState), ("zone_events", ZoneEvent),
                            ("verdicts", SceneVerdict)):
            peer.publisher(topic, kind)

    def raise_question(self) -> None:
        self._since_s = self.times[-1]
        self._peer.send("zone_events", ZoneEvent(kind=ZoneEvent.ENTER, zone="door", track_id="1",
                                                 class_name="person"))

    def drop(self, stamp_s: float) -> None:
        header = Header()
        header.stamp.sec = int(stamp_s)
        self._peer.send("gate/state", GateState(header=header, frames_in=1))

    def _on_clock(self, message: Clock) -> None:
        self.times.append(to_seconds(message.clock))
        if self.times[-1] - self._since_s > SECOND_FRAME_S:
            self._since_s = np.inf
            self._peer.send("verdicts", SceneVerdict(zone="door", track_id="1",
                                                     question="Is there a person?"))


def test_after_the_last_frame_time_goes_on_until_who_waits_by_it_has_answered(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.lockstep_camera._VERDICTS_S", 30.0)
    spinner = Spinner(LockstepCamera(CAMERA, read_templates(TEMPLATES), truth=False))
    camera = spinner.node
    try:
        with Peer() as peer:
            funnel = LateAnswer(peer)
            # A frame that does not pass is the last: its time is in no look.
            funnel.drop(1057.0)
            wait_for(lambda: camera._states, "the gate's state")
            wait_for(camera._clock_out.get_subscription_count, "somebody who reads the clock")
            camera.show(Drawn(57.0, np.zeros((480, 640, 3), np.uint8),
                              np.ones((480, 640), np.float32), np.eye(4), ()), CHILD)
            wait_for(lambda: funnel.times and funnel.times[-1] == 1057.0, "the frame's time")
            funnel.raise_question()
            wait_for(lambda: camera.log().events, "the event")
            camera.await_verdicts(CHILD)
            (verdict,) = camera.log().verdicts
            assert verdict.question == "Is there a person?" and verdict.answer is None
            assert all(b > a for a, b in itertools.pairwise(funnel.times)), "time went back"
            assert funnel.times[-1] - 1057.0 > SECOND_FRAME_S
    finally:
        assert spinner.stop()

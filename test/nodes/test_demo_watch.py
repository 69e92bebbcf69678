"""The demo's eyes: whose depth they show and record, and who does not start."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="needs ROS 2 and the built interfaces")
pytest.importorskip("vision_msgs", reason="the funnel needs vision_msgs")

from peer import Peer, running, stamp, wait_for  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from smolvlm_ros.msg import ZoneEvent  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.demo.journal import Journal  # noqa: E402
from smolvlm_ros.demo.wiring import Wiring  # noqa: E402
from smolvlm_ros.nodes.demo_watch import DemoWatch  # noqa: E402
from smolvlm_ros.nodes.video_source import VideoSourceNode  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.process import Spinner  # noqa: E402

SECOND = 10**9
SENSOR, GUESS = "source/depth", "depth"


class Recorder:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.added: list[tuple[str, bytes]] = []

    def add_topic(self, topic: str, *_: Any, **__: Any) -> None:
        self.topics.add(topic)

    def add(self, topic: str, serialised: bytes, _: int) -> None:
        self.added.append((topic, serialised))

    def depths(self) -> list[tuple[str, int]]:
        """Topic and second of each depth message."""
        kinds = {"image_rect": Image, "camera_info": CameraInfo}
        return [(topic, deserialize_message(data, kinds[topic.rsplit("/", 1)[1]]).header.stamp.sec)
                for topic, data in self.added if "depth/" in topic]


@contextmanager
def watch(wiring: Wiring) -> Iterator[tuple[DemoWatch, Journal, Recorder]]:
    journal, recorder = Journal("a test"), Recorder()
    spinner = Spinner(DemoWatch(journal, recorder, None, wiring))  # type: ignore[arg-type]
    try:
        yield spinner.node, journal, recorder
    finally:
        assert spinner.stop()


def header(second: int) -> Header:
    return Header(stamp=stamp(second * SECOND), frame_id="camera")


def send_depth(peer: Peer, topic: str, second: int, metres: float) -> None:
    depth = images.from_depth_m(np.full((6, 8), metres, np.float32), header(second))
    info = CameraInfo(header=header(second))
    for name, message in (("image_rect", depth), ("camera_info", info)):
        peer.publisher(f"{topic}/{name}", type(message), matched=False).publish(message)


def send_passed(peer: Peer, second: int) -> None:
    peer.send("gate/image", images.from_bgr(np.zeros((6, 8, 3), np.uint8), header(second)))


@pytest.mark.parametrize(("depth", "topic", "metres"), [(True, SENSOR, 2.0), (False, GUESS, 7.0)])
def test_shown_and_recorded_is_the_depth_that_fusion_takes(depth: bool, topic: str, metres: float
                                                           ) -> None:
    with watch(Wiring(depth=depth)) as (node, journal, recorder), Peer() as peer:
        for name in ("image_rect", "camera_info"):  # both are there; one of them is heard
            peer.publisher(f"{SENSOR}/{name}", Image if name == "image_rect" else CameraInfo,
                           matched=depth)
            peer.publisher(f"{GUESS}/{name}", Image if name == "image_rect" else CameraInfo,
                           matched=not depth)
        for second in (1, 2, 3):  # a source's comes with each frame, the node's with those passed
            send_depth(peer, SENSOR, second, 2.0)
        wanted = [(f"/{topic}/{name}", second) for second in (2, 5)
                  for name in ("image_rect", "camera_info")]
        send_passed(peer, 2)
        send_depth(peer, GUESS, 2, 7.0)
        wait_for(lambda: len(recorder.depths()) >= 2, "the depth of the first frame that passed")
        # The frame may also come before its depth.
        send_passed(peer, 5)
        wait_for(lambda: 5 * SECOND in node._passed, "the frame")
        send_depth(peer, SENSOR, 5, 2.0)
        send_depth(peer, GUESS, 5, 7.0)
        wait_for(lambda: len(recorder.depths()) >= 4, "the depth of the second frame that passed")
        assert sorted(recorder.depths()) == sorted(wanted)
        assert ({t for t in recorder.topics if "depth/" in t}
                == {f"/{topic}/image_rect", f"/{topic}/camera_info"})
        wait_for(lambda: 5 * SECOND in node._depths, "its depth")
        peer.send("zone_events", ZoneEvent(header=header(5), kind=ZoneEvent.ENTER, track_id="1"))
        moment = wait_for(lambda: journal.moments, "the moment")[0]
        assert (moment.depth_m == metres).all()


def test_a_node_that_does_not_start_is_noted_with_its_reason() -> None:
    with watch(Wiring()) as (node, _, _), running(
            VideoSourceNode, "", active=False, autostart=True, source="no/such.mp4"):
        wait_for(lambda: node.refused, "the refusal")
        assert list(node.refused) == ["video_source"]
        assert node.refused["video_source"].startswith("configure failed: source no/such.mp4 does")
        assert not node.active

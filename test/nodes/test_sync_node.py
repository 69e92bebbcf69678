"""Messages joined by stamp over DDS: any order, no partner, jumps back in time, bad input."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("vision_msgs.msg", reason="needs ROS 2 and the built interfaces")

from peer import Peer, fresh_namespace, running, stamp, wait_for  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.ros.interface import Endpoint, Interface  # noqa: E402
from smolvlm_ros.ros.lifecycle import FunnelNode  # noqa: E402
from smolvlm_ros.ros.parameters import NodeSettings  # noqa: E402
from smolvlm_ros.ros.stamps import to_nanoseconds  # noqa: E402
from smolvlm_ros.ros.sync import StampSync  # noqa: E402
from smolvlm_ros.settings import setting  # noqa: E402

LEFT = Endpoint("left", "sensor_msgs/msg/CameraInfo", "One input.")
RIGHT = Endpoint("right", "sensor_msgs/msg/CameraInfo", "The other.")
START_NS = 1_700_000_000_123_456_789


@dataclass(frozen=True)
class JoinSettings(NodeSettings):
    """The joiner's parameters."""

    slop_s: float = setting(0.0, "Slop.")


class JoinNode(FunnelNode[JoinSettings]):
    """Joins two topics."""

    settings_class = JoinSettings
    default_name = "joiner"
    interface = Interface("Joins.", inputs=(LEFT, RIGHT))

    def start(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.jumps: list[float] = []
        self.sync = StampSync(self, (LEFT, RIGHT), self._on_pair, 4, self.settings.slop_s,
                              self.jumps.append)

    def _on_pair(self, left: CameraInfo, right: CameraInfo) -> None:
        if left.width:
            raise ValueError("a width is not wanted here")
        self.pairs.append(tuple((to_nanoseconds(m.header.stamp) - START_NS) for m in (left, right)))


def info(after_ns: int, **fields: Any) -> CameraInfo:
    return CameraInfo(header=Header(stamp=stamp(START_NS + after_ns)), **fields)


def test_pairs_in_any_order_and_what_finds_no_partner_is_counted() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(JoinNode, namespace) as node:
        for topic, at in (("left", 1), ("right", 2), ("right", 1), ("left", 3), ("left", 2)):
            peer.send(topic, info(at))
        wait_for(lambda: len(node.pairs) == 2, "two pairs")
        assert sorted(node.pairs) == [(1, 1), (2, 2)]
        wait_for(lambda: node.sync.unmatched == 1, "the one without a partner")


def test_stamps_within_the_slop() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(JoinNode, namespace, slop_s=0.02) as node:
        for topic, at in (("left", 0), ("right", 10**7), ("left", 10**9), ("right", 10**9 + 10**8)):
            peer.send(topic, info(at))
        # two are without a partner, too, while the first pair is on its way
        wait_for(lambda: node.pairs and node.sync.unmatched == 2, "the pair that is too far apart")
        assert node.pairs == [(0, 10**7)]


def test_an_input_whose_stamps_never_come_on_the_other_is_an_error_until_they_do() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(JoinNode, namespace) as node:
        peer.publisher("right", CameraInfo)
        for at in range(5):  # one more than may wait
            peer.send("left", info(at))
        peer.await_error("joiner", "no stamp of the last 5 messages on left has come on the other "
                         "inputs (messages there since then: 0 on right)")
        peer.send("right", info(4))
        wait_for(lambda: node.pairs == [(4, 4)], "the pair")
        peer.await_status("joiner", lambda level, *_: level == 0, "health")


def test_a_recording_that_loops_is_joined_again() -> None:
    namespace = fresh_namespace()
    second = 10**9
    with Peer(namespace) as peer, running(JoinNode, namespace) as node:
        for at in (10, 11, 12, 13):  # these wait for ever: their queue is full
            peer.send("left", info(at * second))
        wait_for(lambda: node.sync.unmatched == 4, "the first pass")
        for at in (1, 2):
            peer.send("left", info(at * second))
            peer.send("right", info(at * second))
        wait_for(lambda: node.pairs == [(second, second), (2 * second, 2 * second)], "both pairs")
        assert node.jumps == [pytest.approx(12.0)]
        peer.await_status("joiner", lambda *s: s[2].get("time_jumps_back") == "1", "the count")


def test_bad_input_is_reported_and_the_next_pair_is_heard() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(JoinNode, namespace) as node:
        for at, width in ((1, 5), (2, 0)):
            peer.send("left", info(at, width=width))
            peer.send("right", info(at))
        wait_for(lambda: node.pairs == [(2, 2)], "the good pair")
        peer.await_error("joiner", "left: a width is not wanted here")
        assert peer.status("joiner")[2]["bad_input"] == "1"

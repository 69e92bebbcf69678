"""Images that are published, but by the transport that a node does not listen to."""
from __future__ import annotations

from typing import Any

from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint

_LOOK_S = 1.0
_FAULT = "image transport"


class OtherTransport:
    """Reports an error while only the topic of the other transport has a publisher.

    Args:
        node: a FunnelNode; while it is active the look-out is its own.
        heard: the input it listens to.
        other: the input of the other transport.
        cure: what to change, for the text.
    """

    def __init__(self, node: Any, heard: Endpoint, other: Endpoint, cure: str) -> None:
        self._node = node
        self._heard, self._other = (node.resolve_topic_name(each.name) for each in (heard, other))
        self._cure = cure
        timer = node.create_timer(_LOOK_S, self._look, clock=node.steady_clock)
        node.own("transport look-out", lambda: node.destroy_timer(timer))
        node.own("transport fault", lambda: node.faults.clear(_FAULT))

    def _look(self) -> None:
        node = self._node
        if node.count_publishers(self._other) and not node.count_publishers(self._heard):
            node.faults.set(_FAULT, Level.ERROR, f"{self._heard} is not published, "
                            f"{self._other} is; {self._cure}")
        else:
            node.faults.clear(_FAULT)

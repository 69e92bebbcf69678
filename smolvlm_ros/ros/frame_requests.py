"""Asking the gate for a frame, without waiting for it."""
from __future__ import annotations

from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from smolvlm_ros.ros.interface import Endpoint


class FrameRequests:
    """Asks the gate to let its next frame pass, now and then at most.

    Args:
        node: the FunnelNode; the client lives until its present phase ends.
        service: the gate's.
        every_s: least time between two, by the stamps of frames.
    """

    def __init__(self, node: Any, service: Endpoint, every_s: float) -> None:
        self._node = node
        self._every_s = every_s
        self._asked_s = float("-inf")
        self._answer: Any = None
        self._client = node.create_client(Trigger, service.name,
                                          callback_group=ReentrantCallbackGroup())
        node.own("frame requests", lambda: node.destroy_client(self._client))

    def ask(self, stamp_s: float) -> None:
        """Ask, unless there is no gate or it was asked a moment ago; a clock may be set back."""
        if (abs(stamp_s - self._asked_s) < self._every_s) or not self._client.service_is_ready():
            return
        self._asked_s = stamp_s
        if self._answer is not None and not self._answer.done():
            self._client.remove_pending_request(self._answer)  # it would be kept for ever
        self._answer = self._client.call_async(Trigger.Request())
        self._node.stats.count("frames_requested")

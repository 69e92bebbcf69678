"""The frames that questions are asked about, and the way to a fresh one."""
from __future__ import annotations

import threading
import time
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from smolvlm_ros.qa.frames import FramePick, FrameRing, RingConfig
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.ros.interface import Endpoint

_ASK_AGAIN_S = 0.5  # a request, or the frame it let pass, may have been lost


class NoFreshFrame(RuntimeError):  # noqa: N818 - it is an answer, not a failure
    """No frame came that was taken after it was asked for; the text says why."""


class FrameSupply:
    """A ring of frames behind a lock, with a client of the gate's request service.

    Args:
        node: the FunnelNode; the client lives until its present phase ends.
        config: of the ring.
        request: the gate's service.
    """

    def __init__(self, node: Any, config: RingConfig, request: Endpoint) -> None:
        self._node = node
        self._ring = FrameRing(config)
        self._changed = threading.Condition()
        self._closed = False
        self._client = node.create_client(Trigger, request.name,
                                          callback_group=ReentrantCallbackGroup())
        node.own("frames", self._close)

    def configure(self, config: RingConfig) -> None:
        """Take other limits."""
        with self._changed:
            self._ring.config = config

    def add(self, frame: Frame) -> None:
        """Keep a frame and wake up who waits for one."""
        with self._changed:
            self._ring.add(frame)
            self._changed.notify_all()

    def newest(self) -> Frame | None:
        """The newest frame."""
        with self._changed:
            return self._ring.newest

    def shown_at(self, stamp_s: float) -> Frame | None:
        """What the scene looked like at that time: the newest frame that is not newer."""
        with self._changed:
            return self._ring.shown_at(stamp_s)

    def first_since(self, stamp_s: float) -> Frame | None:
        """The oldest frame not older than that time."""
        with self._changed:
            return self._ring.first_since(stamp_s)

    def pick(self, min_separation_s: float, max_age_s: float | None = None) -> FramePick:
        """The newest frame and one before it; see FrameRing.pick."""
        with self._changed:
            return self._ring.pick(self._now_s(), min_separation_s, max_age_s)

    def request(self) -> Any:
        """Ask the gate to pass its next frame; the future of its answer, None without a gate."""
        if not self._client.service_is_ready():
            return None
        self._node.stats.count("frames_requested")
        return self._client.call_async(Trigger.Request())

    def await_fresh(self, deadline_s: float) -> None:
        """Wait for a frame that was taken after this call.

        Args:
            deadline_s: of time.monotonic.

        Raises:
            NoFreshFrame: none came in time, or the gate is not there or refuses.
        """
        asked_s = self._now_s()
        while time.monotonic() < deadline_s and not self._closed:
            before = self.newest()
            answer = self.request()
            if answer is None:
                raise NoFreshFrame("no gate to ask for a fresh frame; is it running?")
            newest = self._await_other(before, min(deadline_s, time.monotonic() + _ASK_AGAIN_S))
            if newest is not None and newest.stamp_s >= asked_s:
                return
            if not answer.done():
                self._client.remove_pending_request(answer)
            elif not answer.result().success:
                raise NoFreshFrame(f"the gate passes none: {answer.result().message}")
        raise NoFreshFrame("scene QA is shutting down" if self._closed else
                           "no fresh frame came in time; is the camera alive, and are its stamps "
                           "on this machine's clock?")

    def wake(self) -> None:
        """Give up waiting: nothing comes any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _await_other(self, before: Frame | None, until_s: float) -> Frame | None:
        """Wait until another frame is the newest, or the time is over; the newest then."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._ring.newest is not before,
                                   until_s - time.monotonic())
            return self._ring.newest

    def _now_s(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def _close(self) -> None:
        self.wake()
        self._node.destroy_client(self._client)

"""The frames that questions are asked about, and the way to a fresh one."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from smolvlm_ros.qa.crops import Box, CropConfig, ObjectBoxes
from smolvlm_ros.qa.frames import FramePick, FrameRing, RingConfig, pick_two
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.ros.interface import Endpoint

_ASK_AGAIN_S = 0.5  # a request, or the frame it let pass, may have been lost
_EARLY = 16  # boxes may come before their frames


class NoFreshFrame(RuntimeError):  # noqa: N818 - it is an answer, not a failure
    """No frame came that was taken after it was asked for; the text says why."""


class FrameSupply:
    """The recent frames and what is where in them, with a client of the gate's request service.

    Args:
        node: the FunnelNode; the client lives until its present phase ends.
        config: of the ring.
        request: the gate's service.
    """

    def __init__(self, node: Any, config: RingConfig, request: Endpoint) -> None:
        self._node = node
        self._ring = FrameRing(config)
        self._boxes = ObjectBoxes(config.max_frames + _EARLY)
        self._changed = threading.Condition()
        self._closed = False
        self._client = node.create_client(Trigger, request.name,
                                          callback_group=ReentrantCallbackGroup())
        node.own("frames", self._close)

    @property
    def boxes_outside(self) -> int:
        """Boxes of objects that did not lie in their frame's image."""
        return self._boxes.outside

    def configure(self, config: RingConfig) -> None:
        """Take other limits."""
        with self._changed:
            self._ring.config = config
            self._boxes.kept = config.max_frames + _EARLY

    def add(self, frame: Frame) -> None:
        """Keep a frame and wake up who waits for one."""
        with self._changed:
            self._ring.add(frame)
            self._changed.notify_all()

    def tell(self, stamp_s: float, boxes: Mapping[str, Box]) -> None:
        """Take the boxes of the objects in a frame, by track; the frame may come later."""
        with self._changed:
            self._boxes.tell(stamp_s, boxes)
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

    def all_told(self) -> bool:
        """True when it is known which objects every frame kept shows."""
        with self._changed:
            return self._ring.newest is None or self._boxes.known(self._ring.newest.stamp_s)

    def since(self, stamp_s: float) -> tuple[Frame, ...]:
        """The frames not older than that time, oldest first."""
        with self._changed:
            return self._ring.since(stamp_s)

    def crops(self, track_id: str, config: CropConfig, since_s: float = -math.inf) -> list[Frame]:
        """Crops round an object of the frames that show it, oldest first; see ObjectBoxes."""
        with self._changed:
            return self._boxes.crops(self._ring.since(since_s), track_id, config)

    def pick_crops(self, track_id: str, config: CropConfig, min_separation_s: float,
                   max_age_s: float | None = None) -> FramePick:
        """As `pick`, of the frames that show an object, cut to it."""
        found = self.crops(track_id, config)
        if not found:
            return FramePick((), f"no frame kept shows object {track_id!r}; ids are those of "
                             "`objects`")
        return pick_two(found, self._now_s(), min_separation_s, self._ring.config, max_age_s)

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

    def await_told(self, deadline_s: float) -> None:
        """Wait until it is known which objects the newest frame shows, or for so long.

        Args:
            deadline_s: of time.monotonic.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._ring.newest is None
                or self._boxes.known(self._ring.newest.stamp_s), deadline_s - time.monotonic())

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

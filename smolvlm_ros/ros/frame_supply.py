"""The frames that questions are asked about, and the way to a fresh one."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from smolvlm_ros.qa.crops import OBJECT, ZONE, Box, CropConfig, KnownBoxes, Subject
from smolvlm_ros.qa.frames import FramePick, FrameRing, RingConfig, pick_two
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.ros.interface import Endpoint

ASK_AGAIN_S = 0.5  # a request, or the frame it let pass, may have been lost
_LOOK_S = 0.1  # between two looks whether it is still wanted
_EARLY = 16  # boxes may come before their frames
_NAMES = {OBJECT: "ids are those of `objects`", ZONE: "names are those of the zones file, and the "
          "camera must see some of it"}


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
        self._boxes = {of: KnownBoxes(config.max_frames + _EARLY, of) for of in (OBJECT, ZONE)}
        self._changed = threading.Condition()
        self._closed = False
        self._asked: Any = None
        self._client = node.create_client(Trigger, request.name,
                                          callback_group=ReentrantCallbackGroup())
        node.own("frames", self._close)

    @property
    def boxes_outside(self) -> int:
        """Boxes of objects and zones that did not lie in their frame's image."""
        return sum(boxes.outside for boxes in self._boxes.values())

    def configure(self, config: RingConfig) -> None:
        """Take other limits."""
        with self._changed:
            self._ring.config = config
            for boxes in self._boxes.values():
                boxes.kept = config.max_frames + _EARLY

    def add(self, frame: Frame) -> bool:
        """Keep a frame and wake up who waits for one.

        Returns:
            True when the clock of the stamps was restarted: what was before is forgotten.
        """
        with self._changed:
            restarted = self._ring.add(frame, self._node.settings.policy.min_separation_s)
            if restarted:
                for boxes in self._boxes.values():
                    boxes.forget_after(frame.stamp_s)
            self._changed.notify_all()
            return restarted

    def tell(self, stamp_s: float, boxes: Mapping[str, Box], of: str = OBJECT) -> None:
        """Take the boxes of the objects (or zones) in a frame, by track (or name); the frame may
        come later."""
        with self._changed:
            self._boxes[of].tell(stamp_s, boxes)
            self._changed.notify_all()

    def newest(self) -> Frame | None:
        """The newest frame."""
        with self._changed:
            return self._ring.newest

    def shown_at(self, stamp_s: float) -> Frame | None:
        """What the scene looked like at that time: the newest frame that is not newer."""
        with self._changed:
            return self._ring.shown_at(stamp_s)

    def pick(self, min_separation_s: float, max_age_s: float | None = None) -> FramePick:
        """The newest frame and one before it; see FrameRing.pick."""
        with self._changed:
            return self._ring.pick(self.now_s(), min_separation_s, max_age_s)

    def all_told(self, of: str = OBJECT) -> bool:
        """True when it is known which objects (or zones) every frame kept shows."""
        with self._changed:
            return self._all_told(of)

    def since(self, stamp_s: float) -> tuple[Frame, ...]:
        """The frames not older than that time, oldest first."""
        with self._changed:
            return self._ring.since(stamp_s)

    def crops(self, subject: Subject, config: CropConfig, since_s: float = -math.inf
              ) -> list[Frame]:
        """Crops round an object or zone of the frames that show it, oldest first."""
        with self._changed:
            return self._boxes[subject.of].crops(self._ring.since(since_s), subject.name, config)

    def pick_crops(self, subject: Subject, config: CropConfig, min_separation_s: float,
                   max_age_s: float | None = None) -> FramePick:
        """As `pick`, of the frames that show an object or zone, cut to it."""
        found = self.crops(subject, config)
        if not found:
            return FramePick((), f"no frame kept shows {subject}; {_NAMES[subject.of]}")
        return pick_two(found, self.now_s(), min_separation_s, self._ring.config, max_age_s)

    def now_s(self) -> float:
        """Now, on the clock of the stamps."""
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def request(self) -> bool:
        """Ask the gate to pass its next frame, without waiting; False without a gate."""
        with self._changed:
            self._forget(self._asked)  # one that never answers must not fill the memory
            self._asked = self._call()
            return self._asked is not None

    def await_fresh(self, deadline_s: float, should_stop: Callable[[], bool] = lambda: False
                    ) -> float:
        """Wait for a frame that was taken after this call.

        Args:
            deadline_s: of time.monotonic.
            should_stop: asked every tenth of a second; True ends the waiting.

        Returns:
            When it was called, by the clock of the stamps: the frame is no older.

        Raises:
            NoFreshFrame: none came in time or before it was to stop, or the gate is not there or
                refuses.
        """
        asked_s = self.now_s()
        while time.monotonic() < deadline_s and not self._closed and not should_stop():
            before = self.newest()
            answer = self._call()
            if answer is None:
                raise NoFreshFrame("no gate to ask for a fresh frame; is it running?")
            newest = self._await_other(before, min(deadline_s, time.monotonic() + ASK_AGAIN_S),
                                       should_stop)
            if newest is not None and newest.stamp_s >= asked_s:
                self._forget(answer)
                return asked_s
            if not answer.done():
                self._forget(answer)
            elif not answer.result().success:
                raise NoFreshFrame(f"the gate passes none: {answer.result().message}")
        raise NoFreshFrame("scene QA is shutting down" if self._closed else
                           "it is not wanted any more" if should_stop() else
                           "no fresh frame came in time; is the camera alive, and are its stamps "
                           "on this machine's clock?")

    def await_told(self, of: str, deadline_s: float, since_s: float | None = None) -> bool:
        """Wait until it is known which objects or zones the newest frame shows, or for so long.

        Args:
            of: 'object' or 'zone'.
            deadline_s: of time.monotonic.
            since_s: wait for what any frame shows that is not older than this, by its stamp.

        Returns:
            True when it is known.
        """
        def told() -> bool:
            return self._all_told(of) if since_s is None else self._boxes[of].known(since_s)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or told(), deadline_s - time.monotonic())
            return told()

    def wake(self) -> None:
        """Give up waiting: nothing comes any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _all_told(self, of: str) -> bool:
        newest = self._ring.newest
        return newest is None or self._boxes[of].known(newest.stamp_s)

    def _call(self) -> Any:
        """The future of the gate's answer; None without a gate."""
        if not self._client.service_is_ready():
            return None
        self._node.stats.count("frames_requested")
        return self._client.call_async(Trigger.Request())

    def _forget(self, answer: Any) -> None:
        """Wait for that answer no more; without this the client keeps it for ever."""
        if answer is not None and not answer.done():
            self._client.remove_pending_request(answer)

    def _await_other(self, before: Frame | None, until_s: float,
                     should_stop: Callable[[], bool]) -> Frame | None:
        """Wait until another frame is the newest, or no longer; the newest then."""
        with self._changed:
            while not should_stop() and time.monotonic() < until_s:
                left_s = min(_LOOK_S, until_s - time.monotonic())
                if self._changed.wait_for(
                        lambda: self._closed or self._ring.newest is not before, left_s):
                    break
            return self._ring.newest

    def _close(self) -> None:
        self.wake()
        self._node.destroy_client(self._client)

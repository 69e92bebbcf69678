"""The buffer that nodes ask: BufferCore with waiting, a clock and a service."""
from __future__ import annotations

import time as system_time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.srv import FrameGraph

from .buffer_core import BufferCore

POLL_S = 0.02
"""How often a waiting lookup looks again."""


class Buffer(BufferCore):
    """Known transforms of the last `cache_time` (10 s), emptied when time jumps backwards.

    Args:
        cache_time: how long transforms are kept.
        node: gives the clock whose jumps are heeded, and the service `tf2_frames`.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        super().__init__(cache_time)
        self._new_data_callbacks: list[Callable[[], None]] = []
        if node is not None:
            self.srv = node.create_service(FrameGraph, "tf2_frames", self._on_frames_asked)
        self.clock = node.get_clock() if node is not None else Clock()
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1),
                                  on_clock_change=True)
        self.jump_handle = self.clock.create_jump_callback(
            threshold, post_callback=self.time_jump_callback)

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        """Forgets everything that depends on time."""
        get_logger("tf2_buffer").warning("Detected jump back in time. Clearing tf buffer.")
        self.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Takes a transform valid at its stamp."""
        super().set_transform(transform, authority)
        self._call_new_data_callbacks()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Takes a transform valid at all times."""
        super().set_transform_static(transform, authority)
        self._call_new_data_callbacks()

    def lookup_transform(self, target_frame: str, source_frame: str, time: Any,
                         timeout: Duration | None = None) -> TransformStamped:
        """Returns the transform that takes points of `source_frame` to `target_frame`.

        Waits up to `timeout` for it; raises what lookup_transform_core raises.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(self, target_frame: str, target_time: Any, source_frame: str,
                              source_time: Any, fixed_frame: str,
                              timeout: Duration | None = None) -> TransformStamped:
        """As lookup_transform, from one time to another through a frame that stands still."""
        self.can_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame,
                                timeout)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame,
                                               source_time, fixed_frame)

    def can_transform(self, target_frame: str, source_frame: str, time: Any,
                      timeout: Duration | None = None,
                      return_debug_tuple: bool = False) -> bool | tuple[bool, str]:
        """Returns whether a lookup will succeed, after waiting up to `timeout` for it."""
        answer = self._wait(
            lambda: self.can_transform_core(target_frame, source_frame, time), timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(self, target_frame: str, target_time: Any, source_frame: str,
                           source_time: Any, fixed_frame: str, timeout: Duration | None = None,
                           return_debug_tuple: bool = False) -> bool | tuple[bool, str]:
        """Returns whether a full lookup will succeed, after waiting up to `timeout` for it."""
        answer = self._wait(
            lambda: self.can_transform_full_core(target_frame, target_time, source_frame,
                                                 source_time, fixed_frame), timeout)
        return answer if return_debug_tuple else answer[0]

    async def lookup_transform_async(self, target_frame: str, source_frame: str,
                                     time: Time) -> TransformStamped:
        """Returns the transform as soon as it can be had, without blocking the executor."""
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def wait_for_transform_async(self, target_frame: str, source_frame: str,
                                 time: Time) -> Future:
        """Returns a future that holds the transform as soon as it can be had."""
        future = Future()

        def try_it() -> None:
            if not future.done() and self.can_transform_core(target_frame, source_frame, time)[0]:
                future.set_result(self.lookup_transform_core(target_frame, source_frame, time))

        try_it()
        if not future.done():
            self._new_data_callbacks.append(try_it)
            future.add_done_callback(lambda _: self._new_data_callbacks.remove(try_it))
        return future

    def _call_new_data_callbacks(self) -> None:
        for callback in list(self._new_data_callbacks):  # one that is served removes itself
            callback()

    @staticmethod
    def _wait(ask: Callable[[], tuple[bool, str]],
              timeout: Duration | None) -> tuple[bool, str]:
        """Asks until the answer is yes or the timeout has passed, in system time as tf2 does."""
        until_s = system_time.monotonic() + (timeout.nanoseconds / 1e9 if timeout else 0.0)
        answer = ask()
        while not answer[0] and system_time.monotonic() < until_s:
            system_time.sleep(POLL_S)
            answer = ask()
        return answer

    def _on_frames_asked(self, request: FrameGraph.Request,
                         response: FrameGraph.Response) -> FrameGraph.Response:
        response.frame_yaml = self.all_frames_as_yaml()
        return response

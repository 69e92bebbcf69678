"""The questions that zone events raise: they wait for a second frame, and are then asked."""
from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from smolvlm_ros.msg import ZoneEvent
from smolvlm_ros.qa.engine import NoEngine
from smolvlm_ros.qa.scheduler import Refused
from smolvlm_ros.qa.templates import Asked, Template, questions_for
from smolvlm_ros.qa.verdict import Verdict
from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.stamps import to_seconds
from smolvlm_ros.ros.verdicts import unsure

_PRIORITY = 1
_SAME_S = 1e-3  # a stamp's seconds are not exact


@dataclass
class _Waiting:
    """A question that waits for its frames.

    Attributes:
        since_s: when it began to wait, by the process's clock.
        requested: frames asked of the gate: none, the first, both.
        first_seen_s: when the first frame was there, by the clock of the stamps.
    """

    asked: Asked
    event: ZoneEvent
    since_s: float
    requested: int = 0
    first_seen_s: float | None = None


class EventQuestions:
    """Asks the templates' questions; every event that raises one gets its verdict.

    Both frames show the scene since the event: its own frame and one some time later. An event that
    came with the time (somebody has stayed) has no frame of its own, and the last one that passed
    may show what was before. A gate that sees nothing new passes none: it is asked for them.

    Args:
        node: the scene_qa node.
        templates: what to ask.
    """

    def __init__(self, node: Any, templates: Sequence[Template]) -> None:
        self._node = node
        self._templates = tuple(templates)
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Questions that wait for their second frame."""
        return len(self._waiting)

    def add(self, event: ZoneEvent, kind: str) -> None:
        """Take a zone event; `kind` is 'enter', 'dwell' or 'leave'.

        Raises:
            QuestionError: its class or zone has a name that must not reach the model.
        """
        asked = questions_for(self._templates, event.class_name, event.zone, kind)
        with self._lock:
            self._waiting += [_Waiting(a, event, time.monotonic()) for a in asked]
        self.tick()

    def tick(self) -> None:
        """Ask those whose second frame is there, and those that have waited for it too long."""
        now_s = time.monotonic()
        ready: list[_Waiting] = []
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for item in waiting:
                (ready if self._ready(item, now_s) else self._waiting).append(item)
        for item in ready:
            self._ask(item)

    def _ready(self, item: _Waiting, now_s: float) -> bool:
        node = self._node
        waited_s = now_s - item.since_s
        if isinstance(node.engine, NoEngine) or waited_s > node.settings.second_frame_timeout_s:
            return True
        separation_s = node.settings.policy.min_separation_s
        first = node.frames.first_since(to_seconds(item.event.header.stamp) - _SAME_S)
        if first is None:
            self._request(item, 1)
            return False
        newest = node.frames.newest()
        if newest and newest.stamp_s - first.stamp_s >= separation_s:
            return True
        # By the clock of the stamps: a recording may be played slower or faster than it was made.
        if item.first_seen_s is None:
            item.first_seen_s = self._stamped_now_s()
        if self._stamped_now_s() - item.first_seen_s >= separation_s:
            self._request(item, 2)
        return False

    def _request(self, item: _Waiting, number: int) -> None:
        """Ask the gate for the first or the second frame, once."""
        if item.requested < number and self._node.frames.request() is not None:
            item.requested = number

    def _stamped_now_s(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def _ask(self, item: _Waiting) -> None:
        node = self._node
        begin = time.perf_counter()
        frames = node.frames.pick(node.settings.policy.min_separation_s).frames

        def answered(future: Future[Verdict]) -> None:
            error = future.exception()
            self._publish(item, future.result() if error is None else self._excuse(item, error),
                          begin)
        try:
            node.ask(item.asked.question, frames, time.monotonic() + node.settings.timeout_s,
                     _PRIORITY, item.asked.negated).add_done_callback(answered)
        except Refused as error:
            self._publish(item, self._excuse(item, error), begin)

    def _excuse(self, item: _Waiting, error: BaseException) -> Verdict:
        """An UNSURE that says why nothing was answered: who waits for a verdict gets one."""
        if isinstance(error, Refused):
            self._node.stats.count("refused")
        return unsure(item.asked.question, in_words(error),
                      stamp_s=self._node.stamps.seconds(item.event.header.stamp))

    def _publish(self, item: _Waiting, verdict: Verdict, begin: float) -> None:
        self._node.publish_verdict(verdict, begin, item.event.zone, item.event.track_id,
                                   item.event.class_name)

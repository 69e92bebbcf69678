"""Messages of several topics put together by stamp, surviving a clock that jumps back."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from message_filters import ApproximateTimeSynchronizer, TimeSynchronizer

from smolvlm_ros.ros.health import InputRule, Level
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.stamps import to_nanoseconds

_JUMP_NS = 1_000_000_000
_PARTNERLESS_S = 5.0  # no stage takes as long for a frame
_SHOWN_S = 60.0  # frames may pass the gate rarely; the next match clears it


class StampSync:
    """Calls back with one message of each topic, all of the same stamp (or within a slop).

    Every input is watched, so that a silent or a late one shows in the node's health, and what
    found no partner is counted. Where the first input goes on coming and finds none at all, that
    is an error; the others may come more often (an RGB-D camera's depth, beside gated boxes).
    message_filters keeps the newest stamps; after a jump back in time (a recording that loops)
    these would for ever push out what comes, so its queues are emptied.

    Args:
        node: the node; its subscriptions live until the present phase ends.
        inputs: the topics, in the order of the callback's arguments.
        callback: runs in the executor; what it raises is reported like bad input.
        depth: how many messages of each topic wait for their partners.
        slop_s: greatest difference of the stamps; 0 for equal stamps only.
        on_jump: called when the clock has jumped back, with how far in seconds.
    """

    def __init__(self, node: Any, inputs: Sequence[Endpoint], callback: Callable[..., Any],
                 depth: int, slop_s: float = 0.0,
                 on_jump: Callable[[float], None] | None = None) -> None:
        self._node = node
        # The released synchroniser keeps its lock when a callback raises, and hangs.
        self._callback = node.endpoints.guarded(inputs[0].name, callback)
        self._on_jump = on_jump
        self._depth = depth
        self._newest_ns: dict[str, int] = {}
        self._received = self._matched = 0
        self._since_match = {endpoint.name: 0 for endpoint in inputs}
        self._first = inputs[0].name
        self._alone_since_s = 0.0
        subscribers = []
        for endpoint in inputs:
            subscriber = node.endpoints.filter(endpoint)
            watch = node.watch(InputRule(endpoint.name))
            subscriber.registerCallback(self._arrived, endpoint.name, watch)
            subscribers.append(subscriber)
        self._synchroniser = (TimeSynchronizer(subscribers, depth) if slop_s <= 0
                              else ApproximateTimeSynchronizer(subscribers, depth, slop_s))
        self._synchroniser.registerCallback(self._match)

    @property
    def unmatched(self) -> int:
        """Messages without partners so far, those that may still find theirs included."""
        return self._received - self._matched * len(self._since_match)

    def _arrived(self, message: Any, name: str, watch: Any) -> None:
        watch.arrived(time.monotonic(), self._node.age_s(message.header.stamp))
        self._received += 1
        self._since_match[name] += 1
        if name == self._first:
            self._look_for_partners(time.monotonic())
        stamp = to_nanoseconds(message.header.stamp)
        newest = self._newest_ns.get(name, stamp)
        self._newest_ns[name] = stamp
        if stamp < newest - _JUMP_NS:
            self._forget_after(stamp, name, (newest - stamp) * 1e-9)

    def _look_for_partners(self, now_s: float) -> None:
        """Raise a fault when the first input goes on coming without any partner."""
        count = self._since_match[self._first]
        if count == 1:
            self._alone_since_s = now_s
        alone_s = now_s - self._alone_since_s
        if count <= self._depth and (count < 2 or alone_s < _PARTNERLESS_S):
            return
        others = ", ".join(f"{came} on {other}" for other, came in self._since_match.items()
                           if other != self._first)
        self._node.faults.set(
            "sync", Level.ERROR, f"no stamp of the last {count} messages on {self._first} has "
            f"come on the other inputs (messages there since then: {others}); publish them all "
            "with the image's stamp, or remap them", _SHOWN_S)

    def _forget_after(self, stamp: int, name: str, jump_s: float) -> None:
        self._node.stats.count("time_jumps_back")
        self._node.get_logger().warning(f"{name}: time jumped back by {jump_s:.1f} s")
        for queue in self._synchroniser.queues:
            for old in [s for s in queue if s > stamp + _JUMP_NS]:
                queue.pop(old, None)
        if self._on_jump is not None:
            self._on_jump(jump_s)

    def _match(self, *messages: Any) -> None:
        self._matched += 1
        self._since_match = dict.fromkeys(self._since_match, 0)
        self._node.faults.clear("sync")
        self._callback(*messages)

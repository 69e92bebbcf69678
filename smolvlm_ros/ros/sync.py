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
_FAULT = "sync"


class StampSync:
    """Calls back with one message of each topic, all of the same stamp (or within a slop).

    What found no partner is counted. Where the first input goes on coming and its partners do not,
    or not with its stamps, that is an error in the node's health, which names them. message_filters
    keeps the newest stamps; after a jump back in time (a recording that loops) these would for ever
    push out what comes, so its queues are emptied.

    Args:
        node: the node; its subscriptions live until the present phase ends.
        inputs: the topics, in the order of the callback's arguments. The first is the one that
            asks for partners; the others may come more often.
        callback: must not raise; it runs in the executor.
        depth: how many messages of each topic wait for their partners.
        slop_s: greatest difference of the stamps; 0 for equal stamps only.
        on_jump: called when the clock has jumped back, with how far in seconds.
    """

    def __init__(self, node: Any, inputs: Sequence[Endpoint], callback: Callable[..., None],
                 depth: int, slop_s: float = 0.0,
                 on_jump: Callable[[float], None] | None = None) -> None:
        self._node = node
        self._callback = callback
        self._on_jump = on_jump
        self._newest_ns: dict[str, int] = {}
        self._received = self._matched = 0
        self._inputs = len(inputs)
        self._came = {endpoint.name: 0 for endpoint in inputs}  # since the last match
        self._first = inputs[0].name
        self._alone_since_s = 0.0
        node.own("sync", lambda: node.faults.clear(_FAULT))
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
        return self._received - self._matched * self._inputs

    def _arrived(self, message: Any, name: str, watch: Any) -> None:
        watch.arrived(time.monotonic(), self._node.age_s(message.header.stamp))
        self._received += 1
        self._came[name] += 1
        if name == self._first:
            self._look_for_partners(time.monotonic())
        stamp = to_nanoseconds(message.header.stamp)
        newest = self._newest_ns.get(name, stamp)
        self._newest_ns[name] = stamp
        if stamp < newest - _JUMP_NS:
            jump_s = (newest - stamp) * 1e-9
            self._node.stats.count("time_jumps_back")
            self._node.get_logger().warning(f"{name}: time jumped back by {jump_s:.1f} s")
            for queue in self._synchroniser.queues:
                for old in [s for s in queue if s > stamp + _JUMP_NS]:
                    queue.pop(old, None)
            if self._on_jump is not None:
                self._on_jump(jump_s)

    def _look_for_partners(self, now_s: float) -> None:
        """Raise a fault when the first input has come twice, some time apart, and nothing fits."""
        count = self._came[self._first]
        if count == 1:
            self._alone_since_s = now_s
        alone_s = now_s - self._alone_since_s
        if count < 2 or alone_s < _PARTNERLESS_S:
            return
        silent = [name for name, came in self._came.items() if not came]
        why = (f"nothing on {', '.join(silent)}; is it published?" if silent else
               "nothing with its stamps on the other inputs; are they of the same frames?")
        self._node.faults.set(_FAULT, Level.ERROR, f"{self._first} came {count} times in "
                              f"{alone_s:.0f} s, but {why}", 60.0)

    def _match(self, *messages: Any) -> None:
        self._matched += 1
        self._came = dict.fromkeys(self._came, 0)
        self._node.faults.clear(_FAULT)
        self._callback(*messages)

"""Stands in for ROS's message_filters where there is no ROS: the calls that nodes use.

The same names, arguments and matching rules as the released Python module, so that a node has one
code path. One difference, on purpose: an exception in a callback releases the synchroniser's lock
(the released module keeps it, and the next message hangs).
"""
from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

__all__ = [
    "ApproximateTimeSynchronizer",
    "Cache",
    "SimpleFilter",
    "Subscriber",
    "TimeSynchronizer",
]


class SimpleFilter:
    """Something with an output that callbacks can be connected to."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:
        """Calls `cb(*messages, *args)` on every output; returns the connection's number."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:
        """Hands an output to every callback, in the order they were connected."""
        for callback, args in self.callbacks.values():
            callback(*msg, *args)


class Subscriber(SimpleFilter):
    """A subscription as a filter: Subscriber(node, message_type, topic, **subscription options)."""

    def __init__(self, node: Any, msg_type: Any, topic: str, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node = node
        self.topic = topic
        kwargs.setdefault("qos_profile", 10)
        self.sub = node.create_subscription(msg_type, topic, self.callback, *args, **kwargs)

    def callback(self, msg: Any) -> None:
        """Passes a received message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """Returns the topic's name as it was given."""
        return self.topic

    def __getattr__(self, name: str) -> Any:
        """Everything else is the subscription's."""
        if name == "sub":  # not subscribed yet: looking it up would end in a recursion
            raise AttributeError(name)
        return getattr(self.sub, name)


def _stamp_of(msg: Any, allow_headerless: bool, who: str) -> Time | None:
    """The stamp of a message; the time now, or None and a warning, where it has none."""
    stamp = getattr(getattr(msg, "header", None), "stamp", None)
    if stamp is None:
        if allow_headerless:
            return ROSClock().now()
        get_logger(who).warning(
            "A message without a header's stamp cannot be used unless allow_headerless is set.")
        return None
    return stamp if hasattr(stamp, "nanoseconds") else Time.from_msg(stamp)


class Cache(SimpleFilter):
    """The last `cache_size` messages of a filter, to be asked by time."""

    def __init__(self, f: SimpleFilter, cache_size: int = 1,
                 allow_headerless: bool = False) -> None:
        super().__init__()
        self.cache_size = cache_size
        self.allow_headerless = allow_headerless
        self.cache_msgs: list[Any] = []
        self.cache_times: list[Time] = []
        self.connectInput(f)

    def connectInput(self, f: SimpleFilter) -> None:
        """Takes the messages of `f` from now on."""
        self.incoming_connection = f.registerCallback(self.add)

    def add(self, msg: Any) -> None:
        """Keeps a message, forgets the oldest beyond the size, and passes the message on."""
        stamp = _stamp_of(msg, self.allow_headerless, "message_filters_cache")
        if stamp is None:
            return
        self.cache_times.append(stamp)
        self.cache_msgs.append(msg)
        if len(self.cache_msgs) > self.cache_size:
            del self.cache_msgs[0], self.cache_times[0]
        self.signalMessage(msg)

    def getInterval(self, from_stamp: Time, to_stamp: Time) -> list[Any]:
        """Returns the messages from `from_stamp` to `to_stamp`, both included."""
        assert from_stamp <= to_stamp
        return [msg for msg, stamp in self._timed() if from_stamp <= stamp <= to_stamp]

    def getElemAfterTime(self, stamp: Time) -> Any:
        """Returns the first message that is not older than `stamp`, or None."""
        return next((msg for msg, at in self._timed() if at >= stamp), None)

    def getElemBeforeTime(self, stamp: Time) -> Any:
        """Returns the last message that is not newer than `stamp`, or None."""
        older = [msg for msg, at in self._timed() if at <= stamp]
        return older[-1] if older else None

    def getLastestTime(self) -> Time | None:
        """Returns the stamp of the message that came last, or None (spelt as ROS spells it)."""
        return self.cache_times[-1] if self.cache_times else None

    def getOldestTime(self) -> Time | None:
        """Returns the stamp of the message that came first of those kept, or None."""
        return self.cache_times[0] if self.cache_times else None

    def getLast(self) -> Any:
        """Returns the newest message, or None."""
        latest = self.getLastestTime()
        return None if latest is None else self.getElemAfterTime(latest)

    def _timed(self) -> Iterator[tuple[Any, Time]]:
        return zip(self.cache_msgs, self.cache_times, strict=True)


class TimeSynchronizer(SimpleFilter):
    """Outputs sets of messages, one of each filter, whose stamps are equal.

    Args:
        fs: the filters to join.
        queue_size: how many messages of each filter wait for their partners; the oldest stamps
            are forgotten first.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Joins these filters from now on, with empty queues."""
        self.queues: list[dict[int, Any]] = [{} for _ in fs]
        self.input_connections = [
            f.registerCallback(self.add, queue, index)
            for index, (f, queue) in enumerate(zip(fs, self.queues, strict=True))]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Takes one message of one filter, and outputs every set that is complete."""
        with self.lock:
            self._enqueue(my_queue, Time.from_msg(msg.header.stamp).nanoseconds, msg)
            for stamp in sorted(set.intersection(*(set(queue) for queue in self.queues))):
                self._output([stamp] * len(self.queues))

    def _enqueue(self, queue: dict[int, Any], stamp_ns: int, msg: Any) -> None:
        queue[stamp_ns] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _output(self, stamps_ns: Sequence[int]) -> None:
        """Signals the set with these stamps, one of each queue, and takes it off the queues."""
        messages = [queue.pop(stamp) for queue, stamp in zip(self.queues, stamps_ns, strict=True)]
        self.signalMessage(*messages)


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Outputs sets of messages, one of each filter, whose stamps lie less than `slop` apart.

    Args:
        fs: the filters to join.
        queue_size: how many messages of each filter wait for their partners.
        slop: seconds, the span that all stamps of a set must stay below.
        allow_headerless: give a message without a stamp the time of its arrival.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int, slop: float,
                 allow_headerless: bool = False) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Takes one message, and outputs the set around it if there is one."""
        stamp = _stamp_of(msg, self.allow_headerless, "message_filters_approx")
        if stamp is None:
            return
        with self.lock:
            self._enqueue(my_queue, stamp.nanoseconds, msg)
            candidates = self._candidates(stamp.nanoseconds, my_queue_index)
            # The first combination in order of closeness that fits wins, not the best of all.
            for stamps in itertools.product(*candidates):
                chosen = list(stamps)
                if my_queue_index is not None:
                    chosen.insert(my_queue_index, stamp.nanoseconds)
                if max(chosen) - min(chosen) < self.slop.nanoseconds and self._holds(chosen):
                    self._output(chosen)
                    return

    def _holds(self, stamps_ns: Sequence[int]) -> bool:
        """Whether every queue has its message (the new one may have been too old to be kept)."""
        return all(at in queue for queue, at in zip(self.queues, stamps_ns, strict=True))

    def _candidates(self, stamp_ns: int, my_queue_index: int | None) -> list[list[int]]:
        """For each other queue its stamps within the slop of `stamp_ns`, closest first."""
        slop_ns = self.slop.nanoseconds
        return [
            sorted((at for at in queue if abs(at - stamp_ns) <= slop_ns),
                   key=lambda at: abs(at - stamp_ns))
            for index, queue in enumerate(self.queues) if index != my_queue_index]

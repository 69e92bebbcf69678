"""Joining messages by stamp; the same tests hold for ROS's own module and for the stand-in."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

message_filters = pytest.importorskip("message_filters", reason="no ROS here")
from builtin_interfaces.msg import Time as TimeMsg  # noqa: E402
from rclpy.clock import ClockType  # noqa: E402
from rclpy.time import Time  # noqa: E402


def at(seconds: float, name: str = "") -> SimpleNamespace:
    """A message with a header's stamp, and a name to know it by."""
    sec, nanosec = divmod(round(seconds * 1e9), 1_000_000_000)
    return SimpleNamespace(name=name, header=SimpleNamespace(
        stamp=TimeMsg(sec=sec, nanosec=nanosec)))


class Join:
    """Two inputs, and the sets of names that came out."""

    def __init__(self, make) -> None:
        self.left, self.right = message_filters.SimpleFilter(), message_filters.SimpleFilter()
        self.got: list[tuple[str, ...]] = []
        make([self.left, self.right]).registerCallback(
            lambda *messages: self.got.append(tuple(one.name for one in messages)))


def exact(queue_size: int = 10) -> Join:
    return Join(lambda inputs: message_filters.TimeSynchronizer(inputs, queue_size))


def approximate(slop: float, queue_size: int = 10) -> Join:
    return Join(lambda inputs: message_filters.ApproximateTimeSynchronizer(
        inputs, queue_size, slop))


def test_exact_pairs_equal_stamps_only() -> None:
    join = exact()
    join.left.signalMessage(at(1.0, "l1"))
    join.right.signalMessage(at(1.000000001, "r1+"))  # a nanosecond off is another stamp
    assert join.got == []
    join.right.signalMessage(at(1.0, "r1"))
    assert join.got == [("l1", "r1")]


def test_exact_gives_each_message_once_and_out_of_order() -> None:
    join = exact()
    for stamp in (2.0, 1.0):
        join.left.signalMessage(at(stamp, f"l{stamp:.0f}"))
    for stamp in (1.0, 2.0, 2.0):
        join.right.signalMessage(at(stamp, f"r{stamp:.0f}"))
    assert join.got == [("l1", "r1"), ("l2", "r2")]


def test_exact_forgets_the_oldest_stamps_beyond_the_queue() -> None:
    join = exact(queue_size=2)
    for stamp in (1.0, 2.0, 3.0):
        join.left.signalMessage(at(stamp, f"l{stamp:.0f}"))
    for stamp in (1.0, 2.0, 3.0):
        join.right.signalMessage(at(stamp, f"r{stamp:.0f}"))
    assert join.got == [("l2", "r2"), ("l3", "r3")]


def test_approximate_within_the_slop() -> None:
    join = approximate(slop=0.1)
    join.left.signalMessage(at(1.0, "l"))
    join.right.signalMessage(at(1.2, "too late"))
    assert join.got == []
    join.right.signalMessage(at(1.05, "r"))
    assert join.got == [("l", "r")]


def test_approximate_takes_the_closest() -> None:
    join = approximate(slop=0.1)
    join.left.signalMessage(at(0.96, "far"))
    join.left.signalMessage(at(1.02, "near"))
    join.right.signalMessage(at(1.0, "r"))
    assert join.got == [("near", "r")]


def test_approximate_span_must_stay_below_the_slop() -> None:
    join = approximate(slop=0.1)
    join.left.signalMessage(at(1.0, "l"))
    join.right.signalMessage(at(1.1, "r"))  # as far as the slop: not below it
    assert join.got == []


def test_approximate_looks_at_all_stamps_of_a_set() -> None:
    # Each lies within the slop of the newest, but the outer two are too far apart.
    inputs = [message_filters.SimpleFilter() for _ in range(3)]
    got = []
    message_filters.ApproximateTimeSynchronizer(inputs, 10, 0.1).registerCallback(
        lambda *messages: got.append(messages))
    inputs[0].signalMessage(at(0.93))
    inputs[1].signalMessage(at(1.07))
    inputs[2].signalMessage(at(1.0))
    assert got == []
    inputs[1].signalMessage(at(0.99))
    assert len(got) == 1


def test_a_message_without_a_stamp_is_left_out_unless_allowed() -> None:
    headerless = SimpleNamespace(name="bare")
    join = approximate(slop=10.0)
    join.left.signalMessage(headerless)
    join.right.signalMessage(headerless)
    assert join.got == []
    allowed = Join(lambda inputs: message_filters.ApproximateTimeSynchronizer(
        inputs, 10, 10.0, allow_headerless=True))
    allowed.left.signalMessage(headerless)
    allowed.right.signalMessage(headerless)
    assert allowed.got == [("bare", "bare")]


def test_callbacks_get_their_extra_arguments() -> None:
    source, got = message_filters.SimpleFilter(), []
    source.registerCallback(lambda *arguments: got.append(arguments), "extra", 7)
    source.signalMessage("message")
    assert got == [("message", "extra", 7)]


def test_a_failing_callback_does_not_block_the_next_message() -> None:
    if "standalone" not in str(message_filters.__file__):
        pytest.skip("ROS's own module keeps its lock after an exception")
    left, right = message_filters.SimpleFilter(), message_filters.SimpleFilter()

    def fail(*_: object) -> None:
        raise ValueError("no")

    message_filters.TimeSynchronizer([left, right], 10).registerCallback(fail)
    for stamp in (1.0, 2.0):
        left.signalMessage(at(stamp))
        with pytest.raises(ValueError):
            right.signalMessage(at(stamp))


def test_cache_by_time() -> None:
    source = message_filters.SimpleFilter()
    cache = message_filters.Cache(source, cache_size=3)
    assert cache.getLast() is None and cache.getOldestTime() is None
    for stamp in (1.0, 2.0, 3.0, 4.0):
        source.signalMessage(at(stamp, f"{stamp:.0f}"))

    def time(seconds: float) -> Time:
        return Time(nanoseconds=round(seconds * 1e9), clock_type=ClockType.ROS_TIME)

    def names(messages) -> list[str]:
        return [message.name for message in messages]

    # The first is beyond the size of 3.
    assert names(cache.getInterval(time(0.0), time(9.0))) == ["2", "3", "4"]
    assert names(cache.getInterval(time(2.5), time(3.0))) == ["3"]
    assert cache.getElemAfterTime(time(2.5)).name == "3"
    assert cache.getElemBeforeTime(time(2.5)).name == "2"
    assert cache.getElemBeforeTime(time(1.5)) is None
    assert cache.getElemAfterTime(time(4.5)) is None
    assert cache.getLast().name == "4"


def test_subscriber_over_dds() -> None:
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from std_msgs.msg import Header

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("joiner", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        subscriber = message_filters.Subscriber(
            node, Header, "names", qos_profile=qos_profile_sensor_data)
        assert subscriber.getTopic() == "names"
        assert subscriber.topic_name.endswith("/names")  # the subscription's own attribute
        got: list[str] = []
        subscriber.registerCallback(lambda message: got.append(message.frame_id))
        publisher = node.create_publisher(Header, "names", qos_profile_sensor_data)
        for _ in range(100):
            publisher.publish(Header(frame_id="here"))
            executor.spin_once(timeout_sec=0.1)
            if got:
                break
        assert got and set(got) == {"here"}
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)

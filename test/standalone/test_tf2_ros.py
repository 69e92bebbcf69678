"""Transforms over time; the same tests hold for ROS's own module and for the stand-in."""
from __future__ import annotations

import math
import threading
import time

import pytest

tf2_ros = pytest.importorskip("tf2_ros", reason="no ROS here")
import rclpy  # noqa: E402
from geometry_msgs.msg import TransformStamped  # noqa: E402
from rclpy.duration import Duration  # noqa: E402
from rclpy.time import Time  # noqa: E402


def stamp(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9))


def link(parent: str, child: str, seconds: float = 0.0, xyz=(0.0, 0.0, 0.0),
         yaw: float = 0.0) -> TransformStamped:
    """A transform with a translation and a turn about Z, radians."""
    made = TransformStamped()
    made.header.frame_id, made.child_frame_id = parent, child
    made.header.stamp = stamp(seconds).to_msg()
    t, q = made.transform.translation, made.transform.rotation
    t.x, t.y, t.z = map(float, xyz)
    q.z, q.w = math.sin(yaw / 2), math.cos(yaw / 2)
    return made


def filled(*links: TransformStamped, static: tuple[TransformStamped, ...] = (), cache_s=None):
    buffer = tf2_ros.Buffer(None if cache_s is None else Duration(seconds=cache_s))
    for one in links:
        buffer.set_transform(one, "test")
    for one in static:
        buffer.set_transform_static(one, "test")
    return buffer


def place(transform: TransformStamped) -> tuple[float, float, float, float]:
    """x, y, z and the turn about Z."""
    t, q = transform.transform.translation, transform.transform.rotation
    return (t.x, t.y, t.z, 2 * math.atan2(q.z, q.w))


def test_child_to_parent_and_back() -> None:
    buffer = filled(link("map", "base", 1.0, (2.0, 3.0, 0.0), math.pi / 2))
    to_map = buffer.lookup_transform("map", "base", stamp(1.0))
    assert place(to_map) == pytest.approx((2.0, 3.0, 0.0, math.pi / 2))
    assert (to_map.header.frame_id, to_map.child_frame_id) == ("map", "base")
    assert Time.from_msg(to_map.header.stamp).nanoseconds == stamp(1.0).nanoseconds
    # The map's origin as the turned base sees it: its X is the map's Y.
    to_base = buffer.lookup_transform("base", "map", stamp(1.0))
    assert place(to_base) == pytest.approx((-3.0, 2.0, 0.0, -math.pi / 2))


def test_a_chain_up_and_down_the_tree() -> None:
    # left and right hang on base; from one to the other through it.
    buffer = filled(static=(link("base", "left", xyz=(0.0, 1.0, 0.0)),
                            link("base", "right", xyz=(0.0, -1.0, 0.0), yaw=math.pi)))
    across = buffer.lookup_transform("right", "left", stamp(5.0))
    assert place(across)[:3] == pytest.approx((0.0, -2.0, 0.0), abs=1e-9)


def test_between_two_stamps() -> None:
    buffer = filled(link("map", "base", 1.0, (0.0, 0.0, 0.0), 0.0),
                    link("map", "base", 2.0, (4.0, 0.0, 0.0), math.pi / 2))
    assert place(buffer.lookup_transform("map", "base", stamp(1.25))) == pytest.approx(
        (1.0, 0.0, 0.0, math.pi / 8))


def test_rotation_takes_the_shorter_way() -> None:
    # -170 to 170 degrees: 20 degrees across the back, not 340 across the front.
    buffer = filled(link("map", "base", 1.0, yaw=math.radians(-170)),
                    link("map", "base", 2.0, yaw=math.radians(170)))
    turn = place(buffer.lookup_transform("map", "base", stamp(1.5)))[3]
    assert math.cos(turn) == pytest.approx(-1.0)


def test_time_zero_is_the_latest_that_all_links_have() -> None:
    buffer = filled(link("map", "odom", 1.0), link("map", "odom", 3.0, (3.0, 0.0, 0.0)),
                    link("odom", "base", 1.0), link("odom", "base", 2.0),
                    static=(link("base", "camera", xyz=(0.0, 0.0, 1.0)),))
    latest = buffer.lookup_transform("map", "camera", Time())
    assert Time.from_msg(latest.header.stamp).nanoseconds == stamp(2.0).nanoseconds
    assert place(latest)[:3] == pytest.approx((1.5, 0.0, 1.0))
    assert buffer.get_latest_common_time("map", "camera").nanoseconds == stamp(2.0).nanoseconds


def test_static_links_hold_at_every_time() -> None:
    buffer = filled(static=(link("base", "camera", xyz=(1.0, 0.0, 0.0)),))
    for seconds in (0.0, 0.001, 1e6):
        assert place(buffer.lookup_transform("base", "camera", stamp(seconds)))[0] == 1.0


@pytest.mark.parametrize(("target", "source", "seconds", "error", "said"), [
    ("map", "nowhere", 1.5, "LookupException", '"nowhere" passed to lookupTransform'),
    ("nowhere", "map", 1.5, "LookupException", "does not exist"),
    ("map", "", 1.5, "InvalidArgumentException", "cannot be empty"),
    ("/map", "base", 1.5, "InvalidArgumentException", "cannot start with a '/'"),
    ("map", "island", 1.5, "ConnectivityException", "not part of the same tree"),
    ("map", "base", 2.5, "ExtrapolationException", "into the future"),
    ("map", "base", 0.5, "ExtrapolationException", "into the past"),
    ("base", "map", 2.5, "ExtrapolationException", "into the future"),
    ("map", "single", 1.5, "ExtrapolationException", "only time"),
])
def test_errors(target: str, source: str, seconds: float, error: str, said: str) -> None:
    buffer = filled(link("map", "base", 1.0), link("map", "base", 2.0),
                    link("map", "single", 1.0), static=(link("sea", "island"),))
    with pytest.raises(getattr(tf2_ros, error), match=said) as caught:
        buffer.lookup_transform(target, source, stamp(seconds))
    assert isinstance(caught.value, tf2_ros.TransformException)
    assert not buffer.can_transform(target, source, stamp(seconds))


def test_a_frame_to_itself_needs_no_data() -> None:
    assert place(filled().lookup_transform("any", "any", stamp(3.0))) == (0.0, 0.0, 0.0, 0.0)


def test_what_is_older_than_the_cache_is_forgotten() -> None:
    buffer = filled(*(link("map", "base", float(second)) for second in range(1, 10)), cache_s=3.0)
    assert buffer.can_transform("map", "base", stamp(6.5))
    with pytest.raises(tf2_ros.ExtrapolationException, match="into the past"):
        buffer.lookup_transform("map", "base", stamp(2.0))
    # Data from before the cache's reach is not taken either.
    buffer.set_transform(link("map", "base", 2.0), "late")
    assert not buffer.can_transform("map", "base", stamp(2.0))


def test_data_out_of_order_finds_its_place() -> None:
    buffer = filled(link("map", "base", 1.0), link("map", "base", 3.0, (2.0, 0.0, 0.0)),
                    link("map", "base", 2.0, (5.0, 0.0, 0.0)))
    assert place(buffer.lookup_transform("map", "base", stamp(1.5)))[0] == pytest.approx(2.5)


@pytest.mark.parametrize("spoil", [
    lambda one: setattr(one, "child_frame_id", "map"),            # a frame on itself
    lambda one: setattr(one, "child_frame_id", ""),
    lambda one: setattr(one.header, "frame_id", ""),
    lambda one: setattr(one.transform.translation, "x", math.nan),
    lambda one: setattr(one.transform.rotation, "w", 0.0),        # not a rotation
])
def test_invalid_transforms_are_ignored(spoil) -> None:
    bad = link("map", "base", 1.0)
    spoil(bad)
    assert not filled(bad).can_transform("map", "base", stamp(1.0))


def test_a_leading_slash_of_incoming_frames_is_dropped() -> None:
    assert filled(link("/map", "/base", 1.0)).can_transform("map", "base", stamp(1.0))


def test_a_loop_is_an_error() -> None:
    buffer = filled(static=(link("a", "b"), link("b", "a"), link("far", "c")))
    with pytest.raises(tf2_ros.LookupException, match="contains a loop"):
        buffer.lookup_transform("c", "a", stamp(1.0))


def test_from_one_time_to_another_through_a_fixed_frame() -> None:
    buffer = filled(link("map", "base", 1.0), link("map", "base", 2.0, (4.0, 0.0, 0.0)))
    moved = buffer.lookup_transform_full("base", stamp(2.0), "base", stamp(1.0), "map")
    assert place(moved)[0] == pytest.approx(-4.0)
    assert buffer.can_transform_full("base", stamp(2.0), "base", stamp(1.0), "map")
    assert not buffer.can_transform_full("base", stamp(9.0), "base", stamp(1.0), "map")


def test_waiting_for_a_transform_that_comes() -> None:
    buffer = filled(link("map", "base", 1.0))
    later = threading.Timer(0.1, buffer.set_transform, (link("map", "base", 3.0), "late"))
    later.start()
    try:
        assert buffer.lookup_transform("map", "base", stamp(2.0), Duration(seconds=20))
    finally:
        later.join()


def test_waiting_ends_and_says_why() -> None:
    buffer = filled(link("map", "base", 1.0))
    began_s = time.monotonic()
    with pytest.raises(tf2_ros.ExtrapolationException):
        buffer.lookup_transform("map", "base", stamp(2.0), Duration(seconds=0.1))
    assert time.monotonic() - began_s >= 0.09
    answer = buffer.can_transform("map", "nowhere", stamp(2.0), return_debug_tuple=True)
    assert not answer[0] and "nowhere" in answer[1]


def test_clear_forgets_what_moves_and_keeps_the_rest() -> None:
    buffer = filled(link("map", "base", 1.0), static=(link("base", "camera"),))
    buffer.clear()
    assert buffer.can_transform("base", "camera", stamp(1.0))
    with pytest.raises(tf2_ros.TransformException):
        buffer.lookup_transform("map", "base", stamp(1.0))


def test_frames_as_text() -> None:
    buffer = filled(link("map", "base", 1.5))
    assert "Frame base exists with parent map." in buffer.all_frames_as_string()
    assert "parent: 'map'" in buffer.all_frames_as_yaml()


@pytest.fixture
def ros():
    """A context with a node on simulated time and an executor."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("transforms", context=context, parameter_overrides=[
        rclpy.parameter.Parameter("use_sim_time", value=True)])
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield node, executor
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


def spin_until(executor, condition, seconds: float = 20.0) -> None:
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, "waited in vain"
        executor.spin_once(timeout_sec=0.05)


def test_over_dds_static_to_a_late_listener_and_moving(ros) -> None:
    node, executor = ros
    static = tf2_ros.StaticTransformBroadcaster(node)
    static.sendTransform(link("base", "camera", xyz=(0.0, 0.0, 1.0)))
    static.sendTransform([link("base", "lidar")])
    buffer = tf2_ros.Buffer(node=node)
    listener = tf2_ros.TransformListener(buffer, node)
    # Sent before the listener was there, in two calls: both arrive.
    spin_until(executor, lambda: buffer.can_transform("camera", "lidar", Time()))
    moving = tf2_ros.TransformBroadcaster(node)

    def moved() -> bool:
        moving.sendTransform(link("map", "base", 7.0, (1.0, 0.0, 0.0)))
        return buffer.can_transform("map", "camera", stamp(7.0))

    spin_until(executor, moved)
    assert place(buffer.lookup_transform("map", "camera", stamp(7.0)))[:3] == pytest.approx(
        (1.0, 0.0, 1.0))
    listener.unregister()


def test_a_jump_back_in_time_empties_the_buffer(ros) -> None:
    # A bag that starts again: what was known belongs to another time.
    from rosgraph_msgs.msg import Clock

    node, executor = ros
    buffer = tf2_ros.Buffer(node=node)
    clock = node.create_publisher(Clock, "/clock", 1)

    def clock_shows(seconds: float) -> None:
        def shown() -> bool:
            clock.publish(Clock(clock=stamp(seconds).to_msg()))
            return node.get_clock().now().nanoseconds == stamp(seconds).nanoseconds

        spin_until(executor, shown)

    clock_shows(100.0)
    buffer.set_transform(link("map", "base", 100.0), "test")
    clock_shows(101.0)
    assert buffer.can_transform("map", "base", stamp(100.0))
    clock_shows(5.0)
    assert not buffer.can_transform("map", "base", stamp(100.0))

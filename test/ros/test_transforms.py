"""Transforms as messages, and their look-up by a node."""
from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("tf2_ros", reason="no ROS here")
import rclpy  # noqa: E402
from builtin_interfaces.msg import Time  # noqa: E402
from geometry_msgs.msg import TransformStamped  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from smolvlm_ros.fusion import Transform  # noqa: E402
from smolvlm_ros.ros import transforms  # noqa: E402
from smolvlm_ros.ros.stats import Stats  # noqa: E402
from smolvlm_ros.ros.transforms import (  # noqa: E402
    MissingTransform,
    TransformSource,
    chained,
    from_matrix,
    from_message,
    to_message,
)

STAMP = Time(sec=50, nanosec=7)


def transform(seed: int, target: str = "a", source: str = "b") -> Transform:
    rng = np.random.default_rng(seed)
    return Transform(Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3), target,
                     source)


@given(st.integers(0, 10_000))
def test_there_and_back(seed: int) -> None:
    before = transform(seed)
    message = to_message(before, STAMP)
    assert (message.header.frame_id, message.child_frame_id) == ("a", "b")
    assert message.header.stamp == STAMP
    after = from_message(message)
    assert after.rotation == pytest.approx(before.rotation, abs=1e-9)
    assert after.translation == pytest.approx(before.translation)
    assert (after.target, after.source) == ("a", "b")


def test_a_rotation_goes_to_scipy_as_what_all_its_versions_take(
        monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:  # scipy before 1.15, as Ubuntu 22.04 and 24.04 have it
        @staticmethod
        def from_matrix(matrix: np.ndarray) -> Rotation:
            if not matrix.flags.writeable:
                raise ValueError("buffer source array is read-only")
            return Rotation.from_matrix(matrix)

    monkeypatch.setattr(transforms, "Rotation", Old)
    before = transform(3)
    assert from_message(to_message(before, STAMP)).rotation == pytest.approx(before.rotation)


def test_an_unset_rotation_is_an_error() -> None:
    message = TransformStamped()
    message.transform.rotation.w = 0.0
    with pytest.raises(ValueError, match="not a rotation quaternion"):
        from_message(message)


def test_a_matrix_and_a_chain() -> None:
    inner, outer = transform(1, "b", "c"), transform(2, "a", "b")
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = inner.rotation, inner.translation
    point = np.array([1.0, 2.0, 3.0])
    assert from_matrix(matrix, "b", "c").apply(point) == pytest.approx(inner.apply(point))
    both = chained(outer, inner)
    assert both.apply(point) == pytest.approx(outer.apply(inner.apply(point)))
    assert (both.target, both.source) == ("a", "c")


# Look-up ----------------------------------------------------------------------------------------

@pytest.fixture
def source() -> Iterator[TransformSource]:
    """TF of a node that is not spun: the test plays what comes."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node("tf_test", context=context)
    node.stats = Stats()
    made = TransformSource(node)
    yield made
    made.close()
    assert [s.topic_name for s in node.subscriptions if "tf" in s.topic_name] == []
    assert [s.srv_name for s in node.services if "tf2" in s.srv_name] == []
    node.destroy_node()
    rclpy.shutdown(context=context)


def play(source: TransformSource, seconds: float, x: float, child: str = "cam",
         static: bool = False) -> None:
    message = to_message(Transform(np.eye(3), np.array([x, 0.0, 0.0]), "map", child),
                         Time(sec=int(seconds), nanosec=int(seconds % 1 * 1e9)))
    listener = source._listener
    (listener.static_callback if static else listener.callback)(TFMessage(transforms=[message]))


def where(source: TransformSource, seconds: float, child: str = "cam") -> float:
    stamp = Time(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))
    return float(source.lookup("map", child, stamp, 0.0).translation[0])


def test_between_two_stamps_it_is_interpolated(source: TransformSource) -> None:
    play(source, 10.0, 0.0)
    play(source, 11.0, 4.0)
    assert where(source, 10.25) == pytest.approx(1.0)


def test_a_frame_to_itself_needs_no_tf(source: TransformSource) -> None:
    assert source.lookup("cam", "cam", STAMP, 0.0).rotation == pytest.approx(np.eye(3))


@pytest.mark.parametrize("seconds", [9.0, 11.0])  # before what is known, and after it
def test_what_is_not_known_at_the_stamp_is_an_error_that_names_both_frames(
        source: TransformSource, seconds: float) -> None:
    play(source, 10.0, 0.0)
    with pytest.raises(MissingTransform, match=f"from 'cam' to 'map' at {seconds:.0f}.000000000"):
        where(source, seconds)
    assert source._node.stats.counters() == {"tf_missing": 1}


def test_no_stamp_is_not_the_newest_one(source: TransformSource) -> None:
    play(source, 10.0, 3.0)
    with pytest.raises(MissingTransform, match="the message has no stamp"):
        where(source, 0.0)
    assert source._node.stats.counters() == {"tf_missing": 1}
    play(source, 0.0, 5.0, "fixed", static=True)
    assert where(source, 0.001, "fixed") == 5.0  # where the time begins at 0


def test_a_frame_that_nobody_publishes_is_an_error(source: TransformSource) -> None:
    with pytest.raises(MissingTransform, match="publish it, raise tf_timeout_s, or set another"):
        where(source, 10.0, "nobody")


def test_a_late_one_is_waited_for(source: TransformSource) -> None:
    timer = threading.Timer(0.1, play, (source, 10.0, 3.0))
    timer.start()
    found = source.lookup("map", "cam", Time(sec=10), 10.0)
    timer.join()
    assert found.translation[0] == 3.0


def test_after_a_jump_back_only_what_came_since_counts(source: TransformSource) -> None:
    play(source, 5.0, 9.0, "fixed", static=True)
    play(source, 100.0, 1.0)
    play(source, 101.0, 1.0)
    play(source, 0.5, 7.0)  # the recording loops
    assert where(source, 0.5) == 7.0
    with pytest.raises(MissingTransform):  # of the old time nothing is left to interpolate with
        where(source, 50.0)
    play(source, 1.0, 8.0)
    assert where(source, 0.75) == pytest.approx(7.5)
    assert where(source, 0.5, "fixed") == 9.0  # what never moves stays


def test_publishers_whose_clocks_differ_do_not_look_like_a_jump(source: TransformSource) -> None:
    for second in range(5):
        play(source, 100.0 + second, 1.0, "one")
        play(source, 95.0 + second, 2.0, "other")
    assert where(source, 102.5, "one") == 1.0 and where(source, 97.5, "other") == 2.0

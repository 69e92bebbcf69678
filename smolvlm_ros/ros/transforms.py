"""Rigid transforms as messages, and their look-up at the stamp of a message."""
from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time as RclpyTime
from scipy.spatial.transform import Rotation
from tf2_ros import Buffer, TransformException, TransformListener

from smolvlm_ros.fusion.transform import Transform


class MissingTransform(ValueError):
    """TF has no transform at the stamp that was asked for; the text names both frames and why."""


def from_matrix(matrix: Any, target: str, source: str) -> Transform:
    """A transform from a homogeneous matrix, shape (4, 4), metres."""
    matrix = np.asarray(matrix, np.float64)
    return Transform(matrix[:3, :3], matrix[:3, 3], target, source)


def to_message(transform: Transform, stamp: Time) -> TransformStamped:
    """The message that publishes the pose of `source` in its parent `target`."""
    message = TransformStamped()
    message.header.stamp = stamp
    message.header.frame_id = transform.target
    message.child_frame_id = transform.source
    place, turn = message.transform.translation, message.transform.rotation
    place.x, place.y, place.z = (float(v) for v in transform.translation)
    turn.x, turn.y, turn.z, turn.w = (float(v) for v in Rotation.from_matrix(transform.rotation).as_quat())
    return message


def from_message(message: TransformStamped) -> Transform:
    """The transform of a message.

    Raises:
        ValueError: when it holds no rotation.
    """
    place, turn = message.transform.translation, message.transform.rotation
    return Transform.from_quaternion((turn.x, turn.y, turn.z, turn.w), (place.x, place.y, place.z),
                                     message.header.frame_id, message.child_frame_id)


def chained(outer: Transform, inner: Transform) -> Transform:
    """First `inner`, then `outer`."""
    return Transform(outer.rotation @ inner.rotation, outer.apply(inner.translation), outer.target,
                     inner.source)


class TransformSource:
    """TF for a node: look-ups at a message's stamp, with a timeout, and errors that say so.

    Look up from a worker thread: the node's executor has to go on receiving TF meanwhile.

    Args:
        node: the node that listens to /tf and /tf_static.
        cache_s: how far back TF is kept, seconds.
    """

    def __init__(self, node: Any, cache_s: float = 10.0) -> None:
        self._node = node
        self._buffer = Buffer(cache_time=Duration(nanoseconds=int(cache_s * 1e9)), node=node)
        self._listener = TransformListener(self._buffer, node)

    def lookup(self, target: str, source: str, stamp: Time, timeout_s: float) -> Transform:
        """The transform from `source` to `target` at `stamp`.

        Raises:
            MissingTransform: when there is none at that stamp within the timeout.
        """
        if target == source:
            return Transform.identity(target)
        try:
            message = self._buffer.lookup_transform(
                target, source, RclpyTime.from_msg(stamp), Duration(nanoseconds=int(timeout_s * 1e9)))
        except TransformException as error:
            self._node.stats.count("tf_missing")
            raise MissingTransform(
                f"no transform from {source} to {target} at {stamp.sec}.{stamp.nanosec:09d} within "
                f"{timeout_s:g} s ({error}); publish it, or set another frame") from error
        return from_message(message)

    def clear(self) -> None:
        """Forget everything, as after a jump back in time."""
        self._buffer.clear()

    def close(self) -> None:
        """Stop listening."""
        for name in ("tf_sub", "tf_static_sub"):
            subscription = getattr(self._listener, name, None)
            if subscription is not None:
                self._node.destroy_subscription(subscription)

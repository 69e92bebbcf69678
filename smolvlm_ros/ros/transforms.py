"""Rigid transforms as messages, and their look-up at the stamp of a message."""
from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, TransformStamped
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.time import Time as RclpyTime
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformException, TransformListener

from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.ros.stamps import check_stamp, to_nanoseconds

_JUMP_NS = 1_000_000_000


class MissingTransform(ValueError):  # noqa: N818 - says what is missing, as tf2's own names do
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
    place = message.transform.translation
    place.x, place.y, place.z = (float(v) for v in transform.translation)
    message.transform.rotation = to_quaternion(transform.rotation)
    return message


def to_quaternion(rotation: NDArray[np.float64]) -> Quaternion:
    """The message of a rotation matrix, shape (3, 3)."""
    # A copy: a Transform's is read-only, which scipy before 1.15 refuses.
    x, y, z, w = Rotation.from_matrix(np.array(rotation)).as_quat()
    return Quaternion(x=float(x), y=float(y), z=float(z), w=float(w))


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


class _Listener(TransformListener):  # type: ignore[misc]
    """Empties the buffer when transforms jump back in time, as in a recording that loops.

    tf2 refuses what is older than it keeps, and mixes what is not with the end of the recording.
    It has to be seen in the transforms themselves: they come before the frames that need them.
    """

    def __init__(self, buffer: Buffer, node: Any) -> None:
        self._stats = node.stats
        self._newest_ns: dict[str, int] = {}  # by child frame: publishers' clocks may differ
        super().__init__(buffer, node)

    def callback(self, data: TFMessage) -> None:
        for transform in data.transforms:
            stamp = to_nanoseconds(transform.header.stamp)
            if stamp < self._newest_ns.get(transform.child_frame_id, stamp) - _JUMP_NS:
                self._newest_ns.clear()
                self.buffer.clear()
                self._stats.count("tf_jumps_back")
            self._newest_ns[transform.child_frame_id] = stamp
        super().callback(data)


class TransformSource:
    """TF for a node: look-ups at a message's stamp, with a timeout, and errors that say so.

    Look up from a worker thread: the node's executor has to go on receiving TF meanwhile.

    Args:
        node: the node that listens to /tf and /tf_static.
        cache_s: how far back TF is kept, seconds.
    """

    def __init__(self, node: Any, cache_s: float = 10.0) -> None:
        self._node = node
        # Given the node, the buffer would offer a service that nothing takes down again.
        self._buffer = Buffer(cache_time=Duration(nanoseconds=int(cache_s * 1e9)))
        self._listener = _Listener(self._buffer, node)

    def lookup(self, target: str, source: str, stamp: Time, timeout_s: float) -> Transform:
        """The transform from `source` to `target` at `stamp`.

        Raises:
            MissingTransform: when there is none at that stamp within the timeout, or no stamp.
        """
        if target == source:
            return Transform.identity(target)
        timeout = Duration(nanoseconds=int(max(0.0, timeout_s) * 1e9))
        try:
            check_stamp(stamp)
            message = self._buffer.lookup_transform(target, source, RclpyTime.from_msg(stamp),
                                                    timeout)
        except (ValueError, TransformException) as error:
            self._node.stats.count("tf_missing")
            cure = ("" if isinstance(error, ValueError) else
                    "; publish it, raise tf_timeout_s, or set another frame")
            raise MissingTransform(
                f"no transform from {source!r} to {target!r} at {stamp.sec}.{stamp.nanosec:09d} "
                f"({error}){cure}") from error
        return from_message(message)

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()

"""Between messages and what the buffer reckons with."""
from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import TransformStamped

from .rotation import Rigid

QUATERNION_TOLERANCE = 10e-3
"""How far |q|^2 of an incoming rotation may lie from 1."""


def nanoseconds_of(time: Any) -> int:
    """Returns the nanoseconds of an rclpy Time or Duration or of their messages.

    Raises:
        TypeError: it is neither.
    """
    if hasattr(time, "nanosec"):
        return int(time.sec) * 1_000_000_000 + int(time.nanosec)
    if hasattr(time, "nanoseconds"):
        return int(time.nanoseconds)
    raise TypeError("time must have sec and nanosec, or nanoseconds.")


def message_of(target: str, source: str, stamp_ns: int, rigid: Rigid) -> TransformStamped:
    """Returns the message of a transform from `source` to `target`."""
    msg = TransformStamped()
    msg.header.frame_id, msg.child_frame_id = target, source
    msg.header.stamp.sec, msg.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    translation, rotation = msg.transform.translation, msg.transform.rotation
    translation.x, translation.y, translation.z = rigid.translation
    rotation.x, rotation.y, rotation.z, rotation.w = rigid.rotation
    return msg


def contents_of(transform: TransformStamped) -> tuple[str, str, Rigid]:
    """Returns parent and child, without leading slashes, and the transform of a message."""
    t, q = transform.transform.translation, transform.transform.rotation
    return (transform.header.frame_id.lstrip("/"), transform.child_frame_id.lstrip("/"),
            Rigid((t.x, t.y, t.z), (q.x, q.y, q.z, q.w)))


def complaint_about(parent: str, child: str, rigid: Rigid) -> str:
    """Returns what is wrong with a transform that came in; empty when nothing is."""
    if not child:
        return "TF_NO_CHILD_FRAME_ID, child_frame_id is not set"
    if not parent:
        return "TF_NO_FRAME_ID, frame_id is not set"
    if parent == child:
        return "TF_SELF_TRANSFORM, both frames are the same"
    if any(math.isnan(number) for number in (*rigid.translation, *rigid.rotation)):
        return f"TF_NAN_INPUT, a nan in {rigid}"
    if abs(sum(part * part for part in rigid.rotation) - 1.0) >= QUATERNION_TOLERANCE:
        return f"TF_DENORMALIZED_QUATERNION, {rigid.rotation} is not of length 1"
    return ""

"""Stands in for ROS's tf2_ros (Python) where there is no ROS: the calls that nodes use.

The same names, arguments, time rules and errors as the released module, so that a node has one
code path. Not here: transforming whole messages (tf2_geometry_msgs), the buffer's action client.
"""
from .broadcasters import StaticTransformBroadcaster, TransformBroadcaster
from .buffer import Buffer
from .buffer_core import BufferCore
from .exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)
from .transform_listener import TransformListener

__all__ = [
    "Buffer",
    "BufferCore",
    "ConnectivityException",
    "ExtrapolationException",
    "InvalidArgumentException",
    "LookupException",
    "StaticTransformBroadcaster",
    "TimeoutException",
    "TransformBroadcaster",
    "TransformException",
    "TransformListener",
]

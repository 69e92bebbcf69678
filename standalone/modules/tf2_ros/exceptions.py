"""Why a transform could not be had."""
from __future__ import annotations


class TransformException(Exception):
    """The base of all of them."""


class ConnectivityException(TransformException):
    """Both frames are known, but lie in trees that are not connected."""


class LookupException(TransformException):
    """A frame is not known, or the frames form a loop."""


class ExtrapolationException(TransformException):
    """The time asked for lies outside what the buffer holds."""


class InvalidArgumentException(TransformException):
    """A frame's name is empty or starts with a slash."""


class TimeoutException(TransformException):
    """The transform did not come in time."""

"""Stamps as seconds and as nanoseconds."""
from __future__ import annotations

from collections import OrderedDict

from builtin_interfaces.msg import Time

_NS = 1_000_000_000


def to_nanoseconds(stamp: Time) -> int:
    """A stamp as whole nanoseconds, without loss."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)


def to_seconds(stamp: Time) -> float:
    """A stamp in seconds; float64 keeps about 0.2 microseconds of today's time."""
    return int(stamp.sec) + int(stamp.nanosec) * 1e-9


def check_stamp(stamp: Time) -> None:
    """Refuse a stamp that was never set.

    Raises:
        ValueError: when it is exactly zero, which TF takes for the newest of all.
    """
    if not (stamp.sec or stamp.nanosec):
        raise ValueError("the message has no stamp (it is 0); let its publisher set header.stamp")


def from_nanoseconds(nanoseconds: int) -> Time:
    """A stamp of whole nanoseconds.

    Raises:
        ValueError: before 1970 or after 2038, which a stamp cannot hold.
    """
    if not 0 <= nanoseconds < 2**31 * _NS:
        raise ValueError(f"stamp of {nanoseconds} ns does not fit a message, expected 0 to 2^31 s")
    return Time(sec=nanoseconds // _NS, nanosec=nanoseconds % _NS)


def from_seconds(seconds: float) -> Time:
    """A stamp of seconds; raises ValueError where a stamp cannot hold them."""
    if not 0 <= seconds < 2**31:  # also refuses NaN
        raise ValueError(f"stamp of {seconds} s does not fit a message, expected 0 to 2^31 s")
    return from_nanoseconds(round(seconds * _NS))


class ExactStamps:
    """Gives the stamps of recent messages back exactly, from the seconds the algorithms work with.

    Seconds as float64 are about 0.2 microseconds coarse, but a stamp is the key by which messages
    of the funnel are joined: what goes out again must be the stamp that came in.
    """

    def __init__(self, kept: int = 512) -> None:
        self._kept = kept
        self._stamps: OrderedDict[float, Time] = OrderedDict()

    def seconds(self, stamp: Time) -> float:
        """The stamp in seconds; remembers it."""
        seconds = to_seconds(stamp)
        self._stamps[seconds] = stamp
        while len(self._stamps) > self._kept:
            self._stamps.popitem(last=False)
        return seconds

    def stamp(self, seconds: float) -> Time:
        """The very stamp these seconds came from, or the nearest one when it is forgotten."""
        return self._stamps.get(seconds) or from_seconds(max(0.0, seconds))

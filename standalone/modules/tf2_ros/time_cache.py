"""What one frame's transform to its parent was, over time."""
from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from .exceptions import ExtrapolationException
from .rotation import Rigid, interpolate


@dataclass(frozen=True)
class Link:
    """One transform to a parent frame; `stamp_ns` 0 means at all times."""

    stamp_ns: int
    parent: str
    rigid: Rigid


def seconds_text(stamp_ns: int) -> str:
    """A stamp as tf2 prints it."""
    return f"{stamp_ns / 1e9:.6f}"


@dataclass
class StaticCache:
    """A transform that does not change: valid at every time."""

    link: Link | None = None

    def insert(self, link: Link) -> bool:
        """Replaces what was there."""
        self.link = Link(0, link.parent, link.rigid)
        return True

    def at(self, stamp_ns: int) -> Link | None:
        """Returns the transform, whatever the time; None before there is one."""
        return self.link

    def latest(self) -> Link | None:
        """Returns the transform, with the stamp 0."""
        return self.link

    def clear(self) -> None:
        """Nothing to do: what holds at all times survives a jump in time."""


@dataclass
class TimeCache:
    """Transforms in order of their stamps, as far back as `cache_time_ns` from the newest."""

    cache_time_ns: int
    links: list[Link] = field(default_factory=list)

    def insert(self, link: Link) -> bool:
        """Keeps a transform in its place; False when it is older than the cache reaches."""
        newest_ns = self.links[-1].stamp_ns if self.links else 0
        while self.links and self.links[0].stamp_ns + self.cache_time_ns < newest_ns:
            del self.links[0]
        if self.links and link.stamp_ns < newest_ns - self.cache_time_ns:
            return False
        if link not in self.links[self._first_at(link.stamp_ns):self._first_after(link.stamp_ns)]:
            self.links.insert(self._first_after(link.stamp_ns), link)
        return True

    def at(self, stamp_ns: int) -> Link | None:
        """Returns the transform at a time, interpolated; the newest for the time 0.

        None for the time 0 when there is nothing at all.

        Raises:
            ExtrapolationException: the time lies before the oldest or after the newest.
        """
        if stamp_ns == 0:
            return self.latest()
        if not self.links:
            raise ExtrapolationException(
                f"Lookup would require extrapolation at time {seconds_text(stamp_ns)}, but no "
                "transform is in the buffer")
        oldest, newest = self.links[0], self.links[-1]
        if stamp_ns == newest.stamp_ns:
            return newest
        if stamp_ns == oldest.stamp_ns:
            return oldest
        if len(self.links) == 1:
            raise ExtrapolationException(
                f"Lookup would require extrapolation at time {seconds_text(stamp_ns)}, but only "
                f"time {seconds_text(newest.stamp_ns)} is in the buffer")
        if stamp_ns > newest.stamp_ns:
            raise ExtrapolationException(
                "Lookup would require extrapolation into the future.  Requested time "
                f"{seconds_text(stamp_ns)} but the latest data is at time "
                f"{seconds_text(newest.stamp_ns)}")
        if stamp_ns < oldest.stamp_ns:
            raise ExtrapolationException(
                "Lookup would require extrapolation into the past.  Requested time "
                f"{seconds_text(stamp_ns)} but the earliest data is at time "
                f"{seconds_text(oldest.stamp_ns)}")
        after = self._first_after(stamp_ns)
        return self._between(self.links[after - 1], self.links[after], stamp_ns)

    def latest(self) -> Link | None:
        """Returns the newest transform."""
        return self.links[-1] if self.links else None

    def clear(self) -> None:
        """Forgets everything."""
        self.links.clear()

    @staticmethod
    def _between(older: Link, newer: Link, stamp_ns: int) -> Link:
        if older.parent != newer.parent:  # re-parented in between: nothing to interpolate
            return older
        ratio = (stamp_ns - older.stamp_ns) / (newer.stamp_ns - older.stamp_ns)
        return Link(stamp_ns, older.parent, interpolate(older.rigid, newer.rigid, ratio))

    def _first_at(self, stamp_ns: int) -> int:
        return bisect.bisect_left([link.stamp_ns for link in self.links], stamp_ns)

    def _first_after(self, stamp_ns: int) -> int:
        return bisect.bisect_right([link.stamp_ns for link in self.links], stamp_ns)

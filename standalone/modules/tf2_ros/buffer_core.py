"""A tree of frames over time, and the way from one frame to another."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

from .exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from .messages import complaint_about, contents_of, message_of, nanoseconds_of
from .rotation import Rigid, compose, invert
from .time_cache import Link, StaticCache, TimeCache, seconds_text

MAX_GRAPH_DEPTH = 1000
"""A chain of more links than this is a loop."""


class BufferCore:
    """Transforms of the last `cache_time`, and lookups between any two frames. Thread-safe."""

    def __init__(self, cache_time: Duration | None = None) -> None:
        self._cache_time_ns = nanoseconds_of(cache_time or Duration(seconds=10))
        self._caches: dict[str, TimeCache | StaticCache] = {}
        self._authorities: dict[str, str] = {}
        # Every name ever heard, a root too; clearing keeps them, as tf2 does.
        self._known: set[str] = set()
        self._lock = threading.RLock()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Takes a transform valid at its stamp; what is invalid is logged and ignored."""
        self._set(transform, authority, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Takes a transform valid at all times; what is invalid is logged and ignored."""
        self._set(transform, authority, static=True)

    def clear(self) -> None:
        """Forgets what depends on time."""
        with self._lock:
            for cache in self._caches.values():
                cache.clear()

    def lookup_transform_core(self, target_frame: str, source_frame: str,
                              time: Any) -> TransformStamped:
        """Returns the transform that takes points of `source_frame` to `target_frame`.

        Args:
            target_frame: the frame to go to; it becomes header.frame_id.
            source_frame: the frame to come from; it becomes child_frame_id.
            time: when (rclpy Time or message); 0 means the latest that all links have.

        Raises:
            InvalidArgumentException: a name is empty or starts with a slash.
            LookupException: a frame is not known.
            ConnectivityException: the frames are in trees that are not connected.
            ExtrapolationException: the time lies outside what is held.
        """
        stamp_ns = nanoseconds_of(time)
        with self._lock:
            if target_frame == source_frame:
                latest = self._latest_link(target_frame) if stamp_ns == 0 else None
                return message_of(target_frame, source_frame,
                                latest.stamp_ns if latest else stamp_ns, Rigid())
            for role, frame in (("target_frame", target_frame), ("source_frame", source_frame)):
                self._validate(f"lookupTransform argument {role}", frame)
            stamp_ns, rigid = self._walk(target_frame, source_frame, stamp_ns)
        return message_of(target_frame, source_frame, stamp_ns, rigid)

    def lookup_transform_full_core(self, target_frame: str, target_time: Any, source_frame: str,
                                   source_time: Any, fixed_frame: str) -> TransformStamped:
        """As lookup_transform_core, from one time to another through a frame that stands still."""
        with self._lock:
            for role, frame in (("target_frame", target_frame), ("source_frame", source_frame),
                                ("fixed_frame", fixed_frame)):
                self._validate(f"lookupTransform argument {role}", frame)
            _, inner = self._walk(fixed_frame, source_frame, nanoseconds_of(source_time))
            stamp_ns, outer = self._walk(target_frame, fixed_frame, nanoseconds_of(target_time))
        return message_of(target_frame, source_frame, stamp_ns, compose(outer, inner))

    def can_transform_core(self, target_frame: str, source_frame: str,
                           time: Any) -> tuple[bool, str]:
        """Returns whether the lookup would succeed, and the reason when it would not."""
        try:
            self.lookup_transform_core(target_frame, source_frame, time)
        except TransformException as error:
            return False, str(error)
        return True, ""

    def can_transform_full_core(self, target_frame: str, target_time: Any, source_frame: str,
                                source_time: Any, fixed_frame: str) -> tuple[bool, str]:
        """Returns whether the full lookup would succeed, and the reason when it would not."""
        try:
            self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time,
                                            fixed_frame)
        except TransformException as error:
            return False, str(error)
        return True, ""

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Returns the newest time at which every link between two frames is known; 0 if static."""
        with self._lock:
            for frame in (target_frame, source_frame):
                self._validate("get_latest_common_time", frame)
            return Time(nanoseconds=self._latest_common_ns(target_frame, source_frame))

    def all_frames_as_string(self) -> str:
        """Returns one line for each frame that has a parent."""
        with self._lock:
            return "".join(f"Frame {frame} exists with parent {link.parent}.\n"
                           for frame, link in self._latest_links())

    def all_frames_as_yaml(self) -> str:
        """Returns the frames with parent, authority and the times held, as YAML."""
        with self._lock:
            return "".join(
                f"{frame}: \n  parent: '{link.parent}'\n"
                f"  broadcaster: '{self._authorities[frame]}'\n"
                f"  most_recent_transform: {seconds_text(link.stamp_ns)}\n"
                for frame, link in self._latest_links()) or "{}"

    def _set(self, transform: TransformStamped, authority: str, static: bool) -> None:
        parent, child, rigid = contents_of(transform)
        complaint = complaint_about(parent, child, rigid)
        if complaint:
            get_logger("tf2").error(
                f"Ignoring transform from authority \"{authority}\" with frame_id \"{parent}\" "
                f"and child_frame_id \"{child}\": {complaint}")
            return
        with self._lock:
            cache = self._caches.get(child)
            if cache is None or isinstance(cache, StaticCache) != static:
                cache = StaticCache() if static else TimeCache(self._cache_time_ns)
                self._caches[child] = cache
            stamp_ns = nanoseconds_of(transform.header.stamp)
            self._known.update((parent, child))
            if cache.insert(Link(stamp_ns, parent, rigid)):
                self._authorities[child] = authority
            else:
                get_logger("tf2").warning(
                    f"TF_OLD_DATA ignoring data from the past for frame {child} at time "
                    f"{seconds_text(stamp_ns)} according to authority {authority}")

    def _validate(self, who: str, frame: str) -> None:
        for wrong, why in ((not frame, "cannot be empty"),
                           (frame.startswith("/"), "cannot start with a '/'")):
            if wrong:
                raise InvalidArgumentException(
                    f"Invalid argument \"{frame}\" passed to {who} - in tf2 frame_ids {why}")
        if frame not in self._known:
            raise LookupException(f"\"{frame}\" passed to {who} does not exist. ")

    def _latest_link(self, frame: str) -> Link | None:
        cache = self._caches.get(frame)
        return cache.latest() if cache else None

    def _latest_links(self) -> Iterator[tuple[str, Link]]:
        for frame in self._caches:
            link = self._latest_link(frame)
            if link:
                yield frame, link

    def _walk(self, target: str, source: str, stamp_ns: int) -> tuple[int, Rigid]:
        """Climbs from both frames to the first they share; returns the time and the transform."""
        if target == source:
            return stamp_ns, Rigid()
        if stamp_ns == 0:
            stamp_ns = self._latest_common_ns(target, source)
        up_source, source_error = self._climb(source, target, stamp_ns)
        if target in up_source:
            return stamp_ns, up_source[target]
        up_target, target_error = self._climb(target, source, stamp_ns)
        meeting = next((frame for frame in up_target if frame in up_source), None)
        if meeting is not None:
            return stamp_ns, compose(invert(up_target[meeting]), up_source[meeting])
        error = target_error or source_error
        if error:
            raise ExtrapolationException(
                f"{error}, when looking up transform from frame [{source}] to frame [{target}]")
        raise self._not_connected(target, source)

    def _climb(self, frame: str, goal: str, stamp_ns: int) -> tuple[dict[str, Rigid], str]:
        """Transforms from `frame` to each ancestor up to `goal`, and what stopped it early."""
        reached = {frame: Rigid()}
        while frame != goal:
            cache = self._caches.get(frame)
            try:
                link = cache.at(stamp_ns) if cache else None
            except ExtrapolationException as error:
                return reached, str(error)
            if link is None:
                break
            if len(reached) > MAX_GRAPH_DEPTH or link.parent in reached:
                raise LookupException("The tf tree is invalid because it contains a loop.\n"
                                      + self.all_frames_as_string())
            reached[link.parent] = compose(link.rigid, reached[frame])
            frame = link.parent
        return reached, ""

    def _latest_common_ns(self, target: str, source: str) -> int:
        """The newest time that all links between two frames have; 0 when all are static."""
        up_source, up_target = self._latest_chain(source), self._latest_chain(target)
        meeting = next((frame for frame in up_source if frame in up_target), None)
        if meeting is None:
            raise self._not_connected(target, source)
        return min((stamp for chain in (up_source, up_target)
                    for stamp in chain[meeting] if stamp), default=0)

    def _latest_chain(self, frame: str) -> dict[str, tuple[int, ...]]:
        """For each ancestor of a frame the newest stamps of the links that lead to it."""
        stamps: dict[str, tuple[int, ...]] = {frame: ()}
        link = self._latest_link(frame)
        while link:
            if link.parent in stamps:
                raise LookupException("The tf tree is invalid because it contains a loop.\n"
                                      + self.all_frames_as_string())
            stamps[link.parent] = (*stamps[frame], link.stamp_ns)
            frame, link = link.parent, self._latest_link(link.parent)
        return stamps

    @staticmethod
    def _not_connected(target: str, source: str) -> ConnectivityException:
        return ConnectivityException(
            f"Could not find a connection between '{target}' and '{source}' because they are not "
            "part of the same tree.Tf has two or more unconnected trees.")

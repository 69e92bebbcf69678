"""Zones watched by a node: their frames in TF, their time between frames, their events."""
from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from std_msgs.msg import Header

from smolvlm_ros.fusion import (
    FramesUnderWay,
    GateWord,
    Sightings,
    Track,
    Transform,
    Zone,
    ZoneMonitor,
    ZoneTransition,
)
from smolvlm_ros.ros.frame_requests import FrameRequests
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.objects import to_zone_event
from smolvlm_ros.ros.stamps import ExactStamps
from smolvlm_ros.ros.transforms import MissingTransform, TransformSource, chained

# Frames may pass the gate as rarely as this; a fault that holds for each must not flicker.
BETWEEN_FRAMES_S = 60.0
_ASK_EVERY_S = 1.0


class ZoneWatch:
    """Feeds a ZoneMonitor, and publishes what it finds in the order in which it happened.

    The caller holds a lock over all but `transforms`.

    Args:
        node: the FunnelNode; what is made here lives until its present phase ends.
        monitor: keeps its state from phase to phase.
        source: TF.
        stamps: knows the stamps of the frames.
        events: where events go to.
        request: the gate's service, asked for a frame where one has to show who is still there.
    """

    def __init__(self, node: Any, monitor: ZoneMonitor, source: TransformSource,
                 stamps: ExactStamps, events: Endpoint, request: Endpoint) -> None:
        self._node = node
        self._monitor = monitor
        self._source = source
        self._stamps = stamps
        self._under_way = FramesUnderWay(monitor.reorder_s)
        self._blind: set[str] = set()
        self._ranges_m: dict[int, float] = {}  # of each track's last sighting
        self._events = node.endpoints.publish(events)
        self._requests = FrameRequests(node, request, _ASK_EVERY_S)
        node.own("zone faults", lambda: self._see(set()))

    def transforms(self, header: Header, timeout_s: float) -> dict[str, Transform]:
        """From the camera to each zone's frame; one that is missing is left out and reported.

        Args:
            header: of the frame.
            timeout_s: how long to wait for all of them together.
        """
        result: dict[str, Transform] = {}
        blind: set[str] = set()
        end_s = time.monotonic() + timeout_s
        for frame in self._monitor.frames:
            try:
                result[frame] = self._source.lookup(frame, header.frame_id, header.stamp,
                                                    end_s - time.monotonic())
            except MissingTransform as error:
                blind.add(frame)
                names = ", ".join(z.name for z in self._monitor.zones if z.frame_id == frame)
                self._node.faults.set(_fault(frame), Level.ERROR, f"zones {names} are blind: "
                                      f"{error}", BETWEEN_FRAMES_S)
        self._see(blind)
        return result

    def update(self, tracks: Sequence[Track], to_tracks: Transform,
               to_zones: Mapping[str, Transform], stamp_s: float) -> dict[str, tuple[int, ...]]:
        """Take a frame, publish what it changes.

        Args:
            tracks: the tracks after it.
            to_tracks: from the camera to the tracks' frame.
            to_zones: from the camera to the zones' frames, as `transforms` gives them.
            stamp_s: its stamp.

        Returns:
            who is in which zone: numbers of tracks by the zone's name.
        """
        back = to_tracks.inverse()
        seen = {frame: Sightings.of(tracks, chained(to_zone, back), to_zone.looks_down())
                for frame, to_zone in to_zones.items()}
        self._ranges_m = {t.id: t.range_m for t in tracks}
        self._tell(self._monitor.update(seen, stamp_s))
        self._under_way.fused(stamp_s)
        return {z.name: self._monitor.occupants(z.name) for z in self._monitor.zones}

    def decided(self, word: GateWord) -> bool:
        """Take the gate's decision on a frame: time goes on while nothing changes.

        Returns:
            True when nothing has moved since the newest frame; the camera may have.
        """
        goes_on = self._under_way.decided(word)
        if self._monitor.zones:
            if goes_on:
                self._tell(self._monitor.tick(word.stamp_s, self._under_way.changed))
            if self._under_way.wants_frame and self._monitor.waits(word.stamp_s):
                self._requests.ask(word.stamp_s)
        return goes_on and not self._under_way.moved

    def configure(self, zones: Sequence[Zone]) -> None:
        """Watch other zones; unchanged ones keep their state. Takes over the monitor's settings."""
        self._under_way.reorder_s = self._monitor.reorder_s
        self._tell(self._monitor.configure(zones))

    def _tell(self, events: Sequence[ZoneTransition]) -> None:
        for event in events:
            distance_m = self._ranges_m.get(event.track_id, math.nan)
            self._events.publish(to_zone_event(event, self._stamps.stamp(event.stamp_s),
                                               distance_m))
            self._node.stats.count(f"zone_{event.kind}")

    def _see(self, blind: set[str]) -> None:
        """Note the frames that are missing now; those found again are no fault any more."""
        for frame in self._blind - blind:
            self._node.faults.clear(_fault(frame))
        self._blind = blind


def _fault(frame: str) -> str:
    return f"zone frame {frame}"

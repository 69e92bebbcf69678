"""Who is in which zone: enter, dwell and leave, once each, with times from stamps."""
from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.sightings import Sightings
from smolvlm_ros.fusion.track import TrackConfig
from smolvlm_ros.fusion.zones import Zone

ENTER, DWELL, LEAVE = "enter", "dwell", "leave"


@dataclass(frozen=True, eq=False)
class ZoneTransition:
    """One object entered, dwells in or left one zone.

    Attributes:
        kind: 'enter', 'dwell' or 'leave'.
        zone: the zone.
        track_id: number of the track.
        class_name: its class.
        stamp_s: stamp of the frame that showed it (or of the tick).
        entered_s: stamp of the first frame that showed it inside.
        dwell_s: time inside: until now, or for 'leave' until the first frame that did not show it
            inside.
        position: shape (3,) float64, metres, in the zone's frame: where it was last seen.
        reason: for 'leave', why: 'outside', 'not seen', 'zone changed' or 'time went back'.
    """

    kind: str
    zone: Zone
    track_id: int
    class_name: str
    stamp_s: float
    entered_s: float
    dwell_s: float
    position: NDArray[np.float64]
    reason: str = ""


@dataclass
class _Stay:
    """One track in one zone."""

    class_name: str
    position: NDArray[np.float64]
    entered_s: float
    hits: int = 0                    # sightings inside
    told: bool = False               # that it has entered; nothing else is told before
    dwelt: bool = False
    missing_s: float | None = None   # stamp of the first frame that did not show it


class ZoneMonitor:
    """Follows tracks through zones.

    The gate lets few frames through, so time without frames is no evidence of absence: a track
    stays in its zone until frames show otherwise. `update` takes a frame that was looked at, empty
    ones too; `tick` tells the time between frames. A track that frames did not show for
    `leave_after_s`, counted from the first of them, has left; times in transitions are therefore
    right within one frame at any frame rate. An entry is told when it is sure (`Zone.enter_hits`);
    the stay counts from its first sighting inside. While something moves, or the camera, who was
    seen inside may be outside, and who was missed once be seen again: nothing is told but by frames
    then, and `waits` tells that one is wanted.

    Not safe for several threads at once. `blind` names the zones whose frame was missing in the
    last update: nothing is known of them and their state is kept. `late` and `resets` count as in
    `Tracker3D`, and `reorder_s` tells them apart as in `TrackConfig`.
    """

    def __init__(self, zones: Iterable[Zone] = (), reorder_s: float = TrackConfig().reorder_s
                 ) -> None:
        self.blind: tuple[str, ...] = ()
        self.late = 0
        self.resets = 0
        self.reorder_s = reorder_s
        self._stays: dict[Zone, dict[int, _Stay]] = {}
        self._stamp_s: float | None = None
        self._frame_s: float | None = None   # of the last frame; ticks may have gone on from it
        self.configure(zones)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones watched."""
        return tuple(self._stays)

    @property
    def frames(self) -> tuple[str, ...]:
        """The TF frames that `update` needs sightings in, each once."""
        return tuple(dict.fromkeys(zone.frame_id for zone in self._stays))

    def occupants(self, name: str) -> tuple[int, ...]:
        """Numbers of the tracks in the zone of that name; none when there is no such zone."""
        return tuple(t for zone, stays in self._stays.items() if zone.name == name
                     for t, stay in stays.items() if stay.told)

    def configure(self, zones: Iterable[Zone]) -> tuple[ZoneTransition, ...]:
        """Watch other zones; unchanged ones keep their state.

        Returns:
            'leave' (reason 'zone changed') of every track in a zone that is gone or changed.

        Raises:
            ValueError: when two zones have the same name; nothing is changed then.
        """
        wanted = tuple(zones)
        names = [zone.name for zone in wanted]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two zones are named {name!r}; give each a name of its own")
        events = [self._left(zone, track, stay, self._stamp_s or 0.0, "zone changed")
                  for zone, stays in self._stays.items() if zone not in wanted
                  for track, stay in stays.items() if stay.told]
        self._stays = {zone: self._stays.get(zone, {}) for zone in wanted}
        self.blind = tuple(name for name in self.blind if name in names)
        return tuple(events)

    def update(self, sightings: Mapping[str, Sightings], stamp_s: float
               ) -> tuple[ZoneTransition, ...]:
        """Take a frame that was looked at.

        Args:
            sightings: by TF frame; an empty `Sightings` where nothing was seen, no entry where
                there is no transform to that frame.
            stamp_s: the frame's stamp.

        Returns:
            what changed, in the order of the zones.

        Raises:
            ValueError: when the stamp is not finite.
        """
        events = self._advance(stamp_s, frame=True)
        if events is None:
            return ()
        self._frame_s = stamp_s
        self.blind = tuple(z.name for z in self._stays if z.frame_id not in sightings)
        for zone, stays in self._stays.items():
            seen = sightings.get(zone.frame_id)
            if seen is not None:
                self._look(zone, stays, seen, stamp_s, events)
        self._elapse(max(stamp_s, self._stamp_s or stamp_s), events)
        return tuple(events)

    def tick(self, stamp_s: float, moved: bool = False) -> tuple[ZoneTransition, ...]:
        """Tell the time when no frame came.

        If nothing moved, who was inside in the last frame still is, and who was missing has left.

        Args:
            stamp_s: the time.
            moved: something, or the camera, has moved since the last frame.

        Raises:
            ValueError: when the stamp is not finite.
        """
        events = self._advance(stamp_s)
        if events is None:
            return ()
        if moved:
            return tuple(events)
        for zone, track, stay in self._watched():
            if _entry_due(zone, stay, stamp_s):
                self._enter(zone, track, stay, stamp_s, events)
        self._elapse(stamp_s, events)
        return tuple(events)

    def waits(self, stamp_s: float) -> bool:
        """True when something would be told at that time, had nothing moved.

        An entry that is not sure waits for half its time only: who walks through is soon outside.
        """
        return any(_entry_due(zone, stay, stamp_s, 0.5) or _dwell_due(zone, stay, stamp_s)
                   or _end_due(zone, stay, stamp_s) for zone, _, stay in self._watched())

    def _watched(self) -> Iterator[tuple[Zone, int, _Stay]]:
        """Every zone that is not blind, with each track and stay in it."""
        for zone, stays in self._stays.items():
            if zone.name not in self.blind:
                yield from ((zone, track, stay) for track, stay in list(stays.items()))

    def _advance(self, stamp_s: float, frame: bool = False) -> list[ZoneTransition] | None:
        """Note the time; None for a late stamp, all 'leave' when time went back.

        Frames are late among themselves: one that ticks have overtaken on its way counts, with its
        own stamp.
        """
        if not math.isfinite(stamp_s):
            raise ValueError(f"stamp is {stamp_s}, expected finite seconds")
        events: list[ZoneTransition] = []
        now = self._stamp_s
        last = self._frame_s if frame and self._frame_s is not None else now
        if now is None or last is None:
            self._stamp_s = stamp_s
        elif stamp_s >= last:
            self._stamp_s = max(stamp_s, now)
        elif last - stamp_s <= self.reorder_s:
            self.late += 1
            return None
        else:
            self.resets += 1
            for zone, stays in self._stays.items():
                events += [self._left(zone, track, stay, now, "time went back")
                           for track, stay in stays.items() if stay.told]
                stays.clear()
            self._stamp_s, self._frame_s = stamp_s, None
        return events

    def _look(self, zone: Zone, stays: dict[int, _Stay], seen: Sightings, stamp_s: float,
              events: list[ZoneTransition]) -> None:
        """Compare one zone with one frame."""
        watched = np.array([zone.watches(kind) for kind in seen.kinds], bool)[seen.codes]
        distance = _distances(zone, seen)
        for track, stay in list(stays.items()):
            row = seen.rows.get(track)
            if track in seen.unplaced:
                stay.missing_s = None
                continue
            if row is None or not watched[row]:
                stay.missing_s = stamp_s if stay.missing_s is None else stay.missing_s
                continue
            stay.position, stay.class_name = seen.positions[row], seen.class_names[row]
            edge = distance[row] if zone.keep_out else distance[row] - seen.radii[row]
            if stay.told and edge > zone.hysteresis_m:
                events.append(self._left(zone, track, stay, stamp_s, "outside"))
                del stays[track]
            elif not stay.told and distance[row] > 0:
                del stays[track]   # what is not sure to be inside is not kept there by its edge
            else:
                stay.missing_s = None
        for row in np.flatnonzero((distance <= 0) & watched).tolist():
            track = seen.track_ids[row]
            stay = stays.setdefault(track, _Stay(seen.class_names[row], seen.positions[row],
                                                 stamp_s))
            stay.hits += 1
            known = seen.hits[row] > zone.enter_hits and distance[row] < -zone.hysteresis_m
            if stay.hits >= zone.enter_hits or known:
                self._enter(zone, track, stay, stamp_s, events)

    def _enter(self, zone: Zone, track: int, stay: _Stay, stamp_s: float,
               events: list[ZoneTransition]) -> None:
        """Tell an entry, once."""
        if not stay.told:
            stay.told = True
            events.append(self._event(ENTER, zone, track, stay, stamp_s, stamp_s))

    def _elapse(self, stamp_s: float, events: list[ZoneTransition]) -> None:
        """Dwell and leave by time."""
        for zone, track, stay in self._watched():
            if _end_due(zone, stay, stamp_s):
                if stay.told:
                    events.append(self._left(zone, track, stay, stamp_s, "not seen"))
                del self._stays[zone][track]
            elif _dwell_due(zone, stay, stamp_s):
                stay.dwelt = True
                events.append(self._event(DWELL, zone, track, stay, stamp_s, stamp_s))

    def _left(self, zone: Zone, track: int, stay: _Stay, stamp_s: float, reason: str
              ) -> ZoneTransition:
        until = stamp_s if stay.missing_s is None else stay.missing_s
        return self._event(LEAVE, zone, track, stay, stamp_s, until, reason)

    @staticmethod
    def _event(kind: str, zone: Zone, track: int, stay: _Stay, stamp_s: float, until_s: float,
               reason: str = "") -> ZoneTransition:
        return ZoneTransition(kind, zone, track, stay.class_name, stamp_s, stay.entered_s,
                              until_s - stay.entered_s, stay.position, reason)


def _entry_due(zone: Zone, stay: _Stay, stamp_s: float, share: float = 1.0) -> bool:
    return (not stay.told and stay.missing_s is None
            and stamp_s - stay.entered_s >= share * zone.enter_after_s)


def _dwell_due(zone: Zone, stay: _Stay, stamp_s: float) -> bool:
    return (zone.dwell_s is not None and stay.told and not stay.dwelt
            and stay.missing_s is None and stamp_s - stay.entered_s >= zone.dwell_s)


def _end_due(zone: Zone, stay: _Stay, stamp_s: float) -> bool:
    return stay.missing_s is not None and stamp_s - stay.missing_s >= zone.leave_after_s


def _distances(zone: Zone, seen: Sightings) -> NDArray[np.float64]:
    """Signed distance of each sighting to a zone, +Inf for what is far outside, shape (N,).

    It is that of the centre, of a keep-out zone that of the edge.
    """
    reach = zone.hysteresis_m + seen.radii.max(initial=0.0)
    near = zone.shape.near(seen.positions, reach)
    result = np.full(len(seen.positions), np.inf)
    result[near] = zone.shape.distance(seen.positions[near])
    if zone.keep_out:
        result -= seen.radii
    return result

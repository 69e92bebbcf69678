"""One object over time: its settings, how it is given to others, and how its tracker keeps it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.fuse import Object3D
from smolvlm_ros.fusion.motion import MotionModel
from smolvlm_ros.settings import Settings, setting

_STILL_M, _STILL_SIGMA = 0.15, 2.0   # what has gone no further than this and its error is still


@dataclass(frozen=True)
class TrackConfig(Settings):
    """How objects of different frames are taken for the same."""

    keep_s: float = setting(
        30.0, "Time after its last sighting for which a track that frames fail to show is "
        "remembered. One that the last frame showed is still there for as long as the gate says "
        "that nothing changes, and this time longer.", unit="s", ge=0.0, le=3600.0, runtime=True)
    lost_after_s: float = setting(
        4.0, "Time for which frames may fail to show a track, counted from the first of them, "
        "before what comes later is somebody else; time without frames (the gate is closed) does "
        "not count. What never moved is known again at its place until keep_s.", unit="s", ge=0.0,
        le=3600.0, runtime=True)
    gate_sigma: float = setting(
        4.0, "Greatest Mahalanobis distance between a track and an object taken for the same.",
        ge=1.0, le=10.0, runtime=True)
    max_match_m: float = setting(
        3.0, "Greatest distance between a track's expected position and an object taken for the "
        "same, however long the gap.", unit="m", ge=0.1, le=100.0, runtime=True)
    speed_std: float = setting(
        0.7, "Standard deviation of each component of an object's velocity.", unit="m/s", ge=0.01,
        le=50.0, runtime=True)
    velocity_memory_s: float = setting(
        2.0, "Time for which an object keeps its velocity.", unit="s", ge=0.05, le=60.0,
        runtime=True)
    any_class: str = setting(
        "moving", "Class that may be the same object as one of any other class (the gate's moving "
        "regions); empty for none.", runtime=True)
    reorder_s: float = setting(
        1.0, "Frames older than the newest by at most this are late and left out; older ones mean "
        "that time went back (a bag loops) and all tracks start anew.", unit="s", ge=0.0, le=60.0,
        runtime=True)


@dataclass(frozen=True, eq=False)
class Track:
    """One object over time, at the stamp of the update that returned it.

    Attributes:
        id: number, from 1, never used again by this tracker.
        class_name: its class; a track of the any-class takes the first other name it is seen as.
        position: shape (3,) float64, metres, in the tracker's frame.
        velocity: shape (3,) float64, metres per second.
        covariance: shape (3, 3) float64, square metres, of the position.
        size: shape (3,) float64, metres, of its last sighting (`Object3D.size`).
        score: the detector's score at its last sighting.
        range_m: distance from the camera at its last sighting, metres.
        first_seen_s: stamp of its first sighting.
        last_seen_s: stamp of its last sighting.
        hits: number of sightings.
        source: index in the last update's objects of its sighting, None when it was not seen then.
        unplaced: the last update had a detection without a pose where it was in the image: it may
            still be there, and is not missing.
    """

    id: int
    class_name: str
    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    covariance: NDArray[np.float64]
    size: NDArray[np.float64]
    score: float
    range_m: float
    first_seen_s: float
    last_seen_s: float
    hits: int
    source: int | None = None
    unplaced: bool = False

    @property
    def seen(self) -> bool:
        """True when the update that returned this track saw it."""
        return self.source is not None


class LiveTrack:
    """A track as its tracker keeps it: the filter's state, and what is known of it."""

    def __init__(self, number: int, thing: Object3D, stamp_s: float, motion: MotionModel) -> None:
        self.id = number
        self.class_name = thing.class_name
        self.x, self.p = motion.start(thing.position, thing.covariance)
        self.first_seen_s = stamp_s
        self.missing_s: float | None = None   # stamp of the first frame that did not show it
        self.hits = 0
        self._first = self.x[:3]
        self.see(thing, stamp_s)

    def see(self, thing: Object3D, stamp_s: float) -> None:
        """Note a sighting; the filter has been corrected with it."""
        self.size, self.score, self.range_m = thing.size, thing.score, thing.range_m
        self.xyxy = thing.xyxy
        self.last_seen_s = stamp_s
        self.there_s = stamp_s   # it may have stayed longer than frames have shown it
        self.missing_s = None
        self.hits += 1
        self._place = self.x[:3], self.p[:3, :3]

    def glimpse(self, xyxy: tuple[float, float, float, float]) -> None:
        """Note that something like it was seen in that box, without a pose."""
        self.xyxy, self.missing_s = xyxy, None

    def kept(self, stamp_s: float, config: TrackConfig) -> bool:
        """Whether it is remembered."""
        return stamp_s - self.there_s <= config.keep_s

    def expected(self, stamp_s: float, config: TrackConfig
                 ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Where it may be seen, position and covariance; None for nowhere any more."""
        if self.missing_s is None or stamp_s - self.missing_s <= config.lost_after_s:
            return self.x[:3], self.p[:3, :3]
        moved = self._place[0] - self._first
        reach = _STILL_SIGMA ** 2 * np.diag(self._place[1]).sum() + _STILL_M ** 2
        return self._place if float(moved @ moved) <= reach else None

    def track(self, source: int | None, unplaced: bool = False) -> Track:
        """As others get it.

        Args:
            source: index of the object that shows it now, or None.
            unplaced: something without a pose may be it.
        """
        return Track(self.id, self.class_name, self.x[:3].copy(), self.x[3:].copy(),
                     self.p[:3, :3].copy(), self.size, self.score, self.range_m,
                     self.first_seen_s, self.last_seen_s, self.hits, source, unplaced)

"""Tracks: objects that keep their number from frame to frame, and over the gate's gaps."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from smolvlm_ros.fusion.fuse import Object3D, Unplaced
from smolvlm_ros.fusion.motion import MotionModel
from smolvlm_ros.fusion.track import LiveTrack, Track, TrackConfig

__all__ = ["Track", "TrackConfig", "Tracker3D"]

_DEFAULT = TrackConfig()
_NO_MATCH = 1e6
_SAME_BOX = 0.5   # share of the smaller of two boxes that lies on the other
_SAME_PLACE = 0.3  # intersection over union of a track's last box and one without a pose


class Tracker3D:
    """Numbers objects over time: Kalman filters, Mahalanobis gates, least-cost assignment.

    Not safe for several threads at once. `late` counts frames left out because they were older
    than the newest, `resets` how often time went back, and `last_reset` says so in words.
    """

    def __init__(self, config: TrackConfig = _DEFAULT) -> None:
        self.late = 0
        self.resets = 0
        self.last_reset = ""
        self._live: list[LiveTrack] = []
        self._next = 1
        self._stamp_s: float | None = None
        self.configure(config)

    def configure(self, config: TrackConfig) -> None:
        """Take other settings; tracks are kept."""
        self.config = config
        self._motion = MotionModel(config.speed_std, config.velocity_memory_s)

    def clear(self) -> None:
        """Forget all tracks; numbers are not used again."""
        self._live = []
        self._stamp_s = None

    def unchanged(self, stamp_s: float) -> None:
        """Note that at this stamp all was as the newest frame has shown it."""
        for live in self._live:
            if live.last_seen_s == self._stamp_s:
                live.there_s = max(live.there_s, stamp_s)

    def update(self, objects: Sequence[Object3D], stamp_s: float,
               unplaced: Sequence[Unplaced] = ()) -> tuple[Track, ...]:
        """Take one frame's objects.

        Args:
            objects: all in one frame that does not move with the camera (`target_frame`).
            stamp_s: the frame's stamp.
            unplaced: what that frame showed without a pose, boxes in the same image. A track that
                was last in such a box is not missing for this frame.

        Returns:
            all remembered tracks at that stamp, the seen and the unseen, by id. After a late
            frame, none of them is `seen`.

        Raises:
            ValueError: when the stamp is not finite.
        """
        if not math.isfinite(stamp_s):
            raise ValueError(f"stamp is {stamp_s}, expected finite seconds")
        if self._stamp_s is not None and stamp_s < self._stamp_s:
            if self._stamp_s - stamp_s <= self.config.reorder_s:
                self.late += 1
                return tuple(live.track(None) for live in self._live)
            self.resets += 1
            self.last_reset = (f"time went back from {self._stamp_s:.3f} s to {stamp_s:.3f} s: "
                               f"{len(self._live)} tracks forgotten")
            self.clear()
        dt = 0.0 if self._stamp_s is None else stamp_s - self._stamp_s
        self._stamp_s = stamp_s
        self._live = [t for t in self._live if t.kept(stamp_s, self.config)]
        for live in self._live:
            live.x, live.p = self._motion.predict(live.x, live.p, dt)
        sources = self._match(objects, stamp_s)
        glimpsed = self._glimpsed(unplaced, sources, stamp_s)
        for live in self._live:
            if live.id in glimpsed:
                live.glimpse(glimpsed[live.id])
            elif live.id not in sources and live.missing_s is None:
                live.missing_s = stamp_s
        return tuple(live.track(sources.get(live.id), live.id in glimpsed) for live in self._live)

    def _match(self, objects: Sequence[Object3D], stamp_s: float) -> dict[int, int]:
        """Correct the tracks with their objects, start new ones; {track id: object index}."""
        if not objects:
            return {}
        cost = self._cost(objects, stamp_s)
        named, vague = self._sorted(objects)
        taken: dict[int, int] = {}   # row in self._live: object
        # Named objects first: a moving region must not take the track of the person who moves.
        for group in (named, vague):
            rows = [r for r in range(len(self._live)) if r not in taken]
            taken.update(_assign(cost, rows, group))
        for row, index in taken.items():
            self._see(self._live[row], objects[index], stamp_s)
        sources = {self._live[row].id: index for row, index in taken.items()}
        for index in sorted({*named, *vague} - set(taken.values())):
            live = LiveTrack(self._next, objects[index], stamp_s, self._motion)
            self._next += 1
            self._live.append(live)
            sources[live.id] = index
        return sources

    def _glimpsed(self, unplaced: Sequence[Unplaced], sources: Mapping[int, int], stamp_s: float
                  ) -> dict[int, tuple[float, float, float, float]]:
        """Tracks not seen that may be something without a pose, and its box."""
        result: dict[int, tuple[float, float, float, float]] = {}
        for thing in unplaced:
            same = [(_overlap(live.xyxy, thing.xyxy), live.id) for live in self._live
                    if live.id not in sources and live.id not in result
                    and live.expected(stamp_s, self.config) is not None
                    and (live.class_name == thing.class_name
                         or self.config.any_class in (live.class_name, thing.class_name))]
            share, number = max(same, default=(0.0, 0))
            if share >= _SAME_PLACE:
                result[number] = thing.xyxy
        return result

    def _sorted(self, objects: Sequence[Object3D]) -> tuple[list[int], list[int]]:
        """Indices of the objects with a class and of those of the any-class.

        Of the latter, those on the box of one of the former are left out: they are the same thing.
        """
        any_class = self.config.any_class
        vague = [i for i, o in enumerate(objects) if any_class and o.class_name == any_class]
        named = sorted(set(range(len(objects))) - set(vague))
        if not named or not vague:
            return named, vague
        boxes = np.array([o.xyxy for o in objects])
        one, other = boxes[vague][:, None], boxes[named][None]
        shared = np.clip(np.minimum(one[..., 2:], other[..., 2:])
                         - np.maximum(one[..., :2], other[..., :2]), 0, None).prod(2)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        smaller = np.minimum(area[vague][:, None], area[named][None])
        same = (shared >= _SAME_BOX * smaller).any(1)
        return named, [i for i, double in zip(vague, same, strict=True) if not double]

    def _see(self, live: LiveTrack, thing: Object3D, stamp_s: float) -> None:
        live.x, live.p = self._motion.correct(live.x, live.p, thing.position, thing.covariance)
        if live.class_name == self.config.any_class:
            live.class_name = thing.class_name
        live.see(thing, stamp_s)

    def _cost(self, objects: Sequence[Object3D], stamp_s: float) -> NDArray[np.float64]:
        """Cost of each track being each object, shape (T, N); _NO_MATCH where it cannot be.

        Minus twice the log likelihood, without its constant: squared Mahalanobis distance plus
        log det S, so that a track with a wide covariance does not win by being vague.
        """
        if not self._live:
            return np.zeros((0, len(objects)))
        places = [t.expected(stamp_s, self.config) for t in self._live]
        nowhere = np.array([place is None for place in places])
        known = [place or (np.zeros(3), np.eye(3)) for place in places]
        expected = np.stack([position for position, _ in known])
        spread = np.stack([covariance for _, covariance in known])
        measured = np.stack([o.position for o in objects])
        noise = np.stack([o.covariance for o in objects])
        offset = measured[None] - expected[:, None]
        s = spread[:, None] + noise[None] + 1e-9 * np.eye(3)
        squared = np.einsum("tni,tni->tn", offset, np.linalg.solve(s, offset[..., None])[..., 0])
        cost: NDArray[np.float64] = squared + np.linalg.slogdet(s)[1]
        any_class = self.config.any_class
        ours = np.array([t.class_name for t in self._live])[:, None]
        theirs = np.array([o.class_name for o in objects])[None]
        same = ours == theirs
        if any_class:
            same |= (ours == any_class) | (theirs == any_class)
        far = np.linalg.norm(offset, axis=2) > self.config.max_match_m
        far |= nowhere[:, None]
        return np.where(same & ~far & (squared <= self.config.gate_sigma ** 2), cost, _NO_MATCH)


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]
             ) -> float:
    """Intersection over union of two boxes."""
    a, b = np.array(one), np.array(other)
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared
    return float(shared / union) if union > 0 else 0.0


def _assign(cost: NDArray[np.float64], rows: list[int], columns: list[int]) -> dict[int, int]:
    """Least-cost pairs among those rows and columns that may match, {row: column}."""
    if not rows or not columns:
        return {}
    part = cost[np.ix_(rows, columns)]
    chosen = zip(*linear_sum_assignment(part), strict=True)
    return {rows[r]: columns[c] for r, c in chosen if part[r, c] < _NO_MATCH}

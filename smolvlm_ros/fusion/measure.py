"""Geometry questions answered from depth and tracks, with uncertainty and age, or refused.

Distances are straight lines in 3D, in metres; 'how far' is from the camera's optical centre, or
from a point the caller gives.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.fuse import NO_RAY, FusionConfig, fuse
from smolvlm_ros.fusion.tracks import Track

_PATCH = 2            # pixels on each side of the one asked for
_SURFACE_REL = 0.05   # depths this close to each other are one surface


@dataclass(frozen=True, eq=False)
class Measurement:
    """An answer.

    Attributes:
        value_m: distance or width, metres.
        std_m: its standard deviation, metres.
        age_s: age of the oldest evidence it rests on, seconds.
        point: shape (3,) float64, metres: what was measured, or the first end of a line; in the
            optical frame for a `DepthView`, else in the tracks' frame.
        track_ids: the tracks it is about, in the order of the question.
        class_name: class of the first of these.
    """

    value_m: float
    std_m: float
    age_s: float
    point: NDArray[np.float64]
    track_ids: tuple[int, ...] = ()
    class_name: str = ""


@dataclass(frozen=True)
class Refusal:
    """No answer, and why."""

    reason: str


Answer = Measurement | Refusal


@dataclass(frozen=True, eq=False)
class Located:
    """A point with its uncertainty: shapes (3,) and (3, 3), metres and square metres."""

    position: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DepthView:
    """A depth map with its camera and stamp: the evidence of the questions about pixels.

    Attributes:
        depth_m: shape (H, W) float metres, NaN and +-Inf as in REP-117.
        camera: model of the image that pixels are given in; same view as the depth map.
        stamp_s: when it was taken.
        config: as of `fuse`.
        up: as of `fuse`.
    """

    depth_m: NDArray[np.floating]
    camera: CameraModel
    stamp_s: float
    config: FusionConfig = FusionConfig()
    up: NDArray[np.float64] | None = None

    def at_pixel(self, pixel: ArrayLike, now_s: float, max_age_s: float = math.inf) -> Answer:
        """How far is what is seen at pixel (u, v)."""
        point = self._stale(now_s, max_age_s) or self.locate(pixel)
        if isinstance(point, Refusal):
            return point
        return _answer(point, None, now_s - self.stamp_s)

    def in_box(self, xyxy: ArrayLike, now_s: float, max_age_s: float = math.inf) -> Answer:
        """How far is the object in the box."""
        stale = self._stale(now_s, max_age_s)
        if stale:
            return stale
        fused = fuse(np.asarray(xyxy, np.float64).reshape(1, 4), [1.0], [""], self.depth_m,
                     self.camera, self.config, self.up)
        if fused.unplaced:
            return Refusal(fused.unplaced[0].reason)
        thing = fused.objects[0]
        return _answer(Located(thing.position, thing.covariance), None, now_s - self.stamp_s)

    def gap(self, first: ArrayLike, second: ArrayLike, now_s: float, max_age_s: float = math.inf
            ) -> Answer:
        """How wide is the gap between what is seen at two pixels, one on each side of it."""
        stale = self._stale(now_s, max_age_s)
        if stale:
            return stale
        one, other = self.locate(first), self.locate(second)
        if isinstance(one, Refusal):
            return Refusal(f"first pixel: {one.reason}")
        if isinstance(other, Refusal):
            return Refusal(f"second pixel: {other.reason}")
        return _answer(one, other, now_s - self.stamp_s)

    def locate(self, pixel: ArrayLike) -> Located | Refusal:
        """The point seen at pixel (u, v), in the optical frame.

        At an edge it is the nearer side's: who points at an edge means the thing, not what is
        behind it.
        """
        uv = np.asarray(pixel, np.float64).reshape(-1)
        camera = self.camera
        if uv.shape != (2,) or not np.isfinite(uv).all():
            return Refusal(f"pixel {uv.tolist()} is not two finite numbers")
        u, v = uv.tolist()
        if not (-0.5 <= u <= camera.width - 0.5 and -0.5 <= v <= camera.height - 0.5):
            return Refusal(f"pixel ({u:g}, {v:g}) is outside the {camera.width}x{camera.height} "
                           "image")
        patch = self._patch(u, v)
        known = np.sort(patch[np.isfinite(patch) & (patch > 0)]).astype(np.float64)
        if len(known) < max(2, patch.size // 4):
            return Refusal(f"no depth at pixel ({u:g}, {v:g}): {_why(patch)}")
        z = float(known[len(known) // 4])
        surface = known[np.abs(known - z) < _SURFACE_REL * z]
        z_std = math.hypot(float(surface.std()), self.config.depth_std_rel * z)
        ray = camera.rays([uv])[0]
        if np.isnan(ray).any():
            return Refusal(f"pixel ({u:g}, {v:g}): {NO_RAY}")
        focal = np.array([camera.fx, camera.fy])
        across = z * np.hypot(self.config.box_std_px / focal, self.config.focal_std_rel * ray[:2])
        covariance = z_std ** 2 * np.outer(ray, ray) + np.diag([*across ** 2, 0.0])
        return Located(z * ray, covariance)

    def _patch(self, u: float, v: float) -> NDArray[np.floating]:
        height, width = self.depth_m.shape
        column = round((u + 0.5) * width / self.camera.width - 0.5)
        row = round((v + 0.5) * height / self.camera.height - 0.5)
        column, row = min(max(column, 0), width - 1), min(max(row, 0), height - 1)
        return self.depth_m[max(0, row - _PATCH):row + _PATCH + 1,
                            max(0, column - _PATCH):column + _PATCH + 1]

    def _stale(self, now_s: float, max_age_s: float) -> Refusal | None:
        age = now_s - self.stamp_s
        if age <= max_age_s:
            return None
        return Refusal(f"the depth map is {age:.1f} s old, limit is {max_age_s:g} s")


def nearest_of_class(tracks: Iterable[Track], class_name: str, now_s: float,
                     origin: ArrayLike = (0.0, 0.0, 0.0), max_age_s: float = math.inf) -> Answer:
    """How far is the nearest object of a class.

    Args:
        tracks: in one frame.
        class_name: the class, '' for any.
        now_s: the time of the question, on the clock of the stamps.
        origin: shape (3,), where from, in the tracks' frame.
        max_age_s: tracks not seen for longer are not answered with.
    """
    what = class_name or "object"
    alike = [t for t in tracks if class_name in ("", t.class_name)]
    if not alike:
        return Refusal(f"no {what} has been seen")
    fresh = [t for t in alike if now_s - t.last_seen_s <= max_age_s]
    if not fresh:
        age = now_s - max(t.last_seen_s for t in alike)
        return Refusal(f"the last {what} was seen {age:.1f} s ago, limit is {max_age_s:g} s")
    start = np.asarray(origin, np.float64)
    best = min(fresh, key=lambda t: float(np.linalg.norm(t.position - start)))
    return _answer(Located(best.position, best.covariance), Located(start, np.zeros((3, 3))),
                   now_s - best.last_seen_s, (best,))


def between_tracks(tracks: Iterable[Track], first_id: int, second_id: int, now_s: float,
                   max_age_s: float = math.inf) -> Answer:
    """How far apart are two tracks; arguments as of `nearest_of_class`."""
    known = {t.id: t for t in tracks}
    if first_id == second_id:
        return Refusal(f"track {first_id} is given twice; name two tracks")
    for number in (first_id, second_id):
        if number not in known:
            return Refusal(f"there is no track {number}; known are {sorted(known) or 'none'}")
        age = now_s - known[number].last_seen_s
        if age > max_age_s:
            return Refusal(f"track {number} was seen {age:.1f} s ago, limit is {max_age_s:g} s")
    one, other = known[first_id], known[second_id]
    return _answer(Located(one.position, one.covariance), Located(other.position, other.covariance),
                   now_s - min(one.last_seen_s, other.last_seen_s), (one, other))


def _answer(one: Located, other: Located | None, age_s: float, about: tuple[Track, ...] = ()
            ) -> Measurement:
    """Length of the line from one point to the other (to the frame's origin for None)."""
    offset, covariance = one.position, one.covariance
    if other is not None:
        offset, covariance = offset - other.position, covariance + other.covariance
    length = float(np.linalg.norm(offset))
    if length < 1e-9:   # no direction: the widest one
        variance = float(np.linalg.eigvalsh(covariance)[-1])
    else:
        unit = offset / length
        variance = float(unit @ covariance @ unit)
    return Measurement(length, math.sqrt(variance), age_s, one.position,
                       tuple(t.id for t in about), about[0].class_name if about else "")


def _why(patch: NDArray[np.floating]) -> str:
    """What a patch without depth is."""
    if (patch == np.inf).any():
        return "beyond the depth's range"
    if (patch == -np.inf).any():
        return "too near for the depth's range"
    return "unknown"

"""Shapes of zones: prisms, cylinders and camera sectors, as signed distances."""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prism:
    """A polygon in the x-y plane, from `z_min_m` to `z_max_m`.

    Attributes:
        points: at least three corners (x, y) in metres, in order, either way round; the edges do
            not cross.
        z_min_m, z_max_m: heights in metres, infinite for no limit.

    Raises:
        ValueError: naming the field and the fix.
    """

    points: tuple[tuple[float, float], ...]
    z_min_m: float = -math.inf
    z_max_m: float = math.inf

    def __post_init__(self) -> None:
        _finite("points", self.points)
        _check_heights(self.z_min_m, self.z_max_m)
        if len(self.points) < 3:
            raise ValueError(f"points has {len(self.points)} corners; a polygon needs at least 3")
        corners = np.asarray(self.points, np.float64)
        following = np.roll(corners, -1, axis=0)
        if (np.linalg.norm(following - corners, axis=1) < 1e-6).any():
            raise ValueError("points has the same corner twice in a row; remove one (the polygon "
                             "closes by itself)")
        if _crossing(corners, following):
            raise ValueError("points: edges of the polygon cross or lie on each other; list the "
                             "corners in order around it")

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance in metres of points (N, 3), shape (N,): below zero inside."""
        x, y = points[:, 0], points[:, 1]
        ax, ay, by, ex, ey, shrink, slope = self._edges   # each (K, 1)
        wx, wy = x - ax, y - ay
        along = np.clip((wx * ex + wy * ey) * shrink, 0, 1)
        flat = np.sqrt(((wx - ex * along) ** 2 + (wy - ey * along) ** 2).min(0))
        # Crossing number: edges that a ray towards +x passes.
        passed = ((ay > y) != (by > y)) & (wx < wy * slope)
        inside = np.bitwise_xor.reduce(passed, axis=0)
        return _extruded(np.where(inside, -flat, flat), points[:, 2], self.z_min_m, self.z_max_m)

    def near(self, points: NDArray[np.float64], reach_m: float) -> NDArray[np.intp]:
        """Indices of the points (N, 3) that may be as near as that; the others are farther."""
        middle, half = self._bounds
        offset = np.abs(points[:, :2] - middle) <= half + reach_m
        return np.flatnonzero(offset[:, 0] & offset[:, 1])

    @cached_property
    def _edges(self) -> tuple[NDArray[np.float64], ...]:
        """Start, the end's y, direction, 1 / length squared and dx / dy of each edge; (K, 1)."""
        start = self.outline()
        end = np.roll(start, -1, axis=0)   # start + step may miss it by the last digit
        step = end - start
        slope = np.divide(step[:, 0], step[:, 1], out=np.zeros(len(step)), where=step[:, 1] != 0)
        columns = (*start.T, end[:, 1], *step.T, 1 / (step ** 2).sum(1), slope)
        return tuple(column[:, None] for column in columns)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middle and half of the sides of the rectangle around it, shapes (2,)."""
        low, high = self.outline().min(0), self.outline().max(0)
        return (low + high) / 2, (high - low) / 2

    def outline(self) -> NDArray[np.float64]:
        """The corners, shape (K, 2)."""
        return np.asarray(self.points, np.float64)


@dataclass(frozen=True)
class Cylinder:
    """A circle in the x-y plane, from `z_min_m` to `z_max_m`.

    Attributes:
        center: (x, y) in metres.
        radius_m: above zero.
        z_min_m, z_max_m: heights in metres, infinite for no limit.

    Raises:
        ValueError: naming the field and the fix.
    """

    center: tuple[float, float]
    radius_m: float
    z_min_m: float = -math.inf
    z_max_m: float = math.inf

    def __post_init__(self) -> None:
        _finite("center", self.center)
        _finite("radius_m", self.radius_m)
        _check_heights(self.z_min_m, self.z_max_m)
        if self.radius_m <= 0:
            raise ValueError(f"radius_m = {self.radius_m:g} must be above 0")

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance in metres of points (N, 3), shape (N,): below zero inside."""
        flat = np.hypot(points[:, 0] - self.center[0], points[:, 1] - self.center[1])
        return _extruded(flat - self.radius_m, points[:, 2], self.z_min_m, self.z_max_m)

    def near(self, points: NDArray[np.float64], reach_m: float) -> NDArray[np.intp]:
        """Indices of all points (N, 3): the distance itself is cheap."""
        return np.arange(len(points))

    def outline(self) -> NDArray[np.float64]:
        """Corners of a polygon close to the circle, shape (K, 2)."""
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        return np.stack([np.cos(angle), np.sin(angle)], 1) * self.radius_m + self.center


@dataclass(frozen=True)
class Sector:
    """What a camera (or a robot) sees between two ranges and two bearings, from its own origin.

    In a body frame (REP-103: x forward, y left, z up) the bearing is 0 ahead and positive to the
    left. In an optical frame (z forward, x right, y down) the same holds for the same directions.

    Attributes:
        range_m: least and greatest horizontal distance.
        bearing_deg: first and last bearing, counter-clockwise seen from above; (-30, 30) is ahead,
            (170, -170) is behind; a span of 360 is all around.
        z_min_m, z_max_m: heights in metres above the frame's origin, infinite for no limit.
        optical: True when the frame is an optical one.

    Raises:
        ValueError: naming the field and the fix.
    """

    range_m: tuple[float, float]
    bearing_deg: tuple[float, float]
    z_min_m: float = -math.inf
    z_max_m: float = math.inf
    optical: bool = False

    def __post_init__(self) -> None:
        _finite("range_m", self.range_m)
        _finite("bearing_deg", self.bearing_deg)
        _check_heights(self.z_min_m, self.z_max_m)
        if not 0 <= self.range_m[0] < self.range_m[1]:
            raise ValueError(f"range_m = {list(self.range_m)} must be [least, greatest] with "
                             "0 <= least < greatest")
        if max(abs(b) for b in self.bearing_deg) > 360:
            raise ValueError(f"bearing_deg = {list(self.bearing_deg)} must lie in -360 to 360")
        if self.bearing_deg[0] == self.bearing_deg[1]:
            raise ValueError(f"bearing_deg = {list(self.bearing_deg)} spans nothing; "
                             "write [-180, 180] for all around")

    @property
    def _half_rad(self) -> float:
        first, last = self.bearing_deg
        return math.radians(((last - first) % 360 or 360) / 2)

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance in metres of points (N, 3), shape (N,): below zero inside.

        Outside, near a corner, it is a little less than the distance (the greatest of the
        distances to range, bearing and height limits).
        """
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        if self.optical:
            x, y, z = z, -x, -y
        reach = np.hypot(x, y)
        flat = np.maximum(reach - self.range_m[1], self.range_m[0] - reach)
        half = self._half_rad
        if half < math.pi:
            middle = math.radians(self.bearing_deg[0]) + half
            off = np.abs((np.arctan2(y, x) - middle + math.pi) % (2 * math.pi) - math.pi) - half
            # From the nearer edge of the wedge; a quarter turn away its tip is nearest.
            side = reach * np.sin(np.clip(off, -math.pi / 2, math.pi / 2))
            flat = np.maximum(flat, side)
        return _extruded(flat, z, self.z_min_m, self.z_max_m)

    def near(self, points: NDArray[np.float64], reach_m: float) -> NDArray[np.intp]:
        """Indices of all points (N, 3): the distance itself is cheap."""
        return np.arange(len(points))

    def outline(self) -> NDArray[np.float64]:
        """Corners of a polygon close to it, shape (K, 2), (forward, left)."""
        half = self._half_rad
        middle = math.radians(self.bearing_deg[0]) + half
        angle = middle + np.linspace(-half, half, 24)
        unit = np.stack([np.cos(angle), np.sin(angle)], 1)
        return np.concatenate([unit * self.range_m[1], unit[::-1] * self.range_m[0]])


Shape = Prism | Cylinder | Sector


def _finite(name: str, values: object) -> None:
    if not np.isfinite(np.asarray(values, np.float64)).all():
        raise ValueError(f"{name} = {values} must be finite; give numbers in metres or degrees")


def _check_heights(z_min_m: float, z_max_m: float) -> None:
    if not z_min_m < z_max_m:
        raise ValueError(f"z_min_m = {z_min_m:g} must be below z_max_m = {z_max_m:g}; swap them")


def _extruded(flat: NDArray[np.float64], z: NDArray[np.float64], low: float, high: float
              ) -> NDArray[np.float64]:
    """Signed distance to a shape of the plane between two heights."""
    if math.isinf(low) and math.isinf(high):
        return flat
    upright = np.maximum(low - z, z - high)
    outside = np.hypot(np.maximum(flat, 0), np.maximum(upright, 0))
    return np.where((flat > 0) | (upright > 0), outside, np.maximum(flat, upright))


def _crossing(start: NDArray[np.float64], end: NDArray[np.float64]) -> bool:
    """True when two edges of a closed polygon, not neighbours, meet, or neighbours fold back."""
    count = len(start)
    for i in range(count):
        ahead, back = end[i] - start[i], start[i - 1] - start[i]
        if abs(_cross(ahead, back)) < 1e-12 and float(ahead @ back) > 0:
            return True
        for j in range(i + 2, count - (i == 0)):
            sides = [_cross(end[i] - start[i], p - start[i]) for p in (start[j], end[j])]
            others = [_cross(end[j] - start[j], p - start[j]) for p in (start[i], end[i])]
            if sides[0] * sides[1] <= 0 and others[0] * others[1] <= 0 and any(sides + others):
                return True
    return False


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a[0] * b[1] - a[1] * b[0])

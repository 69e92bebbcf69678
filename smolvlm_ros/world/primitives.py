"""Shapes that a ray meets in closed form: quadrics between two planes, and convex hulls."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.world.palette import Colour

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Grain:
    """Texture of a shape: a pattern laid over its object's own coordinates.

    Attributes:
        pattern: name in `patterns.NAMES`.
        strength: 0 for none, 1 for the pattern's full contrast.
        size_m: metres that one repetition covers.
    """

    pattern: str = "concrete"
    strength: float = 0.25
    size_m: float = 1.0


@dataclass(frozen=True, eq=False)
class Band:
    """Another colour where `low <= axis · p + offset <= high`, in world coordinates."""

    axis: Array
    offset: float
    low: float
    high: float
    colour: Colour


@dataclass(frozen=True, eq=False)
class Quadric:
    """The surface `q S q + 2 s q + k = 0` with q = p - center, `S`, `s`, `k` positive outside.

    Attributes:
        center: shape (3,), world, metres.
        matrix: S, shape (3, 3).
        linear: s, shape (3,).
        constant: k.
        axis: shape (3,), unit; the surface ends where `axis · q` leaves 0 to `length`. None: it
            does not end (an ellipsoid).
        length: metres along the axis.
        discs: (center, spread) of the ellipsoids or discs whose hull bounds it, as
            `View.ellipsoid_bounds` takes them.
        spine: two ends, shape (2, 3), and
        thickness: the radius around it: what its shadow is made of.
        colour: of its surface.
        bands: colours in front of it.
        capped: True when flat discs close its ends.
    """

    center: Array
    matrix: Array
    linear: Array
    constant: float
    axis: Array | None
    length: float
    discs: tuple[tuple[Array, Array], ...]
    spine: Array
    thickness: float
    colour: Colour
    bands: tuple[Band, ...] = ()
    grain: Grain | None = None
    capped: bool = False


@dataclass(frozen=True, eq=False)
class Hull:
    """A convex polyhedron: what lies below all its planes `normal · p = offset`.

    Attributes:
        normals: shape (K, 3), outward units, world.
        offsets: shape (K,), metres.
        corners: shape (N, 3), world.
        colours: one for each face.
        edge: width of darkened edges, as a share of the half side; 0 for none. Boxes only.
        frame: shape (3, 4): world to box coordinates in -1 to 1, for the edges.
    """

    normals: Array
    offsets: Array
    corners: Array
    colours: tuple[Colour, ...]
    grain: Grain | None = None
    edge: float = 0.0
    frame: Array | None = None


Primitive: TypeAlias = Quadric | Hull


def ellipsoid(center: ArrayLike, axes: ArrayLike, radii: ArrayLike, colour: Colour,
              grain: Grain | None = None) -> Quadric:
    """An ellipsoid.

    Args:
        center: shape (3,), metres.
        axes: shape (3, 3), its axes as rows, units.
        radii: shape (3,), metres, one for each axis.
        colour: of its surface.
        grain: its texture.
    """
    c, a, r = (np.asarray(v, np.float64) for v in (center, axes, radii))
    matrix = (a.T / r ** 2) @ a
    longest = int(np.argmax(r))
    thickness = float(np.sort(r)[:2].mean())
    reach = a[longest] * max(0.0, float(r[longest]) - thickness)
    return Quadric(c, matrix, np.zeros(3), -1.0, None, 0.0, ((c, (a.T * r ** 2) @ a),),
                   np.stack([c - reach, c + reach]), thickness, colour, grain=grain)


def sphere(center: ArrayLike, radius: float, colour: Colour,
           grain: Grain | None = None) -> Quadric:
    """A sphere."""
    return ellipsoid(center, np.eye(3), np.full(3, radius), colour, grain)


def frustum(a: ArrayLike, b: ArrayLike, radius_a: float, radius_b: float, colour: Colour, *,
            side: ArrayLike | None = None, flatness: float = 1.0, grain: Grain | None = None,
            capped: bool = False) -> Quadric:
    """A cone or cylinder from a to b, its cross-section round or an ellipse.

    Args:
        a, b: shape (3,), the ends of its axis, metres.
        radius_a, radius_b: radii there, metres, along `side`.
        colour: of its surface.
        side: direction of the wide half axis; anything not along the axis. None: any.
        flatness: the other half axis over the wide one.
        grain: its texture.
        capped: close the ends.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length = float(np.linalg.norm(b - a))
    axis = (b - a) / length
    if side is None:
        side = (1.0, 0.0, 0.0) if abs(axis[0]) < 0.8 else (0.0, 1.0, 0.0)
    wide = np.asarray(side, np.float64) - axis * (axis @ np.asarray(side, np.float64))
    wide /= np.linalg.norm(wide)
    thin = np.cross(axis, wide)
    slope = (radius_b - radius_a) / length
    section = np.outer(wide, wide) + np.outer(thin, thin) / flatness ** 2
    spread = np.outer(wide, wide) + np.outer(thin, thin) * flatness ** 2
    return Quadric(a, section - slope ** 2 * np.outer(axis, axis), -slope * radius_a * axis,
                   -radius_a ** 2, axis, length,
                   ((a, spread * radius_a ** 2), (b, spread * radius_b ** 2)), np.stack([a, b]),
                   float((radius_a + radius_b) / 2 * (1 + flatness) / 2), colour, grain=grain,
                   capped=capped)


def box(center: ArrayLike, axes: ArrayLike, size: ArrayLike, colour: Colour, *,
        edge: float = 0.0, grain: Grain | None = None) -> Hull:
    """A box.

    Args:
        center: shape (3,), metres.
        axes: shape (3, 3), its axes as rows, units.
        size: shape (3,), metres along each axis.
        colour: of all faces.
        edge: see `Hull`.
        grain: its texture.
    """
    c, a, half = (np.asarray(v, np.float64) for v in (center, axes, size))
    half = half / 2
    normals = np.concatenate([a, -a])
    offsets = normals @ c + np.tile(half, 2)
    signs = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    corners = c + (signs * half) @ a
    scaled = a / half[:, None]
    frame = np.column_stack([scaled, -scaled @ c])
    return Hull(normals, offsets, corners, (colour,) * 6, grain, edge, frame)


def prism(outline: ArrayLike, origin: ArrayLike, axes: ArrayLike, width: float,
          colours: tuple[Colour, ...], taper: float = 1.0) -> Hull:
    """A convex outline in the plane of the first and third axis, spread along the second.

    Args:
        outline: shape (K, 2), metres, counter-clockwise as (along axes[0], along axes[2]).
        origin: shape (3,), where (0, 0) of the outline lies, in the middle of the width.
        axes: shape (3, 3), axes as rows, units.
        width: metres along the second axis, at the lowest point of the outline.
        colours: K for the edges of the outline, in order, then one for both sides.
        taper: width at the highest point over that at the lowest.
    """
    flat = np.asarray(outline, np.float64)
    low, high = flat[:, 1].min(), flat[:, 1].max()
    half = width / 2 * (1 + (taper - 1) * (flat[:, 1] - low) / (high - low))
    local = np.concatenate([np.column_stack([flat[:, 0], s * half, flat[:, 1]]) for s in (-1, 1)])
    edges = np.roll(flat, -1, 0) - flat
    lean = width / 2 * (1 - taper) / (high - low)
    normals = np.concatenate([np.column_stack([edges[:, 1], np.zeros(len(flat)), -edges[:, 0]]),
                              [[0, -1, lean], [0, 1, lean]]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    a, o = np.asarray(axes, np.float64), np.asarray(origin, np.float64)
    corners = o + local @ a
    world = normals @ a
    return Hull(world, (world @ corners.T).max(1), corners,
                (*colours[:len(flat)], colours[len(flat)], colours[len(flat)]))


def with_bands(quadric: Quadric, *bands: Band) -> Quadric:
    """The quadric with bands of other colours."""
    return replace(quadric, bands=bands)

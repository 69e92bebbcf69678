"""Soft shadows of shapes on the floor."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world.primitives import Hull, Primitive
from smolvlm_ros.world.shell import Painted
from smolvlm_ros.world.view import View

_FIXED = 4                # binary places of OpenCV's sub-pixel coordinates
_CONTACT_M = 0.30         # what is lower darkens the floor below it, whatever the light
_MOST_TEXELS = 200


@dataclass(frozen=True)
class ShadowStyle:
    """How shadows fall.

    Attributes:
        toward: unit vector to the light, z above 0.
        strength: share of the light taken away.
        blur_m: width of the soft edge.
        fade_m: height over which a shadow loses two thirds of its strength; sunlight does not fade.
        contact: share of the light taken away right below what touches the floor.
    """

    toward: tuple[float, float, float]
    strength: float
    blur_m: float
    fade_m: float = math.inf
    contact: float = 0.45


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """Darkness of a rectangle of the floor.

    Attributes:
        low: shape (2,), x and y of its corner, metres.
        texels_per_m: resolution.
        dark: shape (rows, columns) float32, share of light taken; rows along y, columns along x.
    """

    low: NDArray[np.float64]
    texels_per_m: float
    dark: NDArray[np.float32]


def shadow_map(shapes: Sequence[Primitive], style: ShadowStyle) -> ShadowMap:
    """The shadow of shapes, in a map just large enough."""
    outlines = [_cast_points(shape, style) for shape in shapes]
    points = np.concatenate([o[0] for o in outlines])
    reach = max(o[1] for o in outlines) + 3 * style.blur_m + 0.1
    low, high = points.min(0) - reach, points.max(0) + reach
    resolution = min(40.0, _MOST_TEXELS / float(np.max(high - low)))
    columns, rows = (int(math.ceil(v * resolution)) + 2 for v in high - low)
    dark = np.zeros((rows, columns), np.float32)
    paint(dark, low, resolution, shapes, style)
    return ShadowMap(low, resolution, dark)


def paint(dark: NDArray[np.float32], low: NDArray[np.float64], resolution: float,
          shapes: Sequence[Primitive], style: ShadowStyle) -> None:
    """Add the shadows of shapes to a map of the floor, in place.

    Args:
        dark: shape (rows, columns) float32, see `ShadowMap`.
        low: shape (2,), its corner in metres.
        resolution: texels per metre.
        shapes: what throws the shadows.
        style: how.
    """
    straight = ShadowStyle((0.0, 0.0, 1.0), style.contact, 0.05, _CONTACT_M / 2)
    layer = np.zeros_like(dark)
    for kind in (style, straight):
        layer[:] = 0
        entries = []
        for shape in shapes:
            bottom, middle = _heights(shape)
            if kind is straight and bottom > _CONTACT_M:
                continue
            height = bottom if kind is straight else middle
            entries.append((kind.strength * math.exp(-height / kind.fade_m), shape))
        # The darkest last, over the others.
        for strength, shape in sorted(entries, key=lambda entry: entry[0]):
            _fill(layer, shape, kind, low, resolution, strength)
        sigma = max(kind.blur_m * resolution, 0.6)
        layer = cv2.GaussianBlur(layer, (0, 0), sigma)
        dark += (1 - dark) * layer


def darken(view: View, painted_colour: NDArray[np.float32], ground: NDArray[np.uint8],
           painted: Painted, shadow: ShadowMap) -> None:
    """Take a shadow's light from the floor as seen, in place.

    Args:
        view: the camera.
        painted_colour: shape (H, W, 3) float32: what is darkened.
        ground: shape (H, W) uint8, 255 where the floor is seen.
        painted: the background, for its depth.
        shadow: what falls on the floor.
    """
    rows, columns = shadow.dark.shape
    size = np.array([columns, rows]) / shadow.texels_per_m
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    corners = np.column_stack([shadow.low + square * size, np.zeros(4)])
    window = view.window_of(view.points_bounds(corners)).cut(view.frame)
    if window.empty:
        return
    part = window.within(view.frame)
    depth = np.float32(1) / np.maximum(painted.inverse_depth[part], np.float32(1e-4))
    u, v = ((view.along(np.eye(3)[k], window) * depth + float(view.origin[k] - shadow.low[k]))
            * np.float32(shadow.texels_per_m) - np.float32(0.5) for k in (0, 1))
    dark = cv2.remap(shadow.dark, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    dark *= ground[part] > 0
    painted_colour[part] *= (1 - dark)[..., None]


def _cast_points(shape: Primitive, style: ShadowStyle) -> tuple[NDArray[np.float64], float]:
    """Where the shape's ends or corners cast their shadows, shape (N, 2), and its radius."""
    points = shape.corners if isinstance(shape, Hull) else shape.spine
    radius = 0.0 if isinstance(shape, Hull) else shape.thickness
    toward = np.array(style.toward)
    return points[:, :2] - points[:, 2:] * (toward[:2] / toward[2]), radius


def _heights(shape: Primitive) -> tuple[float, float]:
    """Height of the shape's lowest point and of its middle."""
    points = shape.corners if isinstance(shape, Hull) else shape.spine
    radius = 0.0 if isinstance(shape, Hull) else shape.thickness
    return max(0.0, float(points[:, 2].min()) - radius), max(0.0, float(points[:, 2].mean()))


def _fill(layer: NDArray[np.float32], shape: Primitive, style: ShadowStyle,
          low: NDArray[np.float64], resolution: float, strength: float) -> None:
    points, radius = _cast_points(shape, style)
    texels = ((points - low) * resolution - 0.5).astype(np.float32)
    if isinstance(shape, Hull):
        outline = cv2.convexHull(texels)[:, 0]
        cv2.fillConvexPoly(layer, np.round(outline * 2 ** _FIXED).astype(np.int32), strength,
                           cv2.LINE_8, _FIXED)
        return
    (x0, y0), (x1, y1) = (tuple(int(round(float(v) * 2 ** _FIXED)) for v in p) for p in texels)
    wide = max(1, int(round(2 * radius * resolution)))
    cv2.line(layer, (x0, y0), (x1, y1), strength, wide, cv2.LINE_8, _FIXED)

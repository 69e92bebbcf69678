"""Draws shapes: the inverse depth and the colour of what is nearest in each pixel."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import patterns
from smolvlm_ros.world.meeting import meet_hull, meet_quadric
from smolvlm_ros.world.primitives import Band, Grain, Hull, Primitive, Quadric
from smolvlm_ros.world.view import Plane, View, Window

_LEAST_GRAIN_PX = 12   # what is smaller shows no grain


@dataclass(frozen=True)
class Light:
    """How surfaces that face one way or another are lit.

    Attributes:
        toward: unit vector to the strongest light.
        ambient: brightness of a surface that faces away from it.
        direct: what facing it adds.
        sky: what facing up adds, facing down takes away.
    """

    toward: tuple[float, float, float] = (0.3, 0.2, 0.93)
    ambient: float = 0.62
    direct: float = 0.38
    sky: float = 0.12


@dataclass(frozen=True, eq=False)
class Layer:
    """Shapes as seen: arrays for the pixels of a window.

    Attributes:
        window: which pixels; may reach over the image's border.
        inverse_depth: shape (rows, columns) float32, 1/m, 0 where nothing is.
        colour: shape (rows, columns, 3) float32, RGB.
        bounds: shape (4,), xyxy of the whole outline in pixels; None where a part is not in front.
    """

    window: Window
    inverse_depth: Plane
    colour: NDArray[np.float32]
    bounds: NDArray[np.float64] | None


def cast(view: View, shapes: Sequence[Primitive], light: Light, *, gain: float = 1.0,
         anchor: NDArray[np.float64] | None = None, whole: bool = True) -> Layer | None:
    """Draw shapes that belong together.

    Args:
        view: the camera.
        shapes: at least one.
        light: how they are lit.
        gain: brightness of the place.
        anchor: shape (3, 4), world to the object's own coordinates, in which grain is laid.
        whole: also follow them beyond the image's border, as far as `View` goes.

    Returns:
        None when no pixel of the window can show them.
    """
    each = bounds_of(view, shapes)
    windows = [view.window_of(bounds) for bounds in each]
    bounds = None
    if not np.isnan(each).any():
        bounds = np.concatenate([each[:, :2].min(0), each[:, 2:].max(0)])
    window = Window(min(w.left for w in windows), min(w.top for w in windows),
                    max(w.right for w in windows), max(w.bottom for w in windows))
    inside = window.cut(view.frame)
    if inside.empty:
        return None
    if not whole:
        window = inside
    buffer = _Buffer(view, window, light, gain, np.eye(3, 4) if anchor is None else anchor)
    for shape, own in zip(shapes, windows, strict=True):
        cut = own.cut(window)
        if not cut.empty:
            buffer.add(shape, cut)
    return Layer(window, buffer.inverse_depth, buffer.colour, bounds)


def bounds_of(view: View, shapes: Sequence[Primitive]) -> NDArray[np.float64]:
    """Bounds of shapes' images in pixels, shape (N, 4) xyxy; NaN where a part is not in front."""
    discs = [disc for shape in shapes if isinstance(shape, Quadric) for disc in shape.discs]
    result = np.full((len(shapes), 4), np.nan)
    found = view.ellipsoid_bounds(np.array([c for c, _ in discs]).reshape(-1, 3),
                                  np.array([s for _, s in discs]).reshape(-1, 3, 3))
    begin = 0
    for place, shape in enumerate(shapes):
        if isinstance(shape, Hull):
            result[place] = view.points_bounds(shape.corners)
            continue
        own = found[begin:begin + len(shape.discs)]
        begin += len(shape.discs)
        result[place, :2], result[place, 2:] = own[:, :2].min(0), own[:, 2:].max(0)
    return result


class _Buffer:
    """The nearest surfaces so far in one window."""

    def __init__(self, view: View, window: Window, light: Light, gain: float,
                 anchor: NDArray[np.float64]) -> None:
        self.view, self.window, self.light, self.gain = view, window, light, gain
        self.anchor = anchor
        self.inverse_depth: Plane = np.zeros(window.shape, np.float32)
        self.colour: NDArray[np.float32] = np.zeros((*window.shape, 3), np.float32)

    def add(self, shape: Primitive, window: Window) -> None:
        """Draw one shape in front of what is farther away."""
        part = window.within(self.window)
        before = self.inverse_depth[part]
        if isinstance(shape, Hull):
            w, faces = meet_hull(self.view, shape, window)
        else:
            w, caps = meet_quadric(self.view, shape, window)
        nearer = (w > before).view(np.uint8)
        left, top, wide, high = cv2.boundingRect(nearer)
        if not wide:
            return
        # Colours are found for the pixels that show it and few others.
        crop = (slice(top, top + high), slice(left, left + wide))
        window = Window(window.left + left, window.top + top, window.left + left + wide,
                        window.top + top + high)
        part = window.within(self.window)
        mask = np.ascontiguousarray(nearer[crop]) * np.uint8(255)
        seen = np.where(mask, w[crop], np.float32(1))   # no division by zero where it is not
        if isinstance(shape, Hull):
            colour = self._hull_colour(shape, window, seen, faces[crop])
        else:
            colour = self._quadric_colour(shape, window, seen, caps[crop])
        self.inverse_depth[part][mask > 0] = seen[mask > 0]
        cv2.copyTo(colour, mask, self.colour[part])

    def _hull_colour(self, hull: Hull, window: Window, w: Plane,
                     faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        light = self.light
        facing = np.maximum(hull.normals @ np.array(light.toward), 0)
        bright = light.ambient + light.direct * facing + light.sky * hull.normals[:, 2]
        table = np.zeros((1, 256, 3), np.float32)
        table[0, :len(bright)] = np.array(hull.colours) * (bright * self.gain)[:, None]
        colour: NDArray[np.float32] = cv2.LUT(cv2.merge([faces] * 3), table)
        factor = self._grain(hull.grain, window, w)
        if hull.edge and hull.frame is not None:
            a, b, c = (np.abs(self._place(row, window, w)) for row in hull.frame)
            second = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
            dark = np.float32(1) - np.float32(0.38) * (second > 1 - hull.edge)
            factor = dark if factor is None else factor * dark
        return colour if factor is None else colour * factor[..., None]

    def _quadric_colour(self, quadric: Quadric, window: Window, w: Plane,
                        caps: NDArray[np.uint8]) -> NDArray[np.float32]:
        light = self.light
        # The gradient S q + s, affine in the point.
        constant = quadric.matrix @ -quadric.center + quadric.linear
        n = [self._place(np.append(row, k), window, w)
             for row, k in zip(quadric.matrix, constant, strict=True)]
        length = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + np.float32(1e-9)
        x, y, z = (float(v) for v in light.toward)
        facing = np.maximum(n[0] * x + n[1] * y + n[2] * z, 0)
        bright = (facing * light.direct + n[2] * light.sky) / length + light.ambient
        if quadric.capped and quadric.axis is not None:
            for number, normal in ((1, -quadric.axis), (2, quadric.axis)):
                flat = (light.ambient + light.direct * max(0.0, float(normal @ light.toward))
                        + light.sky * normal[2])
                bright[caps == number] = flat
        factor = self._grain(quadric.grain, window, w)
        if factor is not None:
            bright *= factor
        colour = np.empty((*w.shape, 3), np.float32)
        colour[:] = quadric.colour
        for band in quadric.bands:
            colour[self._in_band(band, window, w)] = band.colour
        return colour * (bright * self.gain)[..., None]

    def _in_band(self, band: Band, window: Window, w: Plane) -> NDArray[np.bool_]:
        value = self._place(np.append(band.axis, band.offset), window, w)
        inside: NDArray[np.bool_] = (value >= band.low) & (value <= band.high)
        return inside

    def _place(self, form: NDArray[np.float64], window: Window, w: Plane) -> Plane:
        """The linear form (a, b, c, constant) of the surface's points in the world."""
        at_origin = float(form[:3] @ self.view.origin + form[3])
        return self.view.along(form[:3], window) / w + at_origin

    def _grain(self, grain: Grain | None, window: Window, w: Plane) -> Plane | None:
        if grain is None or max(window.shape) < _LEAST_GRAIN_PX:
            return None
        u_form = self.anchor[0] + 0.6 * self.anchor[1]
        v_form = self.anchor[2] + 0.35 * self.anchor[0]
        # The copy whose texels are as large as pixels are at this distance.
        nearest = float(w.max(initial=0.05, where=w < 20))
        texels_per_pixel = patterns.SIZE / grain.size_m / (nearest * self.view.camera.fx)
        level = int(np.clip(round(np.log2(max(texels_per_pixel, 1.0))), 0, patterns.LEVELS - 1))
        side = patterns.SIZE >> level
        scale = side / grain.size_m
        u, v = (self._place(form, window, w) * scale for form in (u_form, v_form))
        source = _copy(grain.pattern, level)
        found = cv2.remap(source, np.mod(u, side), np.mod(v, side), cv2.INTER_LINEAR)
        factor: Plane = (found.astype(np.float32) * (grain.strength / 128)) + (1 - grain.strength)
        return factor


def _copy(name: str, level: int) -> NDArray[np.uint8]:
    """A pattern's smaller copy, its first row and column repeated at the end."""
    sheet = patterns.sheet().image
    side = patterns.SIZE >> level
    left = int(patterns.Sheet.left(np.float32(level), np.float32(side)))
    top = patterns.Sheet.top(patterns.NAMES.index(name))
    return sheet[top:top + side + 1, left:left + side + 1]

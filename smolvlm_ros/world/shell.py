"""The large flat surfaces around everything: floors, walls, ceilings, woods and sky."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import patterns
from smolvlm_ros.world.palette import Colour
from smolvlm_ros.world.surfaces import Face, SurfaceTable
from smolvlm_ros.world.view import Plane, View, Window


@dataclass(frozen=True)
class Portal:
    """An opening of face `face` through which other faces are seen.

    Attributes:
        face: index of the face with the opening, a wall.
        low, high: least and greatest (u, v) of the opening, metres.
        behind: indices of the faces behind, which close a convex space with the opening.
    """

    face: int
    low: tuple[float, float]
    high: tuple[float, float]
    behind: tuple[int, ...]


@dataclass(frozen=True)
class Sky:
    """Colours of the sky.

    Attributes:
        zenith, horizon, cloud: colours.
        cover: how strong clouds are, 0 to 1.
        shift: where in their pattern they are, in repetitions.
    """

    zenith: Colour
    horizon: Colour
    cloud: Colour
    cover: float
    shift: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Painted:
    """The shell as seen.

    Attributes:
        inverse_depth: shape (H, W) float32, 1/m, 0 for sky.
        colour: shape (H, W, 3) float32, RGB.
        ground: shape (H, W) uint8, 255 where the floor is seen.
    """

    inverse_depth: Plane
    colour: NDArray[np.float32]
    ground: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shell:
    """Faces that close a convex space around the camera, and what lies behind their openings.

    Attributes:
        faces: all, at most 100.
        inner: how many of them, from the first, close the space in which the camera is.
        portals: openings in the inner ones.
        sky: needed where a material is None.
    """

    faces: tuple[Face, ...]
    inner: int
    portals: tuple[Portal, ...] = ()
    sky: Sky | None = None

    def draw(self, view: View) -> Painted:
        """The shell from a camera inside it."""
        w, ids = self._nearest(view, range(self.inner), view.frame)
        for portal in self.portals:
            self._open(view, portal, w, ids)
        # Everything is inside, so only rounding at an edge could leave a pixel without surface.
        np.maximum(w, np.float32(1e-4), out=w)
        table = self._table
        place = [view.along(np.eye(3)[k], view.frame) / w + float(view.origin[k])
                 for k in range(3)]
        u, v = place[0], place[2]
        for axis, source, target in ((0, place[1], u), (2, place[1], v)):
            across = cv2.LUT(ids, table.across[axis])
            cv2.copyTo(source, across, target)
        scale = cv2.LUT(ids, table.texels_per_m)
        row = v * scale + cv2.LUT(ids, table.top)
        # A wall with sky above it has no upper end: its last row goes on.
        np.minimum(row, cv2.LUT(ids, table.bottom), out=row)
        found = cv2.remap(table.maps, u * scale + cv2.LUT(ids, table.left), row, cv2.INTER_LINEAR)
        light, second = cv2.split(found)
        surface = ids * np.uint8(2) + (second > 0.5).view(np.uint8)
        grey = self._texture(view, surface, ids, u, v, w)
        entry = surface.astype(np.intp) * 256 + grey
        colour = np.take(table.ramps, entry, 0, mode="clip")
        colour *= light[..., None]
        if self.sky is not None:
            above = cv2.LUT(surface, table.is_sky)
            self._draw_sky(view, above, colour)
            w[above > 0] = 0
        return Painted(w, colour, cv2.LUT(ids, table.is_floor))

    def brightness(self, x: float, y: float) -> float:
        """Brightness of the floor at a place in the world; 1 where none is."""
        for face in self.faces:
            if face.is_floor:
                rows, columns = face.light.shape
                column = int((x - face.low[0]) * face.texels_per_m)
                row = int((y - face.low[1]) * face.texels_per_m)
                if 0 <= row < rows and 0 <= column < columns:
                    return float(face.light[row, column])
        return 1.0

    def _nearest(self, view: View, indices: Sequence[int],
                 window: Window) -> tuple[Plane, NDArray[np.uint8]]:
        """Inverse depth and index of the nearest face, for a camera inside."""
        nearest: Plane = np.full(window.shape, -1, np.float32)
        ids: NDArray[np.uint8] = np.zeros(window.shape, np.uint8)
        for index in indices:   # rising, so that the larger index is the newer one
            face = self.faces[index]
            w = view.inverse_depth(np.eye(3)[face.axis], face.place, window)
            ids = np.maximum(ids, (w > nearest).view(np.uint8) * np.uint8(index))
            np.maximum(nearest, w, out=nearest)
        return nearest, ids

    def _open(self, view: View, portal: Portal, w: Plane, ids: NDArray[np.uint8]) -> None:
        wall = self.faces[portal.face]
        u, v = (1, 2) if wall.axis == 0 else (0, 2)
        corners = np.full((4, 3), wall.place)
        corners[:, u] = np.array([portal.low, portal.high])[[0, 0, 1, 1], 0]
        corners[:, v] = np.array([portal.low, portal.high])[[0, 1, 0, 1], 1]
        window = view.window_of(view.points_bounds(corners)).cut(view.frame)
        if window.empty:
            return
        part = window.within(view.frame)
        at_u, at_v = (view.along(np.eye(3)[k], window) / w[part] + float(view.origin[k])
                      for k in (u, v))
        mask = ids[part] == portal.face
        mask &= (at_u > portal.low[0]) & (at_u < portal.high[0])
        mask &= (at_v > portal.low[1]) & (at_v < portal.high[1])
        # Behind the opening the faces close a space again, seen from within its continuation.
        behind, behind_ids = self._farther(view, portal, window)
        w[part][mask] = behind[mask]
        ids[part][mask] = behind_ids[mask]

    def _farther(self, view: View, portal: Portal,
                 window: Window) -> tuple[Plane, NDArray[np.uint8]]:
        """As `_nearest`, over the faces behind an opening, which the camera is outside of."""
        nearest: Plane = np.full(window.shape, -1, np.float32)
        ids: NDArray[np.uint8] = np.zeros(window.shape, np.uint8)
        inward = _middle(self.faces, (portal.face, *portal.behind))
        for index in portal.behind:
            face = self.faces[index]
            outward = np.sign(face.place - inward[face.axis])
            # A ray leaves the convex space through a face that it meets from inside.
            leaving = view.along(np.eye(3)[face.axis] * outward, window) > 0
            w = view.inverse_depth(np.eye(3)[face.axis], face.place, window)
            better = leaving & (w > nearest)
            ids[better] = index
            nearest[better] = w[better]
        return nearest, ids

    def _texture(self, view: View, surface: NDArray[np.uint8], ids: NDArray[np.uint8], u: Plane,
                 v: Plane, w: Plane) -> NDArray[np.uint8]:
        """Grey of the patterns, from the two copies nearest to the pixels' size."""
        table = self._table
        # A pixel's footprint grows with depth, and once more along the surface with
        # depth / distance of the plane: their geometric mean is taken.
        heights = np.zeros((1, 256), np.float32)
        for index, face in enumerate(self.faces):
            heights[0, index] = -0.5 * np.log2(max(abs(view.origin[face.axis] - face.place), 0.05))
        texels = cv2.LUT(surface, table.repeats_per_m)
        level = np.log2(w)
        level *= np.float32(-1.5)
        level += cv2.LUT(ids, heights)
        level += np.log2(texels * np.float32(patterns.SIZE / view.camera.fx))
        np.clip(level, 0, patterns.LEVELS - 1.001, out=level)
        whole = np.floor(level)
        share = level - whole
        fu, fv = u * texels, v * texels
        fu -= np.floor(fu)
        fv -= np.floor(fv)
        top = cv2.LUT(surface, table.pattern_top)
        sheet = patterns.sheet().image
        side = np.exp2(8 - whole)
        found = []
        for _ in range(2):
            x = fu * side + (patterns.Sheet.left(whole, side) - np.float32(0.5))
            y = fv * side + top
            found.append(cv2.remap(sheet, x, y, cv2.INTER_LINEAR).astype(np.float32))
            whole += 1
            side *= np.float32(0.5)
        found[1] -= found[0]
        found[1] *= share
        found[0] += found[1]
        grey: NDArray[np.uint8] = cv2.convertScaleAbs(found[0])
        return grey

    def _draw_sky(self, view: View, above: NDArray[np.uint8], colour: NDArray[np.float32]) -> None:
        assert self.sky is not None
        left, top, wide, high = cv2.boundingRect(above)
        if not wide:
            return
        window = Window(left, top, left + wide, top + high)
        x, y, z = (view.along(axis, window) for axis in np.eye(3))
        height = np.clip(z / np.sqrt(x * x + y * y), 0.0, 1.0) + np.float32(0.05)
        side = patterns.SIZE
        u, v = (k / height * np.float32(0.2) + np.float32(s)
                for k, s in zip((x, y), self.sky.shift, strict=True))
        u, v = ((k - np.floor(k)) * np.float32(side) for k in (u, v))
        source = cv2.copyMakeBorder(patterns.pattern("clouds"), 0, 1, 0, 1, cv2.BORDER_WRAP)
        clouds = cv2.remap(source, u, v, cv2.INTER_LINEAR).astype(np.float32)
        clouds *= np.clip(height * 4, 0, 1) * np.float32(self.sky.cover / 255)
        blue = np.clip(height * 1.6, 0, 1)[..., None]
        horizon, zenith, cloud = (np.float32(c) for c in (self.sky.horizon, self.sky.zenith,
                                                          self.sky.cloud))
        painted = (horizon + (zenith - horizon) * blue) * (1 - clouds)[..., None]
        painted += cloud * clouds[..., None]
        part = window.within(view.frame)
        cv2.copyTo(painted, np.ascontiguousarray(above[part]), colour[part])

    @cached_property
    def _table(self) -> SurfaceTable:
        return SurfaceTable(self.faces)


def _middle(faces: Sequence[Face], indices: Sequence[int]) -> NDArray[np.float64]:
    """A point inside the space that faces close: the middle of their places along each axis."""
    middle = np.zeros(3)
    for axis in range(3):
        places = [faces[i].place for i in indices if faces[i].axis == axis]
        middle[axis] = np.mean(places) if places else 0.0
    return middle

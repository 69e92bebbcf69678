"""Large flat surfaces, what is painted on them, and the tables by which pixels look it up."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import patterns
from smolvlm_ros.world.palette import Colour

_BORDER = 2   # texels repeated around each map, for bilinear lookups at its border


@dataclass(frozen=True)
class Material:
    """A pattern and its two colours."""

    pattern: str
    dark: Colour
    light: Colour


@dataclass(frozen=True, eq=False)
class Face:
    """A plane across one axis of the world, and what is painted on it.

    A wall across x is painted in (y, z), one across y in (x, z), a floor in (x, y).

    Attributes:
        axis: 0, 1 or 2 for x, y, z.
        place: where it cuts that axis, metres.
        low: least (u, v) of the paint, metres.
        texels_per_m: of the maps.
        light: shape (rows, columns) float32: brightness; rows along v, columns along u.
        second: shape (rows, columns) float32 in 0 to 1: above 0.5 the second material shows.
        materials: one or two; None as the second shows the sky.
    """

    axis: int
    place: float
    low: tuple[float, float]
    texels_per_m: float
    light: NDArray[np.float32]
    second: NDArray[np.float32]
    materials: tuple[Material, Material | None]

    @property
    def is_floor(self) -> bool:
        """True for the plane on which things stand."""
        return self.axis == 2 and self.place == 0


class SurfaceTable:
    """What the pixels look up by face (arrays (1, 256), as cv2.LUT takes them) and by surface."""

    def __init__(self, faces: Sequence[Face]) -> None:
        def row(kind: type) -> NDArray[np.generic]:
            return np.zeros((1, 256), kind)

        self.across = {axis: row(np.uint8) for axis in (0, 1, 2)}
        self.is_floor, self.is_sky = row(np.uint8), row(np.uint8)
        self.texels_per_m, self.left, self.top, self.bottom = (row(np.float32) for _ in range(4))
        self.repeats_per_m, self.pattern_top = row(np.float32), row(np.float32)
        self.ramps = np.zeros((2 * len(faces) * 256, 3), np.float32)
        self.repeats_per_m[:] = 1
        maps, below = [], 0
        wide = max(face.light.shape[1] for face in faces) + 2 * _BORDER
        for index, face in enumerate(faces):
            self.across[face.axis][0, index] = 255
            self.is_floor[0, index] = 255 * face.is_floor
            painted = cv2.copyMakeBorder(cv2.merge([face.light, face.second]), _BORDER, _BORDER,
                                         _BORDER, wide - _BORDER - face.light.shape[1],
                                         cv2.BORDER_REPLICATE)
            self.texels_per_m[0, index] = face.texels_per_m
            # Texel i covers low + i / texels_per_m to low + (i + 1) / texels_per_m.
            self.left[0, index] = _BORDER - 0.5 - face.low[0] * face.texels_per_m
            self.top[0, index] = below + _BORDER - 0.5 - face.low[1] * face.texels_per_m
            maps.append(painted)
            below += len(painted)
            self.bottom[0, index] = below - _BORDER
            for slot, material in enumerate(face.materials):
                self._add(2 * index + slot, material)
        self.maps = np.concatenate(maps)

    def _add(self, surface: int, material: Material | None) -> None:
        if material is None:
            self.is_sky[0, surface] = 255
            return
        self.repeats_per_m[0, surface] = 1 / patterns.TILE_M[material.pattern]
        # Texel i of a copy is centred at i + 0.5.
        number = patterns.NAMES.index(material.pattern)
        self.pattern_top[0, surface] = patterns.Sheet.top(number) - 0.5
        share = np.linspace(0, 1, 256)[:, None]
        ramp = np.array(material.dark) * (1 - share) + np.array(material.light) * share
        self.ramps[surface * 256:(surface + 1) * 256] = ramp

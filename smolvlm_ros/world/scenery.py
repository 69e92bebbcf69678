"""What a place consists of, and the brightness of its surfaces."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world.casting import Light
from smolvlm_ros.world.palette import Colour
from smolvlm_ros.world.primitives import Primitive
from smolvlm_ros.world.shadows import ShadowStyle
from smolvlm_ros.world.shell import Shell

Area: TypeAlias = tuple[float, float, float, float]  # least x and y, greatest x and y, metres


@dataclass(frozen=True, eq=False)
class Scenery:
    """A place, without what moves in it. The world is REP-103: x ahead, y left, z up.

    Attributes:
        name: 'corridor', 'room' or 'path'.
        outdoor: True under the sky.
        shell: its large surfaces.
        clutter: what stands in it, in groups of shapes that belong together.
        light: how shapes are lit.
        shadow: how they throw shadows.
        area: where things may stand and people walk.
        exits: places out of every camera's sight, from which actors come and to which they go.
        blocked: circles (x, y, radius) of clutter within the area.
        haze: colour of far air; None indoors.
        haze_m: distance at which haze has taken two thirds of what is seen.
        tint: the light's colour as factors of red, green, blue.
    """

    name: str
    outdoor: bool
    shell: Shell
    clutter: tuple[tuple[Primitive, ...], ...]
    light: Light
    shadow: ShadowStyle
    area: Area
    exits: tuple[tuple[float, float], ...]
    blocked: tuple[tuple[float, float, float], ...] = ()
    haze: Colour | None = None
    haze_m: float = 220.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Lamp:
    """A lamp: where it hangs and how bright it is at one metre below."""

    place: tuple[float, float, float]
    power: float


def grid(axis: int, low: tuple[float, float], size: tuple[float, float], texels_per_m: float,
         place: float) -> NDArray[np.float64]:
    """World points of the texels of a face, shape (rows, columns, 3)."""
    columns, rows = (max(1, int(round(s * texels_per_m))) for s in size)
    u = low[0] + (np.arange(columns) + 0.5) / texels_per_m
    v = low[1] + (np.arange(rows) + 0.5) / texels_per_m
    points = np.full((rows, columns, 3), place)
    points[..., 1 if axis == 0 else 0] = u
    points[..., 1 if axis == 2 else 2] = v[:, None]
    return points


def lamp_light(points: NDArray[np.float64], axis: int, lamps: Sequence[Lamp],
               ambient: float) -> NDArray[np.float32]:
    """Brightness of a face under lamps, shape (rows, columns) float32."""
    total = np.full(points.shape[:2], ambient)
    for lamp in lamps:
        way = np.array(lamp.place) - points
        square = (way ** 2).sum(-1) + 0.3
        # Half of it straight from the lamp, half from everywhere: walls throw light back.
        total += lamp.power * (0.5 * np.abs(way[..., axis]) / np.sqrt(square) + 0.5) / square
    return total.astype(np.float32)


def corner_shade(points: NDArray[np.float64], places: Sequence[tuple[int, float]],
                 depth: float = 0.22, reach_m: float = 0.22) -> NDArray[np.float32]:
    """Factor below 1 near other faces, given as (axis, place)."""
    factor = np.ones(points.shape[:2])
    for axis, place in places:
        factor *= 1 - depth * np.exp(-np.abs(points[..., axis] - place) / reach_m)
    return factor.astype(np.float32)


def stains(rng: np.random.Generator, shape: tuple[int, int], texels_per_m: float,
           strength: float) -> NDArray[np.float32]:
    """Factor around 1 that changes over a metre or two, shape (rows, columns)."""
    cells = tuple(max(2, int(n / texels_per_m / 1.3)) for n in shape)
    noise = rng.normal(0.0, strength, cells).astype(np.float32)
    return 1 + cv2.resize(noise, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)

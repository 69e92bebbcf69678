"""The outdoor place: a path through a park, crossed by a lane, with woods around."""
from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import furniture
from smolvlm_ros.world.casting import Light
from smolvlm_ros.world.palette import Colour, scaled
from smolvlm_ros.world.scenery import Scenery, grid, stains
from smolvlm_ros.world.shadows import ShadowStyle, paint
from smolvlm_ros.world.shell import Shell, Sky
from smolvlm_ros.world.surfaces import Face, Material

_LOW, _HIGH = (-12.0, -34.0), (70.0, 34.0)
_TEXELS = 5.0        # per metre, of the ground
_WOOD_TEXELS = 3.0
_WOOD_HIGH_M = 24.0  # of the map; the tops of the woods lie below

_GRASS = Material("grass", (72, 88, 52), (136, 150, 92))
_DRY = Material("grass", (98, 96, 58), (164, 156, 104))
_WAYS: tuple[Material, ...] = (Material("gravel", (126, 116, 102), (196, 184, 166)),
                               Material("asphalt", (88, 88, 90), (138, 136, 134)),
                               Material("concrete", (138, 136, 132), (190, 186, 180)))


def path(rng: np.random.Generator) -> Scenery:
    """A path along x, crossed by a lane along y at 8 to 9 m; woods 70 m ahead."""
    elevation, azimuth = math.radians(rng.uniform(38, 60)), rng.uniform(0, 2 * math.pi)
    toward = (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth),
              math.sin(elevation))
    overcast = rng.random() < 0.35
    style = ShadowStyle(toward, 0.14 if overcast else 0.50, 0.12 if overcast else 0.03)
    lane = float(rng.uniform(7.6, 9.0))
    clutter, blocked = _clutter(rng, lane)
    faces = (_ground(rng, lane, clutter, style), *_woods(rng))
    sky = Sky((150, 166, 186) if overcast else (92, 142, 208), (206, 214, 222), (244, 244, 246),
              0.75 if overcast else rng.uniform(0.3, 0.8),
              (float(rng.uniform(0, 1)), float(rng.uniform(0, 1))))
    ambient = 0.78 if overcast else 0.58
    warm = rng.uniform(-0.02, 0.05)
    exits = tuple((lane + dx, s * 13.5) for s in (-1, 1) for dx in (-1.0, 4.0))
    return Scenery("path", True, Shell(faces, len(faces), sky=sky), clutter,
                   Light(toward, ambient, 0.95 - ambient, 0.12), style,
                   (1.5, -4.0, 24.0, 4.0), exits, blocked, (206, 214, 222), 220.0,
                   (1 + warm, 1.0, 1 - warm))


def lane_x(scenery: Scenery) -> float:
    """Where the lane for vehicles crosses the path."""
    return min(x for x, _ in scenery.exits) + 1.0


def _clutter(rng: np.random.Generator, lane: float
             ) -> tuple[tuple[furniture.Group, ...], tuple[tuple[float, float, float], ...]]:
    groups: list[furniture.Group] = []
    blocked: list[tuple[float, float, float]] = []

    def put(group: furniture.Group, x: float, y: float, radius: float) -> None:
        groups.append(group)
        blocked.append((x, y, radius))

    # Farther from the path than anybody walks and never before the lane.
    for x in (*rng.uniform(16, 60, 8), *rng.uniform(2.5, lane - 4.0, 2)):
        y = rng.choice((-1, 1)) * rng.uniform(5.5, 9.0 if x < 16 else 20.0)
        put(furniture.tree(x, y, rng.uniform(5, 9), rng), x, y, 1.5)
    for x in rng.uniform(15, 40, 5):
        y = rng.choice((-1, 1)) * rng.uniform(4.0, 9.0)
        put(furniture.bush(x, y, rng.uniform(0.8, 1.5), rng), x, y, 1.2)
    side = int(rng.choice((-1, 1)))
    for x in (lane + 3.0, lane + 11, lane + 19, lane + 27):
        put(furniture.lamp_post(x, side * 2.6), x, side * 2.6, 0.4)
    put(furniture.bench(lane + 3.2, -side * 2.9, side * math.pi / 2), lane + 3.2, -side * 2.9, 1.0)
    put(furniture.house(rng.uniform(46, 58), rng.uniform(-22, 22), rng), 0.0, 99.0, 0.0)
    return tuple(groups), tuple(blocked)


def _ground(rng: np.random.Generator, lane: float, clutter: tuple[furniture.Group, ...],
            style: ShadowStyle) -> Face:
    size = (_HIGH[0] - _LOW[0], _HIGH[1] - _LOW[1])
    points = grid(2, _LOW, size, _TEXELS, 0.0)
    shape = points.shape[:2]
    dark = np.zeros(shape, np.float32)
    paint(dark, np.array(_LOW), _TEXELS, [s for group in clutter for s in group], style)
    light = (1 - dark) * stains(rng, shape, _TEXELS, 0.07)
    x, y = points[..., 0], points[..., 1]
    # Curves behind the lane, so that it does not look like a ruler.
    bend = rng.uniform(-0.012, 0.012) * np.maximum(x - lane, 0) ** 2 * 0.6
    half = rng.uniform(1.3, 1.8)
    ragged = stains(rng, shape, _TEXELS * 1.2, 0.13) - 1
    on_path = 0.5 + (half - np.abs(y - bend)) + ragged
    on_lane = 0.5 + (1.9 - np.abs(x - lane)) + ragged
    second = np.clip(np.maximum(on_path, on_lane), 0, 1).astype(np.float32)
    way = _WAYS[rng.integers(len(_WAYS))]
    return Face(2, 0.0, _LOW, _TEXELS, light.astype(np.float32), second,
                (_GRASS if rng.random() < 0.6 else _DRY, way))


def _woods(rng: np.random.Generator) -> tuple[Face, ...]:
    """Four walls of leaves; what is above their tops is sky."""
    green: Colour = (58.0, 78.0, 50.0)
    leaves = Material("leaves", scaled(green, 0.45), scaled(green, 1.65))
    faces = []
    for axis, bound in ((0, _LOW), (0, _HIGH), (1, _LOW), (1, _HIGH)):
        other = 1 - axis
        size = (_HIGH[other] - _LOW[other], _WOOD_HIGH_M)
        points = grid(axis, (_LOW[other], 0.0), size, _WOOD_TEXELS, bound[axis])
        rows, columns = points.shape[:2]
        tops = 11.5 + sum(_ripple(rng, columns, int(size[0] / period)) * height
                          for period, height in ((14.0, 1.4), (4.0, 0.8), (1.3, 0.35)))
        above = np.clip(0.5 + (points[..., 2] - tops), 0, 1).astype(np.float32)
        light = (0.62 + 0.38 * np.clip(points[..., 2] / 10, 0, 1)) * stains(
            rng, (rows, columns), _WOOD_TEXELS * 2, 0.12)
        faces.append(Face(axis, bound[axis], (_LOW[other], 0.0), _WOOD_TEXELS,
                          light.astype(np.float32), above, (leaves, None)))
    return tuple(faces)


def _ripple(rng: np.random.Generator, columns: int, cells: int) -> NDArray[np.float32]:
    noise = rng.normal(size=(1, max(2, cells))).astype(np.float32)
    ripple: NDArray[np.float32] = cv2.resize(noise, (columns, 1), interpolation=cv2.INTER_CUBIC)[0]
    return np.clip(ripple, -2.0, 2.0)

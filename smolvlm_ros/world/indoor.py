"""Indoor places: a corridor and a room, each with alcoves from which people come."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import furniture
from smolvlm_ros.world.casting import Light
from smolvlm_ros.world.palette import Colour, scaled
from smolvlm_ros.world.scenery import Lamp, Scenery, corner_shade, grid, lamp_light, stains
from smolvlm_ros.world.shadows import ShadowStyle, paint
from smolvlm_ros.world.shell import Portal, Shell
from smolvlm_ros.world.surfaces import Face, Material

_TEXELS = 10.0          # per metre, of the maps of light
_ALCOVE_DEPTH_M = 1.7
_OPENING_M = (1.15, 2.15)  # width and height

_WALLS: tuple[Colour, ...] = ((214, 208, 196), (196, 204, 206), (206, 200, 206), (220, 212, 188),
                              (192, 200, 188))
_DADOS: tuple[Colour, ...] = ((150, 152, 150), (140, 130, 118), (128, 138, 146), (160, 150, 130))
_FLOORS: tuple[Material, ...] = (
    Material("tiles", (104, 102, 100), (186, 182, 176)),
    Material("planks", (96, 72, 52), (176, 142, 108)),
    Material("carpet", (74, 78, 86), (124, 128, 136)),
    Material("concrete", (112, 112, 110), (162, 160, 156)),
    Material("tiles", (92, 84, 78), (170, 152, 136)))
_WOODS: tuple[Colour, ...] = ((150, 118, 84), (120, 92, 68), (176, 168, 156), (134, 138, 142))


@dataclass(frozen=True)
class _Hall:
    """A box-shaped inside and its alcoves, each (x of its middle, -1 right or 1 left)."""

    low: tuple[float, float]
    high: tuple[float, float]
    height: float
    alcoves: tuple[tuple[float, int], ...]
    lamps: tuple[Lamp, ...]
    dado_m: float


def corridor(rng: np.random.Generator) -> Scenery:
    """A corridor of 19 m with doors, lamps in a row and two to three alcoves."""
    width, height = rng.uniform(2.7, 3.4), rng.uniform(2.6, 2.8)
    middle = rng.uniform(-0.2, 0.2)
    low, high = (-1.3, middle - width / 2), (17.7, middle + width / 2)
    spots = [rng.uniform(5.2, 6.0), rng.uniform(9.6, 10.6)]
    side = int(rng.choice((-1, 1)))
    alcoves = ((spots[0], side), (spots[1], -side), (rng.uniform(13.0, 14.0), side))
    lamps = tuple(Lamp((x, middle, height - 0.1), 2.1) for x in np.arange(1.0, 17.5, 3.6))
    hall = _Hall(low, high, height, alcoves, lamps, float(rng.choice((0.0, 1.0, 1.2))))
    wood = _WOODS[rng.integers(len(_WOODS))]
    clutter: list[furniture.Group] = [furniture.ceiling_lamp(*lamp.place[:2], height, (1.2, 0.3))
                                      for lamp in lamps]
    for x in np.arange(0.8, 17.0, 2.2):
        for s in (-1, 1):
            if any(s == a and abs(x - at) < 1.7 for at, a in alcoves) or rng.random() < 0.35:
                continue
            wall = high[1] if s > 0 else low[1]
            if rng.random() < 0.65:
                clutter.append(furniture.closed_door(x, wall, -s, wood))
            else:
                clutter.append(furniture.notice(x, wall, 1.15, rng.uniform(0.7, 1.1),
                                                (176, 170, 156)))
    clutter.append(furniture.end_door(high[0], middle, wood))
    return _finished("corridor", rng, hall, clutter, wood, margin=0.45, blocked=())


def room(rng: np.random.Generator) -> Scenery:
    """A room of 8 to 10 m with furniture along its walls and two alcoves."""
    wide, height = rng.uniform(6.4, 8.0), rng.uniform(2.6, 2.8)
    middle = rng.uniform(-0.4, 0.4)
    low, high = (-1.3, middle - wide / 2), (rng.uniform(8.2, 9.6), middle + wide / 2)
    alcoves = ((rng.uniform(4.2, 5.0), 1), (rng.uniform(4.8, 5.8), -1))
    lamps = tuple(Lamp((x, middle + y, height - 0.1), 2.0)
                  for x in (1.4, 4.4, 7.2) for y in (-1.6, 1.6))
    hall = _Hall(low, high, height, alcoves, lamps, 0.0)
    wood = _WOODS[rng.integers(len(_WOODS))]
    clutter: list[furniture.Group] = [furniture.ceiling_lamp(*lamp.place[:2], height, (0.6, 0.6))
                                      for lamp in lamps]
    blocked: list[tuple[float, float, float]] = []
    far = high[0]
    spots = list(rng.permutation([middle - wide * 0.34, middle, middle + wide * 0.34]))
    for kind, y in zip(rng.permutation(["cupboard", "sofa", "plant", "table"])[:3], spots,
                       strict=True):
        if kind == "cupboard":
            clutter.append(furniture.cupboard(far, y, math.pi, wood))
        elif kind == "sofa":
            clutter.append(furniture.sofa(far - 0.05, y, math.pi, (116, 112, 108)))
        elif kind == "plant":
            clutter.append(furniture.plant(far - 0.4, y, rng))
        else:
            clutter.append(furniture.table(far - 0.7, y, math.pi / 2, wood))
        blocked.append((far - 0.5, float(y), 1.1))
    for s in (-1, 1):
        wall = high[1] if s > 0 else low[1]
        for x in (2.4, 7.2):
            if not any(a == s and abs(x - at) < 1.6 for at, a in alcoves):
                clutter.append(furniture.window(x, wall, -s) if rng.random() < 0.6 else
                               furniture.notice(x, wall, 1.1, 1.0, (170, 164, 150)))
    return _finished("room", rng, hall, clutter, wood, margin=0.5, blocked=tuple(blocked))


def _finished(name: str, rng: np.random.Generator, hall: _Hall, clutter: list[furniture.Group],
              wood: Colour, margin: float, blocked: tuple[tuple[float, float, float], ...]
              ) -> Scenery:
    style = ShadowStyle((float(rng.uniform(-0.2, 0.2)), float(rng.uniform(-0.25, 0.25)), 1.0), 0.40,
                        0.11, fade_m=0.9)
    shell, exits = _shell(rng, hall, clutter, style)
    for x, s in hall.alcoves:
        wall = hall.high[1] if s > 0 else hall.low[1]
        clutter.append(furniture.door_frame(x, wall, *_OPENING_M, scaled(wood, 0.75)))
    toward = np.array([rng.uniform(-0.5, -0.1), rng.uniform(-0.5, 0.5), 1.0])
    toward /= np.linalg.norm(toward)
    warm = rng.uniform(-0.04, 0.04)
    area = (0.6, hall.low[1] + margin, hall.high[0] - margin, hall.high[1] - margin)
    return Scenery(name, False, shell, tuple(clutter),
                   Light((float(toward[0]), float(toward[1]), float(toward[2])), 0.58, 0.44, 0.10),
                   style, area, exits, blocked, tint=(1 + warm, 1.0, 1 - warm))


def _shell(rng: np.random.Generator, hall: _Hall, clutter: list[furniture.Group],
           style: ShadowStyle) -> tuple[Shell, tuple[tuple[float, float], ...]]:
    paint_of = _Painter(rng, hall, clutter, style)
    faces = [paint_of(2, 0.0, hall.low, hall.high), paint_of(2, hall.height, hall.low, hall.high)]
    for axis in (0, 1):
        other = 1 - axis
        for bound in (hall.low, hall.high):
            faces.append(paint_of(axis, bound[axis], (hall.low[other], 0.0),
                                  (hall.high[other], hall.height)))
    inner = len(faces)
    portals, exits = [], []
    wide, high = _OPENING_M
    for x, s in hall.alcoves:
        wall = hall.high[1] if s > 0 else hall.low[1]
        back = wall + s * _ALCOVE_DEPTH_M
        left, right = x - wide / 2 - 0.5, x + wide / 2 + 0.5
        y = (min(wall, back), max(wall, back))
        begin = len(faces)
        faces += [paint_of(2, 0.0, (left, y[0]), (right, y[1]), dim=0.72),
                  paint_of(2, high, (left, y[0]), (right, y[1]), dim=0.55),
                  paint_of(0, left, (y[0], 0.0), (y[1], high), dim=0.62),
                  paint_of(0, right, (y[0], 0.0), (y[1], high), dim=0.66),
                  paint_of(1, back, (left, 0.0), (right, high), dim=0.70)]
        portals.append(Portal(5 if s > 0 else 4, (x - wide / 2, 0.0), (x + wide / 2, high),
                              tuple(range(begin, len(faces)))))
        exits.append((x, wall + s * 1.15))
    return Shell(tuple(faces), inner, tuple(portals)), tuple(exits)


class _Painter:
    """Makes the faces of one hall, all of the same few materials."""

    def __init__(self, rng: np.random.Generator, hall: _Hall, clutter: list[furniture.Group],
                 style: ShadowStyle) -> None:
        self.rng, self.hall, self.clutter, self.style = rng, hall, clutter, style
        colour = _WALLS[rng.integers(len(_WALLS))]
        wall_pattern = str(rng.choice(("plaster", "plaster", "concrete", "brick")))
        self.wall = Material(wall_pattern, scaled(colour, 0.80), scaled(colour, 1.06))
        dado = _DADOS[rng.integers(len(_DADOS))]
        self.dado = Material(wall_pattern, scaled(dado, 0.8), scaled(dado, 1.1))
        self.floor = _FLOORS[rng.integers(len(_FLOORS))]
        self.ceiling = Material(str(rng.choice(("panels", "plaster"))), (176, 176, 172),
                                (224, 224, 220))
        rug = np.array(_DADOS[rng.integers(len(_DADOS))]) * 0.75
        self.rug = Material("carpet", _colour(rug * 0.8), _colour(rug * 1.15))

    def __call__(self, axis: int, place: float, low: tuple[float, float],
                 high: tuple[float, float], dim: float = 1.0) -> Face:
        size = (high[0] - low[0], high[1] - low[1])
        points = grid(axis, low, size, _TEXELS, place)
        light = lamp_light(points, axis, self.hall.lamps, 0.40)
        light = np.minimum(light, 1.25) * dim * stains(self.rng, light.shape, _TEXELS, 0.045)
        others = [(k, b) for k in (0, 1) if k != axis
                  for b in (low[0 if axis == 2 and k == 0 or axis != 2 else 1],
                            high[0 if axis == 2 and k == 0 or axis != 2 else 1])]
        if axis != 2:
            others += [(2, 0.0), (2, self.hall.height)]
        light *= corner_shade(points, others)
        second = np.zeros(light.shape, np.float32)
        if axis != 2:
            second[points[..., 2] < self.hall.dado_m] = 1
            second[points[..., 2] < 0.1] = 1   # skirting
            return Face(axis, place, low, _TEXELS, light, second, (self.wall, self.dado))
        if place > 0:
            return Face(axis, place, low, _TEXELS, light, second, (self.ceiling, None))
        return self._floor_face(place, low, light, second, points, dim)

    def _floor_face(self, place: float, low: tuple[float, float], light: NDArray[np.float32],
                    second: NDArray[np.float32], points: NDArray[np.float64], dim: float) -> Face:
        if dim == 1.0:
            dark = np.zeros_like(light)
            shapes = [shape for group in self.clutter for shape in group]
            paint(dark, np.array(low), _TEXELS, shapes, self.style)
            light = light * (1 - dark)
            if self.rng.random() < 0.5:
                half = self.rng.uniform(0.6, 1.0, 2) * (2.0, 1.0)
                middle = np.array([self.rng.uniform(4.0, 7.0), 0.0])
                on = (np.abs(points[..., :2] - middle) < half).all(-1)
                second[on] = 1
        return Face(2, place, low, _TEXELS, light, second, (self.floor, self.rug))


def _colour(values: NDArray[np.float64]) -> Colour:
    red, green, blue = (float(v) for v in values)
    return red, green, blue

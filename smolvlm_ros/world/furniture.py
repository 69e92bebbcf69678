"""What stands around in a place: furniture, doors, lamps, trees."""
from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from smolvlm_ros.world.palette import DARK, WHITE, Colour, scaled
from smolvlm_ros.world.primitives import Grain, Primitive, box, ellipsoid, frustum, prism
from smolvlm_ros.world.things import level_axes

Group: TypeAlias = tuple[Primitive, ...]

_WOOD = Grain("planks", 0.4, 1.0)
_LEAVES = Grain("leaves", 0.75, 1.6)
_BARK = Grain("grass", 0.6, 0.6)


def upright_box(x: float, y: float, low_z: float, size: tuple[float, float, float], colour: Colour,
                grain: Grain | None = None, heading: float = 0.0) -> Primitive:
    """A box whose lower face has its middle at x, y and its height at low_z."""
    return box((x, y, low_z + size[2] / 2), level_axes(heading), size, colour, grain=grain)


def ceiling_lamp(x: float, y: float, height: float, size: tuple[float, float]) -> Group:
    """A flat lamp that shines."""
    return (upright_box(x, y, height - 0.05, (*size, 0.05), (520.0, 515.0, 490.0)),)


def door_frame(x: float, y: float, width: float, height: float, colour: Colour) -> Group:
    """The frame around an opening in a wall across y."""
    side = (0.08, 0.06, height + 0.08)
    return (upright_box(x - width / 2 - 0.04, y, 0, side, colour),
            upright_box(x + width / 2 + 0.04, y, 0, side, colour),
            upright_box(x, y, height, (width, 0.06, 0.08), colour))


def closed_door(x: float, y: float, inward: float, colour: Colour) -> Group:
    """A door in a wall across y; `inward` is -1 or 1, the direction of y into the place."""
    leaf = upright_box(x, y + inward * 0.01, 0, (0.90, 0.06, 2.03), colour, _WOOD)
    handle = upright_box(x + 0.36, y + inward * 0.07, 1.02, (0.13, 0.05, 0.03), (150, 150, 152))
    return (*door_frame(x, y, 0.90, 2.03, scaled(colour, 0.7)), leaf, handle)


def end_door(x: float, y: float, colour: Colour) -> Group:
    """A double door in the wall across x at the far end."""
    leaves = [upright_box(x, y + s * 0.46, 0, (0.06, 0.88, 2.05), colour, _WOOD) for s in (-1, 1)]
    panes = [upright_box(x - 0.03, y + s * 0.46, 1.2, (0.04, 0.4, 0.6), (150, 168, 176))
             for s in (-1, 1)]
    return (upright_box(x, y, 0, (0.05, 2.0, 2.14), scaled(colour, 0.6)), *leaves, *panes)


def notice(x: float, y: float, low_z: float, wide: float, colour: Colour) -> Group:
    """A framed board on a wall across y."""
    return (upright_box(x, y, low_z - 0.03, (wide + 0.06, 0.04, 0.86), DARK),
            upright_box(x, y, low_z, (wide, 0.06, 0.8), colour, Grain("leaves", 0.5, 0.7)))


def window(x: float, y: float, inward: float) -> Group:
    """A bright window in a wall across y."""
    pane = upright_box(x, y, 0.95, (1.3, 0.03, 1.15), (300, 318, 330), Grain("clouds", 0.2, 3.0))
    frame = [upright_box(x + dx, y + inward * 0.02, 0.9, (0.06, 0.06, 1.25), WHITE)
             for dx in (-0.66, 0.0, 0.66)]
    sill = upright_box(x, y + inward * 0.05, 0.86, (1.5, 0.16, 0.05), WHITE)
    return (pane, *frame, sill)


def cupboard(x: float, y: float, heading: float, colour: Colour) -> Group:
    """A cupboard with two doors, its back at x, y, looking along heading."""
    axes = level_axes(heading)
    back = np.array([x, y, 0.0])
    body = box(back + axes[0] * 0.23 + (0, 0, 0.95), axes, (0.46, 1.1, 1.9), colour, grain=_WOOD)
    gap = box(back + axes[0] * 0.24 + (0, 0, 0.97), axes, (0.46, 0.02, 1.8), scaled(colour, 0.5))
    knobs = [box(back + axes[0] * 0.25 + axes[1] * s + (0, 0, 1.0), axes, (0.48, 0.03, 0.16), DARK)
             for s in (-0.1, 0.1)]
    return (body, gap, *knobs)


def table(x: float, y: float, heading: float, colour: Colour) -> Group:
    """A table with four legs."""
    axes = level_axes(heading)
    middle = np.array([x, y, 0.0])
    top = box(middle + (0, 0, 0.73), axes, (1.4, 0.75, 0.05), colour, grain=_WOOD)
    legs = [box(middle + axes[0] * a + axes[1] * b + (0, 0, 0.35), axes, (0.06, 0.06, 0.7),
                scaled(colour, 0.7)) for a in (-0.62, 0.62) for b in (-0.3, 0.3)]
    return (top, *legs)


def sofa(x: float, y: float, heading: float, colour: Colour) -> Group:
    """A sofa, its back at x, y, looking along heading."""
    axes = level_axes(heading)
    back = np.array([x, y, 0.0])
    cloth = Grain("carpet", 0.4, 0.8)
    parts = [((0.45, 0, 0.21), (0.85, 1.8, 0.42)), ((0.11, 0, 0.40), (0.22, 1.8, 0.80)),
             ((0.45, 0.85, 0.29), (0.85, 0.18, 0.58)), ((0.45, -0.85, 0.29), (0.85, 0.18, 0.58))]
    return tuple(box(back + np.array(at) @ axes, axes, size, colour, grain=cloth)
                 for at, size in parts)


def plant(x: float, y: float, rng: np.random.Generator) -> Group:
    """A plant in a pot."""
    pot = frustum((x, y, 0.0), (x, y, 0.38), 0.14, 0.19, (120, 108, 98), capped=True)
    leaves: list[Primitive] = []
    for _ in range(4):
        at = (x + rng.uniform(-0.14, 0.14), y + rng.uniform(-0.14, 0.14), rng.uniform(0.6, 1.15))
        leaves.append(ellipsoid(at, np.eye(3), rng.uniform(0.16, 0.28, 3), (62, 84, 52),
                                Grain("leaves", 0.7, 0.6)))
    return (pot, *leaves)


def tree(x: float, y: float, height: float, rng: np.random.Generator) -> Group:
    """A tree with a crown of several balls of leaves."""
    trunk = frustum((x, y, 0.0), (x, y, 0.6 * height), 0.045 * height, 0.03 * height, (92, 78, 64),
                    grain=_BARK)
    shapes: list[Primitive] = [trunk]
    green = np.array([70, 92, 52]) * rng.uniform(0.8, 1.15) + rng.uniform(-6, 6, 3)
    for number in range(4):
        angle = number * 1.9 + rng.uniform(0, 1)
        away = 0.0 if number == 3 else 0.17 * height
        at = (x + away * math.cos(angle), y + away * math.sin(angle),
              height * (0.84 if number == 3 else rng.uniform(0.58, 0.72)))
        colour = tuple(float(c) for c in green * rng.uniform(0.88, 1.1))
        shapes.append(ellipsoid(at, np.eye(3), height * rng.uniform(0.15, 0.22, 3),
                                (colour[0], colour[1], colour[2]), _LEAVES))
    return tuple(shapes)


def bush(x: float, y: float, size: float, rng: np.random.Generator) -> Group:
    """A low bush."""
    shapes = []
    for _ in range(3):
        at = (x + rng.uniform(-0.4, 0.4) * size, y + rng.uniform(-0.4, 0.4) * size, 0.4 * size)
        shapes.append(ellipsoid(at, np.eye(3), size * rng.uniform(0.42, 0.62, 3), (64, 86, 50),
                                _LEAVES))
    return tuple(shapes)


def lamp_post(x: float, y: float) -> Group:
    """A lamp post as along paths in parks."""
    return (frustum((x, y, 0.0), (x, y, 3.6), 0.06, 0.045, (70, 74, 74)),
            frustum((x, y, 3.6), (x, y, 3.95), 0.10, 0.18, (215, 215, 205), capped=True))


def bench(x: float, y: float, heading: float) -> Group:
    """A park bench, looking along heading."""
    axes = level_axes(heading)
    middle = np.array([x, y, 0.0])
    wood = (128.0, 104.0, 78.0)
    parts = [((0, 0, 0.44), (0.45, 1.6, 0.06), wood), ((-0.24, 0, 0.70), (0.05, 1.6, 0.34), wood),
             ((0, 0.65, 0.21), (0.40, 0.07, 0.42), DARK),
             ((0, -0.65, 0.21), (0.40, 0.07, 0.42), DARK)]
    return tuple(box(middle + np.array(at) @ axes, axes, size, colour, grain=_WOOD)
                 for at, size, colour in parts)


def house(x: float, y: float, rng: np.random.Generator) -> Group:
    """A house with a pitched roof, far away, its front to the camera."""
    wall, roof = (184.0, 174.0, 158.0), (118.0, 92.0, 82.0)
    wide, deep, high = rng.uniform(8, 12), 7.0, rng.uniform(3.5, 5.0)
    axes = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    top = prism([(-wide / 2 - 0.4, 0.0), (wide / 2 + 0.4, 0.0), (0.0, 2.6)], (x, y, high), axes,
                deep + 0.6, (roof, roof, roof, wall))
    shapes: list[Primitive] = [
        upright_box(x, y, 0, (deep, wide, high), wall, Grain("brick", 0.4, 2.0)), top]
    for number in range(3):
        shapes.append(upright_box(x - deep / 2, y + (number - 1) * wide * 0.3, 1.2,
                                  (0.1, 1.3, 1.5), (86, 98, 112)))
    return tuple(shapes)

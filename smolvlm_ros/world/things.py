"""The shapes of boxes, balls, cones and vehicles."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.world import palette
from smolvlm_ros.world.palette import Colour, scaled
from smolvlm_ros.world.primitives import (
    Band,
    Grain,
    Primitive,
    box,
    frustum,
    prism,
    sphere,
    with_bands,
)

_GLASS: Colour = (44.0, 54.0, 64.0)
_RUBBER: Colour = (30.0, 30.0, 32.0)


@dataclass(frozen=True)
class ThingLook:
    """What stays the same of one thing.

    Attributes:
        class_name: 'box', 'ball', 'cone' or 'vehicle'.
        colour: the colour it is named by.
        size_m: length, width and height; a ball's and a cone's first two are equal.
    """

    class_name: str
    colour: Colour
    size_m: tuple[float, float, float]


def thing(look: ThingLook, place: tuple[float, float], heading: float,
          moved_m: float) -> list[Primitive]:
    """The shapes of a thing on the floor.

    Args:
        look: what it looks like.
        place: x and y in the world of the middle of what touches the floor, metres.
        heading: direction of its length, and of its way; radians from x to y.
        moved_m: way so far, by which a ball and wheels have turned.

    Raises:
        ValueError: for a class that is not a thing.
    """
    axes = level_axes(heading)
    foot = np.array([place[0], place[1], 0.0])
    if look.class_name == palette.BOX:
        return [box(foot + (0, 0, look.size_m[2] / 2), axes, look.size_m, look.colour, edge=0.10,
                    grain=Grain("planks", 0.30, 0.8))]
    if look.class_name == palette.BALL:
        return _ball(look, foot, axes, moved_m)
    if look.class_name == palette.CONE:
        return _cone(look, foot, axes)
    if look.class_name == palette.VEHICLE:
        return _vehicle(look, foot, axes)
    raise ValueError(f"{look.class_name!r} is not a thing, expected box, ball, cone or vehicle")


def level_axes(heading: float) -> NDArray[np.float64]:
    """Axes ahead, left and up as rows, shape (3, 3)."""
    c, s = math.cos(heading), math.sin(heading)
    return np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def _ball(look: ThingLook, foot: NDArray[np.float64], axes: NDArray[np.float64],
          moved_m: float) -> list[Primitive]:
    radius = look.size_m[2] / 2
    center = foot + (0, 0, radius)
    angle = moved_m / radius + 0.6
    ahead, left, up = axes
    # Two dark seams that turn with the ball.
    poles = (math.cos(angle) * up + math.sin(angle) * ahead,
             0.8 * left + 0.6 * (math.cos(angle) * ahead - math.sin(angle) * up))
    bands = [Band(pole, -float(pole @ center), -0.09 * radius, 0.09 * radius,
                  scaled(look.colour, 0.55)) for pole in poles]
    return [with_bands(sphere(center, radius, look.colour), *bands)]


def _cone(look: ThingLook, foot: NDArray[np.float64], axes: NDArray[np.float64]) -> list[Primitive]:
    width, _, height = look.size_m
    up = axes[2]
    collar = Band(up, -float(up @ foot), 0.52 * height, 0.72 * height, palette.WHITE)
    body = frustum(foot, foot + up * height, 0.40 * width, 0.07 * width, look.colour, capped=True)
    plate = box(foot + (0, 0, 0.02 * height), axes, (width, width, 0.04 * height),
                scaled(look.colour, 0.75))
    return [plate, with_bands(body, collar)]


def _vehicle(look: ThingLook, foot: NDArray[np.float64],
             axes: NDArray[np.float64]) -> list[Primitive]:
    length, width, height = look.size_m
    ahead, left, up = axes
    wheel = 0.31

    def at(x: float, y: float, z: float) -> NDArray[np.float64]:
        return foot + x * ahead + y * left + z * up

    def outline(points: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(points) * (length, height)

    paint, dark = look.colour, scaled(look.colour, 0.45)
    body = prism(outline([(-0.50, 0.16), (0.49, 0.16), (0.50, 0.40), (0.47, 0.50), (0.20, 0.58),
                          (-0.48, 0.60), (-0.50, 0.50)]), foot, axes, width,
                 (dark, paint, paint, paint, paint, paint, paint, paint))
    cabin = prism(outline([(-0.46, 0.58), (0.24, 0.56), (0.08, 0.95), (-0.38, 0.96)]), foot, axes,
                  width * 0.96, (paint, _GLASS, paint, _GLASS, _GLASS), taper=0.80)
    roof = prism(outline([(-0.40, 0.945), (0.09, 0.935), (0.05, 0.99), (-0.36, 1.0)]), foot, axes,
                 width * 0.80, (paint,) * 5, taper=0.92)
    shapes: list[Primitive] = [body, cabin, roof]
    for x in (-0.31 * length, 0.31 * length):
        for y in (-1, 1):
            inner, outer = (at(x, y * v, wheel) for v in (width / 2 - 0.18, width / 2 + 0.015))
            hub = at(x, y * (width / 2 + 0.025), wheel)
            shapes += [frustum(inner, outer, wheel, wheel, _RUBBER, capped=True),
                       frustum(inner, hub, 0.17, 0.17, (150, 150, 152), capped=True)]
    for y in (-1, 1):
        # Pillars between the windows, lamps before and behind.
        shapes += [box(at(0.485 * length, y * 0.36 * width, 0.42 * height), axes,
                       (0.06, 0.3, 0.12), (245, 240, 215)),
                   box(at(-0.495 * length, y * 0.40 * width, 0.48 * height), axes,
                       (0.04, 0.2, 0.14), (150, 22, 20)),
                   frustum(at(-0.12 * length, y * width * 0.468, 0.58 * height),
                           at(-0.13 * length, y * width * 0.405, 0.95 * height), 0.045, 0.045,
                           paint)]
    return shapes

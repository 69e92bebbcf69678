"""Draws looks of people and things by chance."""
from __future__ import annotations

import numpy as np

from smolvlm_ros.world import palette
from smolvlm_ros.world.actors import Look
from smolvlm_ros.world.figure import PersonLook
from smolvlm_ros.world.palette import Colour
from smolvlm_ros.world.things import ThingLook

# Trousers, skin and hair in colours that have no name in `palette.COLOURS`.
_TROUSERS: tuple[Colour, ...] = ((58, 60, 68), (92, 88, 80), (44, 44, 48), (112, 106, 96),
                                 (70, 66, 62))
_SKIN: tuple[Colour, ...] = ((226, 184, 156), (198, 150, 118), (150, 104, 78), (104, 72, 54))
_HAIR: tuple[Colour, ...] = ((38, 30, 26), (84, 60, 40), (132, 104, 72), (120, 118, 116))


def random_look(class_name: str, colour: str, rng: np.random.Generator) -> Look:
    """A person or thing of that class and colour.

    Args:
        class_name: one of `palette.CLASSES`.
        colour: one of the names in `palette.COLOURS`.
        rng: source of what is left to chance.

    Raises:
        ValueError: for another class or colour.
    """
    paint = palette.shade_of(colour, rng)
    if class_name == palette.PERSON:
        return PersonLook(float(rng.uniform(1.62, 1.88)), paint, _picked(_TROUSERS, rng),
                          _picked(_SKIN, rng), _picked(_HAIR, rng),
                          face_down=bool(rng.random() < 0.4), bend=float(rng.uniform(0.05, 0.9)))
    if class_name == palette.BOX:
        low = rng.uniform(0.45, 0.60)
        size = (low * rng.uniform(0.9, 1.35), low * rng.uniform(0.9, 1.1), low)
    elif class_name == palette.BALL:
        diameter = rng.uniform(0.36, 0.56)
        size = (diameter, diameter, diameter)
    elif class_name == palette.CONE:
        width = rng.uniform(0.38, 0.46)
        size = (width, width, rng.uniform(0.62, 0.82))
    elif class_name == palette.VEHICLE:
        size = (rng.uniform(3.6, 4.3), rng.uniform(1.65, 1.8), rng.uniform(1.42, 1.6))
    else:
        raise ValueError(f"class {class_name!r} is not known, expected one of "
                         f"{', '.join(palette.CLASSES)}")
    return ThingLook(class_name, paint, (float(size[0]), float(size[1]), float(size[2])))


def radius_of(class_name: str) -> float:
    """Room that something of that class needs around its point on the floor, metres."""
    return {palette.PERSON: 0.35, palette.VEHICLE: 2.2}.get(class_name, 0.45)


def _picked(colours: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    return palette.scaled(colours[rng.integers(len(colours))], float(rng.uniform(0.9, 1.1)))

"""The names of classes, states and colours, and what the colours look like."""
from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

Colour: TypeAlias = tuple[float, float, float]  # RGB, 0 to 255, before the light

PERSON: Final = "person"
BOX: Final = "box"
BALL: Final = "ball"
CONE: Final = "cone"
VEHICLE: Final = "vehicle"
CLASSES: Final = (PERSON, BOX, BALL, CONE, VEHICLE)

STANDING: Final = "standing"
WALKING: Final = "walking"
LYING: Final = "lying"
CHANGING: Final = "changing"   # between standing and lying: nobody could say which
MOVING: Final = "moving"       # of things
STILL: Final = "still"

# Five colours far apart in hue; surfaces of the scenes keep to weak colours.
COLOURS: Final[dict[str, Colour]] = {
    "red": (205, 36, 34), "green": (38, 150, 60), "blue": (36, 84, 205), "yellow": (236, 200, 30),
    "purple": (150, 52, 178)}

WHITE: Final[Colour] = (232, 232, 228)
DARK: Final[Colour] = (46, 46, 50)


def shade_of(name: str, rng: np.random.Generator) -> Colour:
    """One of the looks a named colour can have.

    Raises:
        ValueError: for a name that is not in COLOURS.
    """
    if name not in COLOURS:
        raise ValueError(f"colour {name!r} is not known, expected one of {', '.join(COLOURS)}")
    factors = rng.uniform(0.88, 1.08) + rng.uniform(-0.05, 0.05, 3)
    red, green, blue = np.clip(np.array(COLOURS[name]) * factors, 0, 250)
    return float(red), float(green), float(blue)


def scaled(colour: Colour, factor: float) -> Colour:
    """A lighter or darker colour."""
    red, green, blue = (min(255.0, c * factor) for c in colour)
    return red, green, blue

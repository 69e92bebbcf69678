"""How far the funnel's objects are from the true ones."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world.scoring.heard import HeardObject, Look
from smolvlm_ros.world.truth import WorldObject

_NEAR_M, _NEAR_REL = 1.0, 0.25


def in_reach(apart_m: float, away_m: float) -> bool:
    """True when a place so far from a true one, which is so far from the camera, may be the same:
    within 1 m or a quarter of the distance."""
    return apart_m <= max(_NEAR_M, _NEAR_REL * away_m)


def position_errors(looks: Iterable[Look]) -> tuple[list[float], int]:
    """Relative errors of the objects that are somebody's, and the number of those that are not.

    An object is the nearest one of its class if that is in reach and no other object is it. Else
    it is nobody's; where its class was in sight its distance from the nearest in sight is an error
    all the same, unless that is in reach: then one was seen twice.

    Returns:
        Distances from the truth over the truth's distance from the camera; number of unknown ones.
    """
    errors: list[float] = []
    unknown = 0
    for look in looks:
        free = list(look.truth)
        for heard in look.heard:
            same = _same(heard, free)
            if same is not None and in_reach(*_distances(heard, same, look)):
                free.remove(same)
            else:
                unknown += 1
                same = _same(heard, [item for item in look.truth if item.visible_pixels])
                if same is None or in_reach(*_distances(heard, same, look)):
                    continue
            apart, away = _distances(heard, same, look)
            errors.append(apart / away)
    return errors, unknown


def _same(heard: HeardObject, items: Sequence[WorldObject]) -> WorldObject | None:
    """The nearest one of its class."""
    return min((item for item in items if item.class_name == heard.class_name),
               key=lambda item: _length(item.position_world - heard.position), default=None)


def _distances(heard: HeardObject, item: WorldObject, look: Look) -> tuple[float, float]:
    return (_length(item.position_world - heard.position),
            _length(item.position_world - look.camera_position))


def _length(way: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(way))

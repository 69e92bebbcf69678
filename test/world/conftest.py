from __future__ import annotations

from collections.abc import Callable

import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world import Actor, CameraKey, CameraWay, Key, LightKey, Timeline, WorldZone
from smolvlm_ros.world.looks import random_look

SMALL = CameraModel.from_fov(160, 120, 66.0)


@pytest.fixture(scope="session")
def small() -> CameraModel:
    """A camera that is quick to draw for."""
    return SMALL


@pytest.fixture(scope="session")
def staged() -> Callable[..., Timeline]:
    """Makes a timeline of one's own: what stands where, seen from 1 m above the origin."""
    import numpy as np

    def make(*things: tuple[str, str, tuple[Key, ...]], scene: str = "room",
             zones: tuple[WorldZone, ...] = (), pitch_deg: float = 10.0) -> Timeline:
        rng = np.random.default_rng(5)
        actors = tuple(Actor(number, class_name, colour, random_look(class_name, colour, rng), keys)
                       for number, (class_name, colour, keys) in enumerate(things, 1))
        camera = CameraWay("static", (CameraKey(0.0, 0.0, 0.0, 1.0, 0.0, pitch_deg),))
        return Timeline(scene, 30.0, camera, actors, zones, (LightKey(0.0, 1.0),))

    return make

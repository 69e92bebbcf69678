"""What has been put into a timeline so far, and whether there is room for more."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from smolvlm_ros.world.actors import Actor, Place
from smolvlm_ros.world.looks import radius_of
from smolvlm_ros.world.mounts import DRONE, ROBOT, CameraWay
from smolvlm_ros.world.outdoor import lane_x
from smolvlm_ros.world.scenery import Scenery
from smolvlm_ros.world.timeline import LightKey
from smolvlm_ros.world.zones import WorldZone


@dataclass
class Stage:
    """A place, its camera, its zone and who is in it so far.

    Attributes:
        scenery: the place.
        camera: the camera's way.
        zone: the watched part of the floor.
        duration_s: length of what is written.
        actors: so far.
    """

    scenery: Scenery
    camera: CameraWay
    zone: WorldZone
    duration_s: float
    actors: list[Actor] = field(default_factory=list)

    @property
    def center(self) -> Place:
        """The middle of the zone."""
        x, y = np.mean(self.zone.polygon, axis=0)
        return float(x), float(y)

    def way_is_free(self, actor: Actor) -> bool:
        """True when an actor meets nobody, no clutter and not the camera."""
        for time_s in np.arange(actor.begin_s, min(actor.end_s, self.duration_s), 0.2):
            state = actor.at(float(time_s))
            if state is None:
                continue
            x, y = state.place
            if math.dist(state.place, self.camera.pose(float(time_s))[:2, 3]) < 1.6:
                return False
            if any(math.dist(state.place, (bx, by)) < r + 0.3
                   for bx, by, r in self.scenery.blocked):
                return False
            for other in self.actors:
                met = other.at(float(time_s))
                apart = radius_of(actor.class_name) + radius_of(other.class_name)
                if met is not None and math.dist(met.place, (x, y)) < apart:
                    return False
        return True

    def is_clear(self, x: float, y: float, radius: float) -> bool:
        """True when a thing at that place hinders nobody and hides nothing of the zone."""
        if any(math.dist((x, y), (bx, by)) < r + radius for bx, by, r in self.scenery.blocked):
            return False
        if any(math.dist((x, y), corner) < radius + 0.25 for corner in _edge(self.zone.polygon)):
            return False
        if self.zone.contains((x, y)):
            return False
        for time_s in np.linspace(0, self.duration_s, 13):
            eye = self.camera.pose(float(time_s))[:2, 3]
            if math.dist((x, y), eye) < 1.8:
                return False
            if _to_segment((x, y), (eye[0], eye[1]), self.center) < radius + 0.35:
                return False
        for actor in self.actors:
            room = radius + radius_of(actor.class_name) + (0.15 if len(actor.keys) > 1 else 0.4)
            for a, b in zip(actor.keys, (*actor.keys[1:], actor.keys[-1]), strict=True):
                if _to_segment((x, y), a.place, b.place) < room:
                    return False
            for a in actor.keys:
                if a.lying and math.dist((x, y), a.place) < radius + 1.3:
                    return False
        return True


def zone_ahead(scenery: Scenery, mount: str, rng: np.random.Generator) -> WorldZone:
    """A four-cornered zone ahead, in sight from everywhere on the camera's way."""
    _, low_y, _, high_y = scenery.area
    ahead = 1.6 if mount == ROBOT else 0.5 if mount == DRONE else 0.0
    if scenery.outdoor:
        center, half, name = (lane_x(scenery), 0.0), rng.uniform(1.8, 2.2, 2), "crossing"
    elif scenery.name == "corridor":
        center = (rng.uniform(5.4, 6.2) + ahead, (low_y + high_y) / 2)
        half, name = np.array([rng.uniform(0.9, 1.1), (high_y - low_y) / 2]), "passage"
    else:
        center = (rng.uniform(4.4, 5.0) + 0.6 * ahead,
                  (low_y + high_y) / 2 + rng.uniform(-0.3, 0.3))
        half, name = rng.uniform(0.95, 1.2, 2), "middle"
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = np.array(center) + signs * half + rng.uniform(-0.12, 0.12, (4, 2))
    return WorldZone(name, tuple((round(float(x), 3), round(float(y), 3)) for x, y in corners))


def changing_light(scenery: Scenery, rng: np.random.Generator,
                   duration_s: float) -> tuple[LightKey, ...]:
    """Slow drift; outdoors a cloud now and then, indoors a lamp that is switched off."""
    times = np.arange(0, duration_s + 8, 7.0)
    keys = {float(t): float(1 + rng.uniform(-0.04, 0.04)) for t in times}
    if rng.random() < 0.4:
        begin = float(rng.uniform(0.3, 0.8) * duration_s)
        low, fall = (rng.uniform(0.72, 0.82), 3.0) if scenery.outdoor else (0.86, 0.4)
        keys = {t: g * (low if t > begin else 1.0) for t, g in keys.items()}
        before = [t for t in keys if t <= begin][-1]
        keys[begin] = keys[before]
        keys = {t: g for t, g in keys.items() if not begin < t < begin + fall}
        keys[begin + fall] = keys[begin] * low
    return tuple(LightKey(t, round(g, 4)) for t, g in sorted(keys.items()))


def _edge(polygon: Sequence[Place]) -> list[Place]:
    """Points on a polygon's edge, close together."""
    points = []
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        points += [(x0 + s * (x1 - x0), y0 + s * (y1 - y0)) for s in np.linspace(0, 1, 8)]
    return points


def _to_segment(point: Place, a: Place, b: Place) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    share = 0.0 if square == 0 else ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / square
    share = min(1.0, max(0.0, share))
    return math.dist(point, (a[0] + share * dx, a[1] + share * dy))

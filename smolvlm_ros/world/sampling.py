"""Single scenes by chance, for training: no timeline, everything as mixed as can be."""
from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world import palette
from smolvlm_ros.world.actors import Actor, ActorState, Key, Place
from smolvlm_ros.world.looks import radius_of, random_look
from smolvlm_ros.world.mounts import MOUNTS, random_way
from smolvlm_ros.world.render import Renderer, Shot
from smolvlm_ros.world.scenery import Scenery
from smolvlm_ros.world.truth import WorldFrame
from smolvlm_ros.world.world import CAMERA, SCENES, frame_of, lens_of, scenery_of

SEEDS_PER_PLACE = 8   # making a place costs as much as drawing it
_STREAM = 21          # places and scenes are other ones than those of the worlds
_WAY_S = 60.0
_TRIES = 40
_LYING = 0.45         # of the people; nobody is between lying and standing

# Least and greatest distance in metres of what stands in a scene: nearer more often.
_INDOORS, _OUTDOORS, _VEHICLES = (2.0, 8.5), (2.5, 12.0), (6.5, 18.0)


def sample(seed: int, scene: str | None = None, *, camera: str | None = None,
           model: CameraModel = CAMERA, reach: float = 1.0) -> WorldFrame:
    """One scene with up to five people and things, each class there in half of the scenes.

    Classes, colours and postures are drawn independently of each other, cameras as worlds have
    them at any time of their way. Seeds 8 n to 8 n + 7 show the same place, if it is the same
    scene, so a run of seeds costs less than as many scattered ones.

    Args:
        seed: from 0.
        scene: 'corridor', 'room' or 'path'; None for any.
        camera: 'static', 'robot' or 'drone'; None for any.
        model: the camera model, without distortion.
        reach: greatest distance of things, over the usual one (8.5 m indoors, 12 m outdoors); far
            ones become more frequent too.

    Returns:
        The scene, its index -1 and its time 0.

    Raises:
        ValueError: for an unknown scene or camera, a negative seed, or a model with distortion.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected a number from 0")
    place = seed // SEEDS_PER_PLACE
    any_scene = SCENES[int(np.random.default_rng([place, _STREAM, 0]).integers(len(SCENES)))]
    scenery = _scenery(any_scene if scene is None else scene, place)
    rng = np.random.default_rng([seed, _STREAM, SCENES.index(scenery.name)])
    mount = MOUNTS[int(rng.integers(len(MOUNTS)))] if camera is None else camera
    way = random_way(mount, scenery.outdoor, rng, _WAY_S)
    time_s = float(rng.uniform(0, _WAY_S))
    lens = lens_of(scenery.outdoor, rng)
    half = lens.exposure_s / 2
    pose = way.pose(time_s)
    moved = np.linalg.inv(way.pose(time_s + half)) @ way.pose(time_s - half)
    present = _Crowd(scenery, pose, model, reach, rng).present()
    shot = Shot(pose, moved, float(rng.uniform(0.75, 1.06)), present, (seed, _STREAM, 1))
    picture = Renderer(scenery, model, lens).draw(shot)
    return frame_of(scenery, model, shot, picture, (), 0.0, -1)


@lru_cache(maxsize=4)
def _scenery(scene: str, place: int) -> Scenery:
    return scenery_of(scene, place, _STREAM)


class _Crowd:
    """Puts people and things where a camera sees them."""

    def __init__(self, scenery: Scenery, pose: NDArray[np.float64], model: CameraModel,
                 reach: float, rng: np.random.Generator) -> None:
        self.scenery, self.pose, self.rng = scenery, pose, rng
        self.reach = reach
        self.half_angle = math.atan(0.5 * model.width / model.fx)
        self.taken: list[tuple[Place, float]] = []

    def present(self) -> tuple[tuple[Actor, ActorState], ...]:
        """Everybody and everything, with track ids from 1."""
        made: list[tuple[Actor, ActorState]] = []
        for class_name in self.rng.permutation(self._classes()):
            actor = self._actor(str(class_name), len(made) + 1)
            state = None if actor is None else actor.at(0.0)
            if actor is not None and state is not None:
                made.append((actor, state))
        return tuple(made)

    def _classes(self) -> list[str]:
        names = [name for name in palette.CLASSES
                 if self.scenery.outdoor or name != palette.VEHICLE]
        chosen = [name for name in names if self.rng.random() < 0.5]
        # Now and then two of a kind, so that "the person" is not always the only one.
        chosen += [name for name in chosen if name != palette.VEHICLE and self.rng.random() < 0.2]
        return chosen

    def _actor(self, class_name: str, track_id: int) -> Actor | None:
        rng = self.rng
        colour = str(rng.choice(list(palette.COLOURS)))
        look = random_look(class_name, colour, rng)
        lying = class_name == palette.PERSON and rng.random() < _LYING
        walking = class_name == palette.PERSON and not lying and rng.random() < 0.5
        place = self._free_place(class_name, 1.0 if lying else radius_of(class_name))
        if place is None:
            return None
        heading = float(rng.uniform(-math.pi, math.pi))
        keys: tuple[Key, ...] = (Key(0.0, place, lying),)
        if walking:
            speed = rng.uniform(0.9, 1.4)
            step = np.array([math.cos(heading), math.sin(heading)]) * speed
            # Somewhere in its stride.
            before, after = rng.uniform(1.0, 2.5), 2.0
            keys = tuple(Key(t, (float(place[0] + step[0] * t), float(place[1] + step[1] * t)))
                         for t in (-before, after))
        return Actor(track_id, class_name, colour, look, keys, heading)

    def _free_place(self, class_name: str, radius: float) -> Place | None:
        """A place in sight, with room around it, mostly not behind somebody else."""
        near, far = (_VEHICLES if class_name == palette.VEHICLE else
                     _OUTDOORS if self.scenery.outdoor else _INDOORS)
        far *= self.reach
        low_x, low_y, high_x, high_y = self.scenery.area
        yaw = math.atan2(self.pose[1, 2], self.pose[0, 2])
        for _ in range(_TRIES):
            distance = near * (far / near) ** (self.rng.random() ** (1 / self.reach))
            bearing = yaw + self.rng.uniform(-0.88, 0.88) * self.half_angle
            x = float(self.pose[0, 3] + distance * math.cos(bearing))
            y = float(self.pose[1, 3] + distance * math.sin(bearing))
            wide = 3.0 if class_name == palette.VEHICLE else 0.0
            if not (low_x <= x <= high_x and low_y - wide <= y <= high_y + wide):
                continue
            hidden_too = self.rng.random() < 0.25
            if self._has_room((x, y), radius, distance, bearing, hidden_too):
                self.taken.append(((x, y), radius))
                return x, y
        return None

    def _has_room(self, place: Place, radius: float, distance: float, bearing: float,
                  hidden_too: bool) -> bool:
        if any(math.dist(place, (x, y)) < r + radius for x, y, r in self.scenery.blocked):
            return False
        for other, room in self.taken:
            if math.dist(place, other) < room + radius:
                return False
            x, y = other[0] - self.pose[0, 3], other[1] - self.pose[1, 3]
            apart = abs(math.remainder(math.atan2(y, x) - bearing, 2 * math.pi))
            covered = 0.8 * (room / math.hypot(x, y) + radius / distance)
            if apart < covered and not hidden_too:
                return False
        return True

"""A world by name and seed: any of its frames, with the truth."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world.actors import Actor, ActorState
from smolvlm_ros.world.effects import Lens
from smolvlm_ros.world.facts import facts_of, sighted
from smolvlm_ros.world.indoor import corridor, room
from smolvlm_ros.world.mounts import MOUNTS, STATIC
from smolvlm_ros.world.outdoor import path
from smolvlm_ros.world.render import Picture, Renderer, Shot
from smolvlm_ros.world.scenery import Scenery
from smolvlm_ros.world.script import DURATION_S, write_timeline
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.truth import WorldFrame, WorldObject
from smolvlm_ros.world.zones import WorldZone, ZoneEvent

FPS = 15.0
CAMERA = CameraModel.from_fov(640, 480, 66.0)

_SCENES: dict[str, Callable[[np.random.Generator], Scenery]] = {
    "corridor": corridor, "room": room, "path": path}
SCENES = tuple(_SCENES)


def scenery_of(scene: str, seed: int, stream: int = 11) -> Scenery:
    """The place of that name, as the seed makes it.

    Args:
        scene: 'corridor', 'room' or 'path'.
        seed: from 0.
        stream: another number gives other places for the same seeds.

    Raises:
        ValueError: for an unknown name or a negative seed.
    """
    if scene not in _SCENES:
        raise ValueError(f"scene {scene!r} is not known, expected one of {', '.join(SCENES)}")
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected a number from 0")
    return _SCENES[scene](np.random.default_rng([seed, stream, SCENES.index(scene)]))


def lens_of(outdoor: bool, rng: np.random.Generator) -> Lens:
    """A camera's weaknesses: outdoors there is more light, so less time and noise."""
    if outdoor:
        return Lens(0.008, round(float(rng.uniform(1.0, 2.0)), 1))
    return Lens(0.018, round(float(rng.uniform(1.4, 2.8)), 1))


class World:
    """A minute in a place, the same for the same arguments, every frame at any time.

        world = World("corridor", seed=3, camera="robot")
        frame = world.frame(200)
        frame.image_rgb, frame.depth_m, frame.objects, frame.facts

    Args:
        scene: 'corridor', 'room' or 'path'; or a `Timeline` of your own, played in the place that
            the seed makes of its scene.
        seed: of the place, of what happens and of the camera's noise.
        camera: 'static', 'robot' or 'drone'; a timeline brings its own.
        model: the camera model, without distortion; 640x480 with 66 degrees if left out.
        duration_s: length of the timeline.

    Attributes:
        fps: frames per second.
        frame_count: number of frames.
        camera: the camera model.
        timeline: what happens, as data.
        zones: the watched parts of the floor.
        events: every crossing of a zone's edge.
        scenery: the place.

    Raises:
        ValueError: for an unknown scene or camera, a negative seed, a duration under 20 s, or a
            camera model with distortion.
    """

    fps = FPS

    def __init__(self, scene: str | Timeline = "corridor", seed: int = 0, *, camera: str = STATIC,
                 model: CameraModel = CAMERA, duration_s: float = DURATION_S) -> None:
        name = scene if isinstance(scene, str) else scene.scene
        self.scenery = scenery_of(name, seed)
        self.seed, self.camera = seed, model
        if isinstance(scene, Timeline):
            self.timeline = scene
        else:
            if camera not in MOUNTS:
                raise ValueError(f"camera {camera!r} is not known, expected one of "
                                 f"{', '.join(MOUNTS)}")
            rng = np.random.default_rng([seed, 12, SCENES.index(name), MOUNTS.index(camera)])
            self.timeline = write_timeline(self.scenery, camera, rng, duration_s)
        if model.distorted:
            raise ValueError("the embedded world draws without distortion; give a camera model "
                             "without coefficients")
        lens = lens_of(self.scenery.outdoor, np.random.default_rng([seed, 13]))
        self._renderer = Renderer(self.scenery, model, lens)

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return int(self.timeline.duration_s * self.fps)

    @property
    def zones(self) -> tuple[WorldZone, ...]:
        """The watched parts of the floor."""
        return self.timeline.zones

    @property
    def events(self) -> tuple[ZoneEvent, ...]:
        """Every crossing of a zone's edge, in order of time."""
        return self.timeline.events

    def __len__(self) -> int:
        return self.frame_count

    def __iter__(self) -> Iterator[WorldFrame]:
        return (self.frame(index) for index in range(self.frame_count))

    def frame(self, index: int) -> WorldFrame:
        """Frame `index`, drawn without those before it.

        Raises:
            IndexError: when there is none.
        """
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} does not exist, there are {self.frame_count}")
        return self._drawn(index / self.fps, index)

    def at(self, time_s: float) -> WorldFrame:
        """The moment `time_s`, its index -1."""
        return self._drawn(time_s, -1)

    def zones_yaml(self, frame_id: str = "map", classes: tuple[str, ...] = (),
                   dwell_s: float | None = None) -> str:
        """The zones as text for fusion's parameter `zones`."""
        lines = ["zones:"]
        for zone in self.zones:
            points = ", ".join(f"[{x:g}, {y:g}]" for x, y in zone.polygon)
            lines += [f"  - name: {zone.name}", f"    frame_id: {frame_id}", "    type: polygon",
                      f"    points: [{points}]"]
            if classes:
                lines.append(f"    classes: [{', '.join(classes)}]")
            if dwell_s is not None:
                lines.append(f"    dwell_s: {dwell_s:g}")
        return "\n".join(lines) + "\n"

    def _drawn(self, time_s: float, index: int) -> WorldFrame:
        way, half = self.timeline.camera, self._renderer.lens.exposure_s / 2
        moved = np.linalg.inv(way.pose(time_s + half)) @ way.pose(time_s - half)
        if way.mount == STATIC:
            moved = np.eye(4)
        present = tuple((actor, state) for actor in self.timeline.actors
                        if (state := actor.at(time_s)) is not None)
        shot = Shot(way.pose(time_s), moved, self.timeline.gain(time_s), present,
                    (self.seed, 14, round((time_s + 1e3) * 1e4)))
        return frame_of(self.scenery, self.camera, shot, self._renderer.draw(shot), self.zones,
                        time_s, index)


def frame_of(scenery: Scenery, camera: CameraModel, shot: Shot, picture: Picture,
             zones: tuple[WorldZone, ...], time_s: float, index: int) -> WorldFrame:
    """A picture with the truth in numbers and in words."""
    objects = tuple(_object(actor, state, shot, picture, zones) for actor, state in shot.present)
    facts = facts_of(sighted(objects, picture.mask),
                     np.random.default_rng([*shot.noise_key, 1]), scenery.outdoor)
    return WorldFrame(index, time_s, picture.image_rgb, picture.depth_m, picture.mask, camera,
                      shot.pose, objects, facts, scenery.name, scenery.outdoor)


def _object(actor: Actor, state: ActorState, shot: Shot, picture: Picture,
            zones: tuple[WorldZone, ...]) -> WorldObject:
    extent = picture.extents[actor.track_id]
    rotation, origin = shot.pose[:3, :3], shot.pose[:3, 3]
    return WorldObject(
        actor.track_id, actor.class_name, actor.colour, state.state, extent.full_xyxy,
        extent.visible_xyxy, extent.visible_pixels, extent.visibility,
        np.array([*state.place, 0.0]), extent.position_world,
        (extent.position_world - origin) @ rotation, np.array([*state.velocity, 0.0]),
        state.heading, extent.size_m,
        tuple(zone.name for zone in zones if zone.contains(state.place)))


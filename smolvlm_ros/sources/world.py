"""The embedded world as a source: a camera on a mast, a robot or a drone, with its poses."""
from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

import cv2

from smolvlm_ros.models.embedded import WORLD_FRAME_ID
from smolvlm_ros.sources.base import FrameSource, SourceError, SourceFrame

USAGE = ("write world:corridor, world:room or world:path, with any of seed, camera (static, robot, "
         "drone) and depth (0, 1) behind it, as in world:corridor?seed=3&camera=robot")


@dataclass(frozen=True)
class WorldSpec:
    """What a source text such as 'world:corridor?seed=3&camera=robot&depth=1' says.

    Attributes:
        scene: name of the place.
        seed: of the world.
        camera: what carries the camera.
        depth: True to give the exact depth with each frame.
    """

    scene: str = "corridor"
    seed: int = 0
    camera: str = "static"
    depth: bool = False


def is_world(spec: str) -> bool:
    """True for a text that names an embedded world."""
    return spec.partition("?")[0].partition(":")[0] == "world"


def parse_world(spec: str) -> WorldSpec:
    """Read a source text; a scene or camera that is not known is found out on opening.

    Raises:
        SourceError: naming what cannot be read.
    """
    head, _, query = spec.partition("?")
    scene = head.partition(":")[2] or "corridor"
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    seed, camera = options.pop("seed", "0"), options.pop("camera", "static")
    depth = options.pop("depth", "0")
    if options:
        raise SourceError(f"source {spec}: option {next(iter(options))!r} is not known; {USAGE}")
    if len(pairs) != len(dict(pairs)) or (query and not pairs):
        raise SourceError(f"source {spec}: cannot read {query!r}; {USAGE}")
    if not (seed.isascii() and seed.isdecimal() and len(seed) < 10):
        raise SourceError(f"source {spec}: seed is {seed!r}, expected a whole number; {USAGE}")
    if depth not in ("0", "1"):
        raise SourceError(f"source {spec}: depth is {depth!r}, expected 0 or 1; {USAGE}")
    return WorldSpec(scene, int(seed), camera, depth == "1")


class WorldSource(FrameSource):
    """Plays a world; see `smolvlm_ros.world.World`.

    Its frames have the frame_id by which the embedded checkpoints know them (`models.embedded`).

    Args:
        spec: a text as in `WorldSpec`.
        loop: start again after the last frame.
        rate_hz: frames per second of the stamps instead of 15.

    Raises:
        SourceError: for a text that names no world.
    """

    def __init__(self, spec: str, *, loop: bool = False, rate_hz: float | None = None) -> None:
        # Drawing is for those who ask for it.
        from smolvlm_ros.world import World

        said = parse_world(spec)
        try:
            self.world = World(said.scene, said.seed, camera=said.camera)
        except ValueError as error:
            raise SourceError(f"source {spec}: {error}; {USAGE}") from error
        self._depth = said.depth
        self._rate_hz = rate_hz or self.world.fps
        self._index = 0
        super().__init__(f"world {said.scene}, seed {said.seed}, {said.camera} camera",
                         fps=self._rate_hz, frame_count=self.world.frame_count,
                         camera=self.world.camera, loop=loop)

    def _read(self) -> SourceFrame | None:
        if self._index >= self.world.frame_count:
            return None
        frame = self.world.frame(self._index)
        self._index += 1
        return SourceFrame(frame.index / self._rate_hz,
                           image=cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2BGR),
                           depth=frame.depth_m if self._depth else None, camera=frame.camera,
                           pose_world_from_camera=frame.pose_world_from_camera,
                           pose_base_from_camera=self.world.timeline.camera.on_base,
                           frame_id=WORLD_FRAME_ID)

    def _restart(self) -> None:
        self._index = 0

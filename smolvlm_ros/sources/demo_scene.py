"""A short scene that this package draws itself, with known camera and known truth.

A fixed camera looks into a room. A person walks in, stands, walks out; later another one does. It
needs no file, so it is what a demo shows where there is no video; it also says where the person's
feet are.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources import demo_figure
from smolvlm_ros.sources.base import FrameSource, SourceFrame
from smolvlm_ros.sources.demo_room import draw_room

FPS = 15.0
FRAME_COUNT = 315
CAMERA = CameraModel.from_fov(640, 480, 62.0)
CAMERA_HEIGHT_M = 1.2
CAMERA_PITCH_DEG = 9.0  # downwards

_NOISE_SIGMA = 2.2
_NOISE_BANKS = 4
_FLICKER = 0.004


@dataclass(frozen=True)
class _Key:
    """Where a person is at a time: x into the room, y left, metres."""

    time_s: float
    x: float
    y: float


# Each visit: in from one side, stand, out. Walking speed is 1.2 to 1.5 m/s.
_VISITS = (
    (_Key(2.0, 4.3, 3.3), _Key(4.4, 3.5, 0.35), _Key(7.8, 3.5, 0.35), _Key(10.4, 4.1, -3.1)),
    (_Key(12.0, 4.4, -3.3), _Key(14.2, 4.2, -0.7), _Key(17.2, 4.2, -0.7), _Key(20.0, 3.8, 3.0)),
)


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """Where the person of one frame is.

    Attributes:
        feet_world: shape (3,) float64, metres: between the feet, on the floor.
        feet_pixel: shape (2,) float64, its image, may lie outside.
        xyxy: shape (4,) float64: bounds of the whole figure in pixels, not cut at the image's
            border.
        visible_ratio: share of that box inside the image.
        walking: False while standing.
        visit: 0 for the first person, 1 for the second.
    """

    feet_world: NDArray[np.float64]
    feet_pixel: NDArray[np.float64]
    xyxy: NDArray[np.float64]
    visible_ratio: float
    walking: bool
    visit: int


class DemoScene:
    """Frames and truth by index, each the same for the same seed.

    The world has its origin on the floor below the camera, x into the room, y left, z up (REP-103).

    Args:
        seed: of the materials, the clothes and the camera's noise; the walk is always the same.
    """

    def __init__(self, seed: int = 0) -> None:
        self.camera = CAMERA
        self.pose_world_from_camera = camera_pose(CAMERA_HEIGHT_M, CAMERA_PITCH_DEG)
        self._seed = seed
        self._room = draw_room(CAMERA, self.pose_world_from_camera, seed)
        rng = np.random.default_rng([seed, 1])
        shape = (_NOISE_BANKS, CAMERA.height, CAMERA.width, 3)
        self._noise = np.round(rng.normal(0.0, _NOISE_SIGMA, shape)).astype(np.int16)
        jackets = [(52, 62, 168), (150, 74, 36), (60, 130, 60), (44, 134, 196)]
        picked = rng.permutation(len(jackets))
        self._clothes = (demo_figure.Clothes(jackets[picked[0]], (84, 52, 38)),
                         demo_figure.Clothes(jackets[picked[1]], (50, 50, 54)))

    def __len__(self) -> int:
        return FRAME_COUNT

    def image(self, index: int) -> NDArray[np.uint8]:
        """Frame `index`, shape (480, 640, 3) uint8, BGR."""
        image = self._room.image.copy()
        self._draw_person(index, image)
        rng = np.random.default_rng([self._seed, 2, index])
        gain = 1.0 + _FLICKER * math.sin(index / FPS * 2 * math.pi * 0.31)
        bank = self._noise[int(rng.integers(_NOISE_BANKS))]
        shift = tuple(int(v) for v in rng.integers(0, (CAMERA.height, CAMERA.width)))
        noisy = image * np.float32(gain) + np.roll(bank, shift, (0, 1))
        return np.clip(noisy, 0, 255).astype(np.uint8)

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """True depth of frame `index`, shape (480, 640) float32, metres along optical Z."""
        depth = self._room.depth_m.copy()
        mask = self._draw_person(index, self._room.image.copy())
        truth = self.truth(index)
        if truth is not None:
            # The figure stands in the plane x = its feet's x; rays have optical Z = 1.
            on = mask > 127
            depth[on] = truth.feet_world[0] / self._room.world_rays[on][:, 0]
        return depth

    def truth(self, index: int) -> PersonTruth | None:
        """Where the person of frame `index` is; None when nobody is in or near the view."""
        state = _state(index / FPS)
        if state is None:
            return None
        outlines = [pixels for pixels, _ in self._outlines(state)]
        corners = np.concatenate(outlines)
        xyxy = np.concatenate([corners.min(0), corners.max(0)])
        size = (CAMERA.width - 1, CAMERA.height - 1)
        inside = np.clip(xyxy, 0, (*size, *size))
        ratio = np.prod(inside[2:] - inside[:2]) / np.prod(xyxy[2:] - xyxy[:2])
        feet = np.array([state.x, state.y, 0.0])
        return PersonTruth(feet, self._project(feet[None])[0], xyxy, float(ratio), state.swing > 0,
                           state.visit)

    def _draw_person(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the person into `image`; returns the mask of the figure, 0 to 255."""
        mask = np.zeros(image.shape[:2], np.uint8)
        state = _state(index / FPS)
        if state is not None:
            self._draw_shadow(state, image)
            demo_figure.draw_figure(image, mask, self._outlines(state))
        return mask

    def _draw_shadow(self, state: _State, image: NDArray[np.uint8]) -> None:
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        shade = np.zeros(image.shape[:2], np.uint8)
        for dx, dy, rx, ry, dark in ((0.05, -0.35, 0.26, 0.6, 70), (0.0, 0.0, 0.20, 0.32, 90)):
            ring = np.column_stack([state.x + dx + rx * np.cos(angle),
                                    state.y + dy + ry * np.sin(angle), np.zeros(40)])
            blob = np.zeros_like(shade)
            cv2.fillPoly(blob, [np.round(self._project(ring) * 16).astype(np.int32)], dark,
                         cv2.LINE_AA, 4)
            shade = np.maximum(shade, cv2.GaussianBlur(blob, (0, 0), 5.0))
        image[:] = (image * (1 - shade[..., None] / np.float32(255))).astype(np.uint8)

    def _outlines(self, state: _State) -> list[tuple[NDArray[np.float64], demo_figure.Colour]]:
        """The figure's shapes in pixels."""
        shapes = demo_figure.walking_figure(state.walked_m, state.swing, state.heading,
                                            self._clothes[state.visit])
        result = []
        for shape in shapes:
            right, up = shape.outline.T
            world = np.column_stack([np.full(len(up), state.x), state.y - right,
                                     np.maximum(up, 0.0)])
            result.append((self._project(world), shape.colour))
        return result

    def _project(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        rotation, origin = self.pose_world_from_camera[:3, :3], self.pose_world_from_camera[:3, 3]
        return CAMERA.project((world - origin) @ rotation)


class DemoSource(FrameSource):
    """The demo scene as a source; see `DemoScene`.

    Args:
        seed: see `DemoScene`.
        loop: start again after the last frame.
        rate_hz: frames per second of the stamps instead of 15.
    """

    def __init__(self, seed: int = 0, *, loop: bool = False, rate_hz: float | None = None) -> None:
        self.scene = DemoScene(seed)
        self._rate_hz = rate_hz or FPS
        self._index = 0
        super().__init__(f"demo scene, seed {seed}", fps=self._rate_hz, frame_count=FRAME_COUNT,
                         camera=CAMERA, loop=loop)

    def _read(self) -> SourceFrame | None:
        if self._index >= FRAME_COUNT:
            return None
        index = self._index
        self._index += 1
        return SourceFrame(index / self._rate_hz, image=self.scene.image(index), camera=CAMERA,
                           pose_world_from_camera=self.scene.pose_world_from_camera)

    def _restart(self) -> None:
        self._index = 0


def camera_pose(height_m: float, pitch_deg: float) -> NDArray[np.float64]:
    """Pose of a camera above the world's origin that looks along world x, down by the pitch.

    Returns:
        shape (4, 4) float64, optical frame to world.
    """
    pitch = math.radians(pitch_deg)
    forward = (math.cos(pitch), 0.0, -math.sin(pitch))
    right = (0.0, -1.0, 0.0)
    down = (-math.sin(pitch), 0.0, -math.cos(pitch))
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, down, forward])
    pose[2, 3] = height_m
    return pose


@dataclass(frozen=True)
class _State:
    """The person at one time; `swing` is 0 standing, 1 walking."""

    x: float
    y: float
    walked_m: float
    swing: float
    heading: int
    visit: int


def _state(time_s: float) -> _State | None:
    for visit, keys in enumerate(_VISITS):
        if keys[0].time_s <= time_s < keys[-1].time_s:
            return _state_of(visit, keys, time_s)
    return None


def _state_of(visit: int, keys: tuple[_Key, ...], time_s: float) -> _State:
    walked = 0.0
    for a, b in zip(keys, keys[1:], strict=False):
        way = math.hypot(b.x - a.x, b.y - a.y)
        if time_s >= b.time_s:
            walked += way
            continue
        share = (time_s - a.time_s) / (b.time_s - a.time_s)
        swing = 0.0
        if way > 0:  # the gait fades in and out within a third of a second
            swing = min(1.0, (time_s - a.time_s) / 0.33 + 0.1, (b.time_s - time_s) / 0.33 + 0.1)
        heading = -1 if keys[-1].y > keys[0].y else 1
        return _State(a.x + share * (b.x - a.x), a.y + share * (b.y - a.y), walked + share * way,
                      swing, heading, visit)
    raise AssertionError("called with a time outside the visit")

"""The empty room of the demo scene: every pixel's ray meets a floor, wall or box of known place."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel

Vectors: TypeAlias = NDArray[np.float64]
Shader = Callable[[Vectors, np.random.Generator], Vectors]

LENGTH_M, HALF_WIDTH_M, HEIGHT_M = 7.5, 3.2, 2.7
_TILE_M, _GROUT_M = 0.6, 0.012
_WINDOW_X, _WINDOW_Z = (3.6, 6.4), (0.9, 2.2)
_OVERSAMPLE = 2


@dataclass(frozen=True)
class Room:
    """The room as one camera sees it.

    Attributes:
        image: shape (H, W, 3) uint8, BGR.
        depth_m: shape (H, W) float32, metres along optical Z.
        world_rays: shape (H, W, 3) float64, directions in the world whose optical Z is 1.
    """

    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    world_rays: Vectors


@dataclass(frozen=True)
class _Box:
    """A cuboid: its lower and upper corner in the world, metres, and its colour (BGR)."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: tuple[float, float, float]


_BOXES = (_Box((6.6, 1.5, 0.0), (7.4, 2.9, 0.75), (70, 95, 120)),    # sideboard
          _Box((6.75, 1.75, 0.75), (7.1, 2.15, 1.05), (60, 120, 70)),  # plant pot on it
          _Box((5.4, -3.1, 0.0), (6.1, -2.4, 0.6), (95, 140, 175)))  # cardboard box


def draw_room(camera: CameraModel, pose_world_from_camera: Vectors, seed: int) -> Room:
    """Draw the room.

    Args:
        camera: without distortion.
        pose_world_from_camera: shape (4, 4); the world has its origin on the floor, x into the
            room, y left, z up.
        seed: of the materials' grain.
    """
    fine = camera.scaled(camera.width * _OVERSAMPLE, camera.height * _OVERSAMPLE)
    colour, _ = _trace(fine, pose_world_from_camera, np.random.default_rng(seed))
    image = cv2.resize(colour, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    rays = camera.ray_image().astype(np.float64) @ pose_world_from_camera[:3, :3].T
    _, depth = _trace(camera, pose_world_from_camera, np.random.default_rng(seed))
    return Room(np.clip(image, 0, 255).astype(np.uint8), depth.astype(np.float32), rays)


def _trace(camera: CameraModel, pose: Vectors, rng: np.random.Generator) -> tuple[Vectors, Vectors]:
    """Colour (H, W, 3) and depth (H, W) of the nearest surface on each ray."""
    rays = camera.ray_image().astype(np.float64) @ pose[:3, :3].T
    origin = pose[:3, 3]
    colour = np.zeros((*rays.shape[:2], 3))
    depth = np.full(rays.shape[:2], np.inf)
    surfaces: tuple[tuple[int, float, Shader], ...] = (
        (2, 0.0, _floor), (2, HEIGHT_M, _ceiling), (0, LENGTH_M, _back_wall),
        (1, HALF_WIDTH_M, _left_wall), (1, -HALF_WIDTH_M, _right_wall))
    for axis, value, shader in surfaces:
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (value - origin[axis]) / rays[..., axis]
        hit = (distance > 0) & (distance < depth)
        depth[hit] = distance[hit]
        colour[hit] = shader(origin + rays[hit] * distance[hit, None], rng)
    for box in _BOXES:
        _add_box(box, origin, rays, colour, depth)
    return colour, depth


def _add_box(box: _Box, origin: Vectors, rays: Vectors, colour: Vectors, depth: Vectors) -> None:
    """Slab test (Kay and Kajiya, 1986), and a shade for each side."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (np.array(box.low) - origin) / rays
        second = (np.array(box.high) - origin) / rays
    near, far = np.minimum(first, second), np.maximum(first, second)
    entry = near.max(-1)
    hit = (entry > 0) & (entry <= far.min(-1)) & (entry < depth)
    side = near[hit].argmax(-1)
    points = origin + rays[hit] * entry[hit][:, None]
    shade = np.array([0.72, 0.85, 1.12])[side]
    shade *= 1.0 - 0.35 * np.exp(-points[:, 2] / 0.12) * (side != 2)
    colour[hit] = np.array(box.colour) * shade[:, None]
    depth[hit] = entry[hit]


def _floor(p: Vectors, rng: np.random.Generator) -> Vectors:
    cell = np.floor(p[:, :2] / _TILE_M).astype(int)
    tones = rng.normal(1.0, 0.045, (64, 64))
    tone = tones[cell[:, 0] % 64, cell[:, 1] % 64]
    inside = np.abs(p[:, :2] / _TILE_M - cell - 0.5).max(1) * _TILE_M
    grout = inside > _TILE_M / 2 - _GROUT_M
    grain = _grain(rng, p[:, 0] * 90, p[:, 1] * 90, 6.0)
    colour = np.array([150.0, 163, 176]) * tone[:, None] + grain[:, None]
    colour[grout] = (104, 112, 120)
    # Sun through the window, and walls that keep light from the corners.
    patch = _soft_inside(p[:, 0], 3.3, 5.9, 0.12) * _soft_inside(p[:, 1], 0.9, 2.5, 0.12)
    bars = 1.0 - 0.8 * _soft_inside(p[:, 0], 4.55, 4.65, 0.03)
    light = 0.80 + 0.30 * (patch * bars) - 0.02 * p[:, 0]
    light *= _corner(LENGTH_M - p[:, 0]) * _corner(HALF_WIDTH_M - np.abs(p[:, 1]))
    for box in _BOXES:
        light *= 1.0 - 0.45 * np.exp(-_gap(p, box) / 0.18)
    return colour * light[:, None]


def _back_wall(p: Vectors, rng: np.random.Generator) -> Vectors:
    colour = np.tile(np.array([196.0, 205, 208]), (len(p), 1))
    colour += _grain(rng, p[:, 1] * 60, p[:, 2] * 60, 3.0)[:, None]
    _paint(colour, p, (1, 2), (-1.95, -0.95), (0.0, 2.12), (150, 165, 172))   # door frame
    _paint(colour, p, (1, 2), (-1.87, -1.03), (0.0, 2.04), (78, 102, 132))    # door
    _paint(colour, p, (1, 2), (-1.75, -1.15), (1.15, 1.9), (86, 112, 144))
    _paint(colour, p, (1, 2), (-1.75, -1.15), (0.2, 1.0), (86, 112, 144))
    _paint(colour, p, (1, 2), (-1.12, -1.06), (1.0, 1.06), (190, 200, 205))   # handle
    _paint(colour, p, (1, 2), (-0.2, 1.1), (1.35, 2.15), (70, 78, 84))        # picture
    _paint(colour, p, (1, 2), (-0.15, 1.05), (1.4, 2.1), (168, 140, 96))
    _paint(colour, p, (1, 2), (-0.15, 1.05), (1.4, 1.68), (90, 130, 98))
    skirting = (p[:, 2] < 0.1) & ((p[:, 1] < -1.95) | (p[:, 1] > -0.95))
    colour[skirting] = (150, 158, 162)
    light = 0.74 + 0.05 * p[:, 1] / HALF_WIDTH_M + 0.06 * p[:, 2] / HEIGHT_M
    return colour * (light * _corner(HALF_WIDTH_M - np.abs(p[:, 1])) * _corner(p[:, 2]))[:, None]


def _left_wall(p: Vectors, rng: np.random.Generator) -> Vectors:
    colour = np.tile(np.array([186.0, 196, 200]), (len(p), 1))
    colour += _grain(rng, p[:, 0] * 60, p[:, 2] * 60, 3.0)[:, None]
    light = (0.66 + 0.04 * p[:, 2]) * _corner(p[:, 2]) * _corner(LENGTH_M - p[:, 0])
    colour *= light[:, None]
    low, high = _WINDOW_X, _WINDOW_Z
    _paint(colour, p, (0, 2), (low[0] - 0.07, low[1] + 0.07), (high[0] - 0.07, high[1] + 0.07),
           (196, 202, 204))
    _paint(colour, p, (0, 2), low, high, (252, 244, 232))
    _paint(colour, p, (0, 2), (4.97, 5.03), high, (196, 202, 204))
    return colour


def _right_wall(p: Vectors, rng: np.random.Generator) -> Vectors:
    colour = np.tile(np.array([182.0, 194, 202]), (len(p), 1))
    colour += _grain(rng, p[:, 0] * 60, p[:, 2] * 60, 3.0)[:, None]
    colour[p[:, 2] < 0.1] = (140, 148, 152)
    light = (0.80 + 0.04 * p[:, 2]) * _corner(p[:, 2]) * _corner(LENGTH_M - p[:, 0])
    return colour * light[:, None]


def _ceiling(p: Vectors, rng: np.random.Generator) -> Vectors:
    light = 0.82 * _corner(LENGTH_M - p[:, 0]) * _corner(HALF_WIDTH_M - np.abs(p[:, 1]))
    return np.array([214.0, 218, 220]) * light[:, None]


def _paint(colour: Vectors, p: Vectors, axes: tuple[int, int], first: tuple[float, float],
           second: tuple[float, float], bgr: tuple[float, float, float]) -> None:
    a, b = p[:, axes[0]], p[:, axes[1]]
    colour[(a > first[0]) & (a < first[1]) & (b > second[0]) & (b < second[1])] = bgr


def _corner(distance: Vectors) -> Vectors:
    """Less light within about a third of a metre of a corner."""
    return 1.0 - 0.30 * np.exp(-np.clip(distance, 0, None) / 0.3)


def _gap(p: Vectors, box: _Box) -> Vectors:
    """Distance on the floor from a box standing on it; far for one that does not."""
    if box.low[2] > 0:
        return np.full(len(p), 9.0)
    low, high = np.array(box.low[:2]), np.array(box.high[:2])
    return np.linalg.norm(np.maximum(np.maximum(low - p[:, :2], p[:, :2] - high), 0), axis=1)


def _soft_inside(x: Vectors, low: float, high: float, blur: float) -> Vectors:
    return np.clip((x - low) / blur + 0.5, 0, 1) * np.clip((high - x) / blur + 0.5, 0, 1)


def _grain(rng: np.random.Generator, u: Vectors, v: Vectors, sigma: float) -> Vectors:
    """A smooth random pattern fixed to the surface, one value per point."""
    table = cv2.GaussianBlur(rng.normal(0.0, 1.0, (256, 256)), (0, 0), 1.5)
    table *= sigma / table.std()
    return table[np.floor(u).astype(int) % 256, np.floor(v).astype(int) % 256]

"""Random depth images with known truth, made to be hard for 'the depth of what is in the box'.

Each scene has a floor, a wall or open sky, one object with a rounded front, and what `KINDS` adds.
No noise but what is asked for: the truth is exact.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel

CAMERA = CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
KINDS = ("clear", "background_70", "half_covered", "behind_fence", "beside_another", "flat_on_wall",
         "open_sky", "noisy_and_holed", "cut")
_CAMERA_HEIGHT_M = 1.2


@dataclass(frozen=True, eq=False)
class Scene:
    """One depth image and its truth.

    Attributes:
        kind: one of `KINDS`.
        depth_m: shape (480, 640) float32.
        xyxy: the object's box; tight, or jittered as a detector's.
        nearest_m, farthest_m: depth range of the object's visible surface.
        position: shape (3,), optical frame: the median depth of its visible surface on the ray of
            the true box's centre (of its part in the image).
    """

    kind: str
    depth_m: NDArray[np.float32]
    xyxy: NDArray[np.float64]
    nearest_m: float
    farthest_m: float
    position: NDArray[np.float64]


def make_scene(kind: str, rng: np.random.Generator, box_jitter: float = 0.0,
               scale_std: float = 0.0) -> Scene:
    """Draw one scene.

    Args:
        kind: one of `KINDS`.
        rng: source of chance.
        box_jitter: standard deviation of the box's centre, as a share of its sides.
        scale_std: standard deviation of the depth map's scale, relative.
    """
    z = float(rng.uniform(1.5, 8.0))
    width, height = rng.uniform(0.4, 0.8), rng.uniform(0.8, 1.8)
    if kind == "flat_on_wall":
        width, height = rng.uniform(0.3, 0.9, 2)
    if kind != "cut":   # its foot is in the image
        z = max(z, 2.8)
    half_px = 0.5 * CAMERA.fx / z * np.array([width, height])
    margin = half_px[0] * (0.3 if kind == "cut" else 1.1)
    centre = np.array([rng.uniform(margin, CAMERA.width - margin), 0.0])
    stands = kind not in ("flat_on_wall", "open_sky")
    foot = CAMERA.cy + CAMERA.fy * _CAMERA_HEIGHT_M / z
    centre[1] = foot - half_px[1] if stands else rng.uniform(120, 360)
    box = np.concatenate([centre - half_px, centre + half_px])
    backdrop = np.inf if kind == "open_sky" else z * rng.uniform(1.15, 2.5)
    if kind == "flat_on_wall":
        backdrop = z + 0.02
    depth = _background(backdrop)
    mask, relief = _object(kind, box, rng)
    depth[mask] = z + relief[mask]
    behind = depth.copy()
    _add(kind, depth, box, z, rng)
    visible = mask & (depth == behind)
    surface = depth[visible]
    seen = np.clip(box, -0.5, [639.5, 479.5, 639.5, 479.5])
    ray = CAMERA.rays([(seen[:2] + seen[2:]) / 2])[0]
    position = float(np.median(surface)) * ray
    if kind == "noisy_and_holed":
        edges = rng.random(depth.shape) < 0.35
        depth *= rng.normal(1.0, 0.01, depth.shape).astype(np.float32)
        depth[edges] = np.nan
    depth *= np.float32(np.exp(rng.normal(0, scale_std)))
    shift = rng.normal(0, 1, 2) * box_jitter * (box[2:] - box[:2])
    return Scene(kind, depth, box + np.tile(shift, 2), float(surface.min()), float(surface.max()),
                 position)


def _background(wall_m: float) -> NDArray[np.float32]:
    rows = np.arange(CAMERA.height)[:, None] - CAMERA.cy
    with np.errstate(divide="ignore"):
        floor = np.where(rows > 0, CAMERA.fy * _CAMERA_HEIGHT_M / rows, np.inf)
    row = np.minimum(floor, wall_m).astype(np.float32)
    return np.repeat(row, CAMERA.width, axis=1)


def _grid(box: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel coordinates with the box at -1 to 1."""
    v, u = np.indices((CAMERA.height, CAMERA.width), np.float64)
    return (2 * (u - box[0]) / (box[2] - box[0]) - 1, 2 * (v - box[1]) / (box[3] - box[1]) - 1)


def _object(kind: str, box: NDArray[np.float64], rng: np.random.Generator
            ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Silhouette, and how far its front lies behind its nearest point, metres."""
    x, y = _grid(box)
    if kind == "flat_on_wall":
        return (abs(x) <= 1) & (abs(y) <= 1), np.zeros_like(x)
    relief = 0.12 * np.minimum(abs(x), 1) ** 2
    if kind == "background_70":   # arms and legs apart: 30 % of its box
        thin = rng.uniform(0.10, 0.16)
        post = (abs(x) < thin) & (abs(y) <= 1)
        bars = (abs(x) <= 1) & ((abs(y - rng.uniform(-0.7, -0.3)) < 0.1) | (abs(y - 0.8) < 0.1))
        return post | bars, relief
    head = x ** 2 / 0.16 + (y + 0.8) ** 2 / 0.04 <= 1
    trunk = (abs(x) < 0.6 + 0.4 * np.exp(-((y + 0.3) / 0.2) ** 2)) & (y > -0.62) & (y < 0.2)
    legs = (abs(abs(x) - 0.35) < 0.22) & (y >= 0.2) & (y <= 1)
    return head | trunk | legs, relief


def _add(kind: str, depth: NDArray[np.float32], box: NDArray[np.float64], z: float,
         rng: np.random.Generator) -> None:
    """Put what the kind asks for in front of the object (or beside it)."""
    x, y = _grid(box)
    near = z * rng.uniform(0.35, 0.93)
    if kind == "half_covered":
        reach = rng.uniform(0.2, 1.5)   # how far the obstacle goes on, in half boxes
        side = rng.integers(3)
        if side == 2:                   # a counter or a crate before the legs
            cover = (y > 0) & (y < 1 + reach) & (abs(x) < rng.uniform(0.9, 3))
        else:                           # a pillar, a door leaf, another person
            cover = (x * (1 if side else -1) > 0) & (abs(x) < 1 + reach) & (y > -rng.uniform(1, 2))
        depth[cover] = np.minimum(depth[cover], near)
    elif kind == "behind_fence":
        pitch = rng.uniform(0.12, 0.5)
        share = rng.uniform(0.15, 0.4)
        bars = ((x + 7) % pitch < share * pitch) | (abs(y - rng.uniform(-1, 1)) < 0.04)
        fence = bars & (y > -1.3)
        depth[fence] = np.minimum(depth[fence], near)
    elif kind == "beside_another":      # its neighbour stands into the box, nearer or farther
        other = z * (rng.uniform(0.6, 0.93) if rng.random() < 0.5 else rng.uniform(1.07, 1.4))
        cover = (x > rng.uniform(0.2, 0.7)) & (x < rng.uniform(1.5, 3)) & (y > -1.1)
        depth[cover] = np.minimum(depth[cover], other)

"""Frames of the embedded world to measure on: every place and camera, times drawn by a seed."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from smolvlm_ros.world import MOUNTS, SCENES, World, WorldFrame


def world_frames(first_seed: int, worlds: int, per_world: int, scenes: Sequence[str] = SCENES
                 ) -> Iterator[WorldFrame]:
    """Frames of `worlds` worlds of each place and camera.

    Args:
        first_seed: of the first world; the others follow.
        worlds: of each place and camera.
        per_world: frames of each.
        scenes: the places.
    """
    for seed in range(first_seed, first_seed + worlds):
        for scene in scenes:
            for camera in MOUNTS:
                world = World(scene, seed, camera=camera)
                rng = np.random.default_rng([seed, MOUNTS.index(camera)])
                for index in rng.choice(world.frame_count, per_world, replace=False):
                    yield world.frame(int(index))

"""How near an estimator's depth is to the truth, pixel by pixel at the camera's resolution."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.depth.types import DepthEstimator
from smolvlm_ros.world.mounts import MOUNTS
from smolvlm_ros.world.truth import WorldFrame
from smolvlm_ros.world.world import World

INDOOR, OUTDOOR = ("corridor", "room"), ("path",)
_DELTA1 = 1.25  # greatest factor between estimate and truth that counts as near


@dataclass(frozen=True)
class DepthScore:
    """Errors over many frames; every frame weighs the same.

    Attributes:
        absrel: mean of |estimate - truth| / truth over the pixels whose truth is finite. An
            estimate of +Inf counts as the estimator's range, one of NaN as an error of 1.
        delta1: share of those pixels where estimate and truth differ by less than a factor of
            1.25; an estimate that is not finite never does.
        unknown: share of those pixels with an estimate that is not finite.
        sky: share of the sky's pixels with an estimate of +Inf; NaN where no frame shows sky.
        frames: number of frames.
    """

    absrel: float
    delta1: float
    unknown: float
    sky: float
    frames: int


def frames_of(scenes: Sequence[str], seeds: Iterable[int], per_world: int,
              cameras: Sequence[str] = MOUNTS) -> Iterator[WorldFrame]:
    """Frames of worlds, none of which is trained on, at times drawn by the seed.

    Args:
        scenes: places.
        seeds: of the worlds.
        per_world: frames of each world.
        cameras: mounts; there is a world for each.
    """
    for seed in seeds:
        for scene in scenes:
            for camera in cameras:
                world = World(scene, seed, camera=camera)
                rng = np.random.default_rng([seed, MOUNTS.index(camera)])
                for index in rng.choice(world.frame_count, per_world, replace=False):
                    yield world.frame(int(index))


def evaluate_depth(estimator: DepthEstimator, frames: Iterable[WorldFrame]) -> DepthScore:
    """Errors of an estimator, run on each frame by itself: it forgets those before.

    Raises:
        ValueError: there is no frame.
        DepthError: the estimator's.
    """
    rows = []
    for frame in frames:
        estimator.reset("a frame of another time and place")
        estimate = estimator.estimate(frame.image_rgb, frame.camera, frame.time_s)
        rows.append(frame_errors(estimate.depth_m, frame.depth_m, estimate.range_m))
    if not rows:
        raise ValueError("there is no frame to evaluate depth on; give at least one")
    absrel, delta1, unknown, sky = np.array(rows).T
    seen = sky[np.isfinite(sky)]
    return DepthScore(float(absrel.mean()), float(delta1.mean()), float(unknown.mean()),
                      float(seen.mean()) if len(seen) else float("nan"), len(rows))


def frame_errors(depth_m: NDArray[np.float32], truth_m: NDArray[np.float32],
                 range_m: float) -> tuple[float, float, float, float]:
    """(absrel, delta1, unknown, sky) of one frame; see `DepthScore`.

    Args:
        depth_m: shape (H, W) float32, the estimate: metres, NaN, +Inf.
        truth_m: shape (H, W) float32, metres, +Inf in the sky.
        range_m: the estimator's range.
    """
    if depth_m.shape != truth_m.shape:
        raise ValueError(f"the estimate has shape {depth_m.shape}, the truth {truth_m.shape}; "
                         "estimate at the camera's resolution (output_scale 1)")
    solid = np.isfinite(truth_m)
    truth, found = truth_m[solid].astype(np.float64), depth_m[solid].astype(np.float64)
    known = np.isfinite(found)
    filled = np.where(np.isposinf(found), range_m, np.where(known, found, 0.0))
    relative = np.abs(filled - truth) / truth
    near = known & (np.maximum(truth, found) < _DELTA1 * np.minimum(truth, found))
    sky = np.isposinf(depth_m[~solid]).mean() if not solid.all() else np.nan
    return float(relative.mean()), float(near.mean()), float(1 - known.mean()), float(sky)

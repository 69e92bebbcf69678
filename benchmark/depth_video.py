"""Depth over time: how much wobble the stabiliser takes out, in the embedded world."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import common
import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.depth.stabiliser import DepthStabiliser
from smolvlm_ros.world import World

WOBBLE = 0.05            # standard deviation of the scale's logarithm, every frame anew
_SETTLE = 10             # first frames that are not counted: nothing is known of the scale yet
_EDGE = 0.2              # of the logarithm of depth, second difference
_STATIC = (("corridor", "static"), ("room", "static"), ("path", "static"))
_MOVING = (("corridor", "robot"), ("room", "drone"), ("path", "robot"), ("path", "drone"))


def rows(frames: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Flicker and error at edges with the stabiliser over those without.

    Args:
        frames: of each world.
        seeds: one world of each kind for each.
    """
    static = [_play(scene, camera, seed, frames) for scene, camera in _STATIC for seed in seeds]
    moving = [_play(scene, camera, seed, frames) for scene, camera in _MOVING for seed in seeds]

    def reduction(runs: list[dict[str, float]]) -> float:
        return 1 - sum(r["flicker"] for r in runs) / sum(r["flicker_raw"] for r in runs)

    return {"flicker_reduction_static": reduction(static),
            "flicker_reduction_moving": reduction(moving),
            "edge_error_ratio_moving": (sum(r["edge"] for r in moving)
                                        / sum(r["edge_raw"] for r in moving)),
            "stabiliser_ms_640x480": float(np.median([r["ms"] for r in static + moving])),
            "stabiliser_restarts": sum(r["restarts"] for r in static + moving)}


def _play(scene: str, camera: str, seed: int, frames: int) -> dict[str, float]:
    world = World(scene, seed, camera=camera, duration_s=max(30.0, frames / World.fps))
    random, stabiliser = np.random.default_rng(seed), DepthStabiliser()
    raw, steadied, times = _Errors(), _Errors(), []
    for index in range(frames):
        frame = world.frame(index)
        wobbling = frame.depth_m * np.float32(np.exp(random.normal(0, WOBBLE)))
        kept: list[NDArray[np.float32]] = []
        times.append(common.timed_ms(lambda w=wobbling, f=frame, k=kept: k.append(
            stabiliser.steady(w, f.image_rgb, f.time_s))))
        if index >= _SETTLE:
            raw.add(wobbling, frame.depth_m)
            steadied.add(kept[0], frame.depth_m)
    return {"flicker_raw": raw.flicker, "flicker": steadied.flicker, "edge_raw": raw.edge,
            "edge": steadied.edge, "ms": float(np.median(times)),
            "restarts": float(stabiliser.restarts)}


class _Errors:
    """Error from frame to frame (mean change of the relative error), and at edges of depth."""

    def __init__(self) -> None:
        self._scales: list[NDArray[np.float32]] = []
        self._edges: list[float] = []

    def add(self, depth_m: NDArray[np.float32], truth_m: NDArray[np.float32]) -> None:
        """Take a frame."""
        known = np.isfinite(truth_m)
        error = np.zeros(truth_m.shape, np.float32)
        error[known] = np.log(depth_m[known] / truth_m[known])
        logs = np.log(np.where(known, truth_m, 100.0)).astype(np.float32)
        edges = (np.abs(cv2.Laplacian(logs, cv2.CV_32F)) > _EDGE) & known
        self._edges.append(float(np.abs(np.exp(error[edges]) - 1).mean()))
        self._scales.append(error[::8, ::8].copy())

    @property
    def flicker(self) -> float:
        """Mean change of the error between two frames."""
        return float(np.abs(np.diff(np.array(self._scales), axis=0)).mean())

    @property
    def edge(self) -> float:
        """Mean relative error at edges."""
        return float(np.mean(self._edges))

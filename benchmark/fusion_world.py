"""Fusion against the embedded world's truth: exact boxes and depth in, positions out."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.world_frames import world_frames
from smolvlm_ros.fusion.fuse import FusionConfig, fuse
from smolvlm_ros.world import WorldObject

_SEED = 700                                     # of the first world
_LEAST_VISIBILITY, _LEAST_SIDE_PX = 0.3, 12.0   # of an object that a detector would find
_BODY_RATIO = 0.3                               # as in config/demo.yaml


@dataclass(frozen=True, eq=False)
class WorldErrors:
    """Errors over the distance from the camera, one for each object of each frame.

    Attributes:
        surface: of positions on the visible surface.
        middle: of positions with `body_ratio`, from the middle of the object's whole extent.
        unplaced: objects without a pose.
    """

    surface: NDArray[np.float64]
    middle: NDArray[np.float64]
    unplaced: int

    def rows(self) -> dict[str, float]:
        """The figures by key."""
        return {"position_error_rel_p50": float(np.quantile(self.surface, 0.5)),
                "position_error_rel_p95": float(np.quantile(self.surface, 0.95)),
                "position_middle_error_rel_p50": float(np.quantile(self.middle, 0.5)),
                "position_middle_error_rel_p95": float(np.quantile(self.middle, 0.95)),
                "position_objects": float(len(self.surface)),
                "position_unplaced": float(self.unplaced)}


def world_errors(worlds: int, per_world: int) -> WorldErrors:
    """Place everything that can be seen in frames of every scene and camera.

    The truth of the surface is the median depth of the pixels that show the object, on the ray of
    its box's centre.

    Args:
        worlds: of each scene and camera.
        per_world: frames of each.
    """
    surface: list[float] = []
    middle: list[float] = []
    unplaced = 0
    for frame in world_frames(_SEED, worlds, per_world):
        items = [item for item in frame.objects if _visible(item)]
        boxes = np.array([item.visible_xyxy for item in items]).reshape(-1, 4)
        for item, box in zip(items, boxes, strict=True):
            placed = [fuse([box], [1.0], [item.class_name], frame.depth_m, frame.camera,
                           FusionConfig(body_ratio=ratio)).objects for ratio in (0.0, _BODY_RATIO)]
            if not all(placed):
                unplaced += 1
                continue
            depth = float(np.median(frame.depth_m[frame.mask == item.track_id]))
            seen = depth * frame.camera.rays([(box[:2] + box[2:]) / 2 - 0.5])[0]
            (on,), (behind,) = placed
            surface.append(_relative(on.position, seen))
            middle.append(_relative(behind.position, item.position_camera))
    return WorldErrors(np.array(surface), np.array(middle), unplaced)


def _visible(item: WorldObject) -> bool:
    return (item.visible_xyxy is not None and item.visibility >= _LEAST_VISIBILITY
            and bool((item.visible_xyxy[2:] - item.visible_xyxy[:2]).min() >= _LEAST_SIDE_PX))


def _relative(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))

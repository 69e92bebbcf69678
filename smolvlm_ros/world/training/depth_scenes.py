"""The scenes that depth is learnt from: small images and their exact depth."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.depth.preprocess import resize_rgb
from smolvlm_ros.world.sampling import SEEDS_PER_PLACE, sample
from smolvlm_ros.world.training.data import drawn
from smolvlm_ros.world.world import CAMERA

_HILL_SHARE = 0.06  # of the inverse depth, that a hill rises above its surroundings
_BLOCK = 2000  # scenes kept together
# Scenes are drawn at half the camera's resolution, at a third of the time, and kept a little
# smaller, from which every input size up to this is made.
_DRAWN = CAMERA.scaled(CAMERA.width // 2, CAMERA.height // 2)
_KEPT = (168, 224)


@dataclass(frozen=True)
class DepthDrawing:
    """Draws a seed's scene: 'image' (168, 224, 3) uint8 and 'depth' (168, 224) float16, metres.

    The depth is that of the pixel in the middle of each sample, never a blend of two surfaces;
    +Inf in the sky.

    Attributes:
        scenes: places, taken in turn.
    """

    scenes: tuple[str, ...]

    def __call__(self, seed: int) -> dict[str, NDArray[Any]]:
        """The arrays of one seed."""
        cv2.setNumThreads(1)
        place = seed // SEEDS_PER_PLACE
        frame = sample(seed, self.scenes[place % len(self.scenes)], model=_DRAWN)
        return {"image": resize_rgb(frame.image_rgb, *_KEPT[::-1]),
                "depth": _resized(frame.depth_m, _KEPT).astype(np.float16)}

    def many(self, folder: Path, count: int, size: tuple[int, int], workers: int = 1,
             first_seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """Images and depths of `count` seeds, stacked, in memory, (height, width) as asked for.

        They are drawn and kept in blocks, so that more scenes later cost only what is new.
        """
        key = f"depth {'+'.join(self.scenes)} {_KEPT[0]}x{_KEPT[1]} from {_DRAWN.width}"
        images = np.empty((count, *size, 3), np.uint8)
        depths = np.empty((count, *size), np.float16)
        for begin in range(0, count, _BLOCK):
            block = drawn(folder, key, _BLOCK, self, workers, first_seed + begin)
            for index in range(begin, min(begin + _BLOCK, count)):
                images[index] = resize_rgb(block["image"][index - begin], size[1], size[0])
                depths[index] = _resized(block["depth"][index - begin].astype(np.float32), size)
        return images, depths


def standing_out(depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where something stands before what is left and right of it, shape (H, W).

    Along a row the inverse depth of floors and walls is a ramp or a valley, however they are seen;
    people, things, trunks and posts are hills on it. What opening takes away from it is a hill
    narrower than half the image.

    Args:
        depth_m: shape (H, W), metres, +Inf in the sky.
    """
    inverse = 1 / np.asarray(depth_m, np.float32)
    wide = depth_m.shape[1] // 2
    padded = cv2.copyMakeBorder(inverse, 0, 0, wide, wide, cv2.BORDER_REPLICATE)
    ground = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((1, wide | 1), np.uint8))
    return np.asarray(inverse - ground[:, wide:-wide] > _HILL_SHARE * inverse, np.bool_)


def _resized(depth_m: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Depth at (height, width): of the pixel nearest to each sample's middle."""
    return np.asarray(cv2.resize(depth_m, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT),
                      np.float32)

"""The scenes that the detector learns from: small images, and the boxes of what they show."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.detection.preprocess import resize_rgb
from smolvlm_ros.world.palette import CLASSES
from smolvlm_ros.world.sampling import SEEDS_PER_PLACE, sample
from smolvlm_ros.world.scoring.detection import truth_of
from smolvlm_ros.world.training.data import drawn
from smolvlm_ros.world.world import CAMERA

MOST_OBJECTS = 12   # a scene has fewer
NO_OBJECT = -1
# Most scenes are drawn at the network's resolution, in a quarter of the time; every sixteenth place
# at the camera's, so that the noise and the edges of the run time's images are known too.
_WHOLE_EVERY = 16
_OUTSIDE = (114, 114, 114)   # around an image that is made smaller
_CHUNK = 800                 # scenes in one set of files: more can be added later
SEEDS_APART = 1_000_000      # between the scenes of two runs' seeds; a multiple of 8

Scenes: TypeAlias = Sequence[Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class DetectorDrawing:
    """Draws a seed's scene.

    'image' (height, width, 3) uint8, made as the run time makes the network's input; 'boxes'
    (12, 4) float32: left, top, right, bottom as shares of the image; 'classes' (12,) int8: index
    in CLASSES, -1 for no object.

    Attributes:
        height, width: of the network's input.
    """

    height: int
    width: int

    def __call__(self, seed: int) -> dict[str, NDArray[Any]]:
        """The arrays of one seed."""
        cv2.setNumThreads(1)
        whole = seed // SEEDS_PER_PLACE % _WHOLE_EVERY == 0
        model = CAMERA if whole else CAMERA.scaled(self.width, self.height)
        frame = sample(seed, model=model)
        truth = truth_of(frame)
        boxes = np.zeros((MOST_OBJECTS, 4), np.float32)
        classes = np.full(MOST_OBJECTS, NO_OBJECT, np.int8)
        chosen = np.flatnonzero(truth.counts)[:MOST_OBJECTS]
        height, width = frame.image_rgb.shape[:2]
        boxes[:len(chosen)] = truth.xyxy[chosen] / (width, height, width, height)
        classes[:len(chosen)] = [CLASSES.index(truth.class_names[i]) for i in chosen]
        return {"image": resize_rgb(frame.image_rgb, self.width, self.height),
                "boxes": boxes, "classes": classes}

    def many(self, folder: Path, count: int, workers: int, seed: int = 0) -> Scenes:
        """'image', 'boxes' and 'classes' of many scenes, in sets that are mapped from files.

        Args:
            folder: where the files are kept.
            count: number of scenes; rounded up to whole sets of 800.
            workers: processes that draw.
            seed: of the run: another one has other scenes.
        """
        key = f"detector {self.height}x{self.width}"
        return [drawn(folder, key, _CHUNK, self, workers, seed * SEEDS_APART + first)
                for first in range(0, count, _CHUNK)]


def one(scenes: Scenes, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32],
                                             NDArray[np.int8]]:
    """Image, boxes and classes of a scene."""
    chunk = scenes[index // _CHUNK]
    at = index % _CHUNK
    return chunk["image"][at], chunk["boxes"][at], chunk["classes"][at]


def varied(image: NDArray[np.uint8], boxes: NDArray[np.float32], classes: NDArray[np.int8],
           rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32],
                                              NDArray[np.int64]]:
    """The scene seen another way: mirrored, nearer or farther, brighter or darker.

    Args:
        image: shape (H, W, 3) uint8.
        boxes: shape (N, 4), left, top, right, bottom as shares of the image.
        classes: shape (N,); negative for no object.
        rng: source of chance.

    Returns:
        The image, boxes of shape (M, 4) and classes of shape (M,) of what is still in it.
    """
    boxes, found = boxes[classes >= 0], classes[classes >= 0].astype(np.int64)
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], np.hstack([1 - boxes[:, 2:3], boxes[:, 1:2],
                                                  1 - boxes[:, 0:1], boxes[:, 3:4]])
    if rng.random() < 0.6:
        image, boxes, found = _zoomed(image, boxes, found, rng)
    levels = np.arange(256) / 255.0
    table = np.clip(255 * levels ** rng.uniform(0.8, 1.25) * rng.uniform(0.8, 1.2), 0, 255)
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), table.astype(np.uint8)), np.uint8), \
        boxes, found


def _zoomed(image: NDArray[np.uint8], boxes: NDArray[np.float32], classes: NDArray[np.int64],
            rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32],
                                               NDArray[np.int64]]:
    height, width = image.shape[:2]
    zoom = float(np.exp(rng.uniform(np.log(0.8), np.log(1.35))))
    stretch = float(np.exp(rng.uniform(-0.08, 0.08)))
    scale = np.array([zoom * stretch, zoom / stretch])
    slack = np.abs(1 - scale) / 2 + 0.03
    move = (1 - scale) / 2 + rng.uniform(-slack, slack)
    matrix = np.array([[scale[0], 0, move[0] * width], [0, scale[1], move[1] * height]])
    image = np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR,
                                      borderMode=cv2.BORDER_CONSTANT,
                                      borderValue=_OUTSIDE), np.uint8)
    moved = boxes * np.tile(scale, 2) + np.tile(move, 2)
    inside = np.clip(moved, 0, 1)
    before = np.prod(moved[:, 2:] - moved[:, :2], axis=1)
    after = np.prod(inside[:, 2:] - inside[:, :2], axis=1)
    keep = after >= 0.35 * before
    return image, inside[keep].astype(np.float32), classes[keep]

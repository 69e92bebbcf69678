"""Average precision of a detector on frames of the embedded world."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.detection.boxes import iou
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.world.palette import CLASSES
from smolvlm_ros.world.truth import WorldFrame

# What is shown less, or smaller, is neither learnt nor counted: found or not, it is no error.
LEAST_VISIBILITY = 0.3
LEAST_SIDE_RATIO = 1 / 40   # of the image's height: 12 px of 480
MATCH_IOU = 0.5
_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, eq=False)
class BoxTruth:
    """What an image shows.

    Attributes:
        xyxy: shape (N, 4) float32, pixels: left, top, right, bottom of the part that is seen.
        class_names: N names.
        counts: shape (N,) bool: a detector must find it; the others are neither right nor wrong.
    """

    xyxy: NDArray[np.float32]
    class_names: tuple[str, ...]
    counts: NDArray[np.bool_]


@dataclass(frozen=True)
class DetectionScore:
    """How good the boxes are.

    Attributes:
        map50: mean over the classes of the average precision at an IoU of 0.5; NaN without truth.
        by_class: average precision of each class that was there.
        truths: number of objects that counted, by class.
        frames: number of images.
    """

    map50: float
    by_class: Mapping[str, float]
    truths: Mapping[str, int]
    frames: int


def truth_of(frame: WorldFrame) -> BoxTruth:
    """The boxes of everything that a frame shows at all."""
    seen = [o for o in frame.objects if o.visible_xyxy is not None]
    xyxy = np.array([o.visible_xyxy for o in seen], np.float32).reshape(-1, 4)
    large = (xyxy[:, 2:] - xyxy[:, :2]).min(1, initial=np.inf) >= (
        LEAST_SIDE_RATIO * frame.image_rgb.shape[0])
    shown = np.array([o.visibility >= LEAST_VISIBILITY for o in seen], bool)
    return BoxTruth(xyxy, tuple(o.class_name for o in seen), large & shown)


def evaluate_detector(detect: Callable[[NDArray[np.uint8]], Detections],
                      frames: Iterable[WorldFrame]) -> DetectionScore:
    """Run a detector on frames and score its boxes.

    Args:
        detect: gives the detections of an image of shape (H, W, 3) uint8, RGB; with a low least
            score, since the precision is wanted at every recall.
        frames: of any scenes.
    """
    pairs = [(detect(frame.image_rgb), truth_of(frame)) for frame in frames]
    return score_detections([found for found, _ in pairs], [truth for _, truth in pairs])


def score_detections(found: Sequence[Detections], truths: Sequence[BoxTruth],
                     classes: Sequence[str] = CLASSES) -> DetectionScore:
    """Average precision by class, and its mean.

    Args:
        found: of each image.
        truths: of each image, in the same order.
        classes: to score; detections of others are left out.

    Raises:
        ValueError: on different numbers of images.
    """
    if len(found) != len(truths):
        raise ValueError(f"detections of {len(found)} images and truth of {len(truths)}; expected "
                         "as many of each")
    by_class: dict[str, float] = {}
    counted: dict[str, int] = {}
    for name in classes:
        scores, right, wanted = _matched(found, truths, name)
        if wanted:
            by_class[name] = average_precision(scores, right, wanted)
            counted[name] = wanted
    mean = float(np.mean(list(by_class.values()))) if by_class else float("nan")
    return DetectionScore(mean, by_class, counted, len(found))


def average_precision(scores: NDArray[np.floating], right: NDArray[np.bool_],
                      wanted: int) -> float:
    """Precision averaged over 101 recalls from 0 to 1, as COCO does.

    At each recall counts the best precision that is reached there or at a greater one.

    Args:
        scores: shape (N,), of the detections of all images.
        right: shape (N,), those that found an object.
        wanted: number of objects there were.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(hits / wanted, _RECALLS - 1e-9, side="left")
    return float(np.where(at < len(best), np.append(best, 0.0)[np.minimum(at, len(best))],
                          0.0).mean())


def _matched(found: Sequence[Detections], truths: Sequence[BoxTruth],
             name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Scores of the class's detections, which of them are right, and how many objects count."""
    scores: list[float] = []
    right: list[bool] = []
    wanted = 0
    for detections, truth in zip(found, truths, strict=True):
        of_class = np.array([n == name for n in truth.class_names], bool)
        boxes, counts = truth.xyxy[of_class], truth.counts[of_class]
        wanted += int(counts.sum())
        mine = detections.where((name,))
        overlaps = iou(mine.xyxy, boxes)
        free = np.ones(len(boxes), bool)
        for i in np.argsort(-mine.scores, kind="stable"):
            match = _best(overlaps[i], counts & free, ~counts)
            if match is None or counts[match]:
                scores.append(float(mine.scores[i]))
                right.append(match is not None)
            if match is not None and counts[match]:
                free[match] = False
    return np.array(scores, np.float64), np.array(right, bool), wanted


def _best(overlaps: NDArray[np.float32], open_: NDArray[np.bool_],
          ignored: NDArray[np.bool_]) -> int | None:
    """The object a detection found: one that counts and is not found yet, before an ignored one."""
    for candidates in (open_, ignored):
        fit = np.where(candidates, overlaps, -1.0)
        if len(fit) and fit.max() >= MATCH_IOU:
            return int(fit.argmax())
    return None

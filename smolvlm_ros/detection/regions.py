"""What moves, as objects: the gate's regions need no model at all."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.detection import boxes
from smolvlm_ros.detection.config import DetectorConfig, RegionsConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import DetectorInfo, checked_image

MOVING = "moving"


class RegionsDetector:
    """The moving regions, as the class `moving`.

    The score says how large a region is, not how sure: a / (a + half), with a the share of the
    image it covers and half the share that scores 0.5.
    """

    name = "moving regions"
    info = DetectorInfo()
    labels = (MOVING,)

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config

    def detect(self, image_rgb: NDArray[np.uint8], regions: ArrayLike = ()) -> Detections:
        """See `Detector`."""
        height, width = checked_image(image_rgb).shape[:2]
        found = moving(boxes.as_boxes(regions, "regions"), width, height, self.config.regions)
        return found.where(self.config.classes, self.config.min_score,
                           self.config.own_scores())

    def close(self) -> None:
        """Nothing to release."""


def moving(regions: NDArray[np.float32], width: int, height: int,
           settings: RegionsConfig) -> Detections:
    """Detections of class `moving` from regions of shape (R, 4), largest first."""
    inside = boxes.clip(regions, width, height)
    share = boxes.area(inside) / float(width * height)
    keep = np.flatnonzero((share > 0) & (share >= settings.min_area_ratio))
    keep = keep[np.argsort(-share[keep], kind="stable")]
    scores = share[keep] / (share[keep] + settings.half_score_area_ratio)
    return Detections(inside[keep], scores, (MOVING,) * len(keep))

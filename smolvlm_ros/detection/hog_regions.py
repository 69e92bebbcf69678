"""People by HOG, tightened by what moved; the rest of what moved as `moving`."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.detection import boxes
from smolvlm_ros.detection.config import DetectorConfig, RegionsConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import DetectorInfo, checked_image
from smolvlm_ros.detection.hog import PERSON, HogDetector
from smolvlm_ros.detection.regions import MOVING, moving

# A HOG box is only as exact as its search step, so its person may reach this share beyond it …
_SLACK = 0.15
# … and a region belongs to the person when this share of it lies within that.
_BELONGS = 0.8


class HogRegionsDetector:
    """HOG's persons and the moving regions they do not explain.

    A region without a HOG person stays `moving`, whatever its shape: nothing has said that it is a
    person. For the scores see `HogDetector` and `RegionsDetector`.
    """

    name = "OpenCV HOG people detector and moving regions"
    info = DetectorInfo()
    labels = (PERSON, MOVING)

    def __init__(self, config: DetectorConfig) -> None:
        self._hog = HogDetector(config)
        self.config = config

    @property
    def config(self) -> DetectorConfig:
        """The settings in use."""
        return self._config

    @config.setter
    def config(self, config: DetectorConfig) -> None:
        self._config = config
        # The class filter comes last: persons must explain their regions even when they are not
        # kept.
        self._hog.config = config.changed(classes=())

    def detect(self, image_rgb: NDArray[np.uint8], regions: ArrayLike = ()) -> Detections:
        """See `Detector`."""
        height, width = checked_image(image_rgb).shape[:2]
        settings = self._config.regions
        moved = boxes.clip(boxes.as_boxes(regions, "regions"), width, height)
        persons = tightened(self._hog.detect(image_rgb), moved, settings)
        rest = moving(unexplained(moved, persons.xyxy, settings), width, height, settings)
        return (persons + rest).where(self._config.classes, self._config.min_score,
                                      self._config.own_scores())

    def close(self) -> None:
        """Release the HOG detector."""
        self._hog.close()


def tightened(persons: Detections, moved: NDArray[np.float32],
              settings: RegionsConfig) -> Detections:
    """Persons with the bounds of the moving regions that show them, where these agree with them.

    All regions that lie in (or just beside) a person count together, since one person often moves
    in several pieces; where they cover much more or much less than the person, the person's box
    stays.
    """
    if not len(persons) or not len(moved):
        return persons
    reach = boxes.expanded(persons.xyxy, _SLACK)
    own = np.maximum(boxes.area(moved), 1e-6)
    belongs = boxes.intersection(reach, moved) / own >= _BELONGS
    result = persons.xyxy.copy()
    for i, mask in enumerate(belongs):
        if mask.any():
            pieces = moved[mask]
            union = np.concatenate([pieces[:, :2].min(0), pieces[:, 2:].max(0)])[None]
            if boxes.iou(persons.xyxy[i:i + 1], union)[0, 0] >= settings.tighten_iou:
                result[i] = union[0]
    return Detections(result, persons.scores, persons.class_names)


def unexplained(moved: NDArray[np.float32], persons_xyxy: NDArray[np.float32],
                settings: RegionsConfig) -> NDArray[np.float32]:
    """The regions of which less than `explained_ratio` lies in (or just beside) persons."""
    if not len(moved) or not len(persons_xyxy):
        return moved
    covered = boxes.intersection(moved, boxes.expanded(persons_xyxy, _SLACK)).sum(1)
    return moved[covered / np.maximum(boxes.area(moved), 1e-6) < settings.explained_ratio]

"""People by histograms of oriented gradients: needs no weights beyond those inside OpenCV.

N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005. It finds
people who stand or walk and are seen from head to foot; not those who sit, lie or are half hidden.
"""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.detection import boxes
from smolvlm_ros.detection.config import DetectorConfig, HogConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import DetectorInfo, checked_image

PERSON = "person"
_WINDOW = (64, 128)
# The window was trained with 16 pixels of surroundings on every side of the person.
_MARGIN = np.array([16 / _WINDOW[0], 16 / _WINDOW[1]], np.float32)
_AUTO_PX = (216, 320)
# OpenCV groups windows that agree; fewer than this number are taken for chance.
_GROUP_THRESHOLD = 2
# score = 1 / (1 + exp(-(margin - _HALF) * _SLOPE)). On a recording of people who walk through a
# room true boxes have margins from 0.3 to 3.2 and false ones below 0.3.
_HALF, _SLOPE = 0.3, 2.0


class HogDetector:
    """OpenCV's HOG people detector; gives the class `person`.

    The score is a logistic of the SVM margin: 0.35 at margin 0, 0.5 at 0.3, 0.8 at 1, 0.97 at 2. It
    ranks boxes; it is not a calibrated probability.
    """

    name = "OpenCV HOG people detector"
    info = DetectorInfo()
    labels = (PERSON,)

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self._hog = cv2.HOGDescriptor()
        # The names with '_' are in every OpenCV 4, but not in its type stubs.
        weights = cv2.HOGDescriptor_getDefaultPeopleDetector()  # type: ignore[attr-defined]
        self._hog.setSVMDetector(weights)

    def detect(self, image_rgb: NDArray[np.uint8], regions: ArrayLike = ()) -> Detections:
        """See `Detector`; the regions are not used."""
        settings = self.config.hog
        height, width = checked_image(image_rgb).shape[:2]
        padded, scale, border = self._prepared(image_rgb, settings)
        if padded.shape[0] < _WINDOW[1] or padded.shape[1] < _WINDOW[0]:
            return Detections()  # no person of the least size fits into such a small image
        stride = (settings.stride_px, settings.stride_px)
        # By position: the name of the last but one argument changed between OpenCV 4 releases.
        found, weights = self._hog.detectMultiScale(
            padded, settings.min_margin, stride, (0, 0), settings.scale_step, _GROUP_THRESHOLD)
        if not len(found):
            return Detections()
        xywh = np.asarray(found, np.float32)
        size = xywh[:, 2:]
        low = xywh[:, :2] + size * _MARGIN
        xyxy = (np.hstack([low, low + size * (1 - 2 * _MARGIN)]) - border) / np.float32(scale)
        xyxy = boxes.clip(xyxy, width, height)
        scores = _score(np.ravel(np.asarray(weights, np.float32)))
        kept = _whole_persons(xyxy, scores, settings)
        result = Detections(xyxy[kept], scores[kept], (PERSON,) * len(kept))
        return result.where(self.config.classes, self.config.min_score,
                            self.config.own_scores())

    def close(self) -> None:
        """Nothing to release."""

    @staticmethod
    def _prepared(image_rgb: NDArray[np.uint8],
                  settings: HogConfig) -> tuple[NDArray[np.uint8], float, int]:
        """The image at its working size with its border; its scale and the border in pixels."""
        height, width = image_rgb.shape[:2]
        work = settings.work_height_px or min(max(height // 2, _AUTO_PX[0]), _AUTO_PX[1])
        scale = min(1.0, work / height)
        border = int(round(settings.border_ratio * height * scale))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = image_rgb if scale == 1.0 else cv2.resize(image_rgb, size,
                                                          interpolation=cv2.INTER_AREA)
        padded = cv2.copyMakeBorder(small, border, border, border, border, cv2.BORDER_REPLICATE)
        return padded, scale, border  # type: ignore[return-value]


def _score(margin: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1.0 / (1.0 + np.exp(-(margin - _HALF) * _SLOPE))).astype(np.float32)


def _whole_persons(xyxy: NDArray[np.float32], scores: NDArray[np.float32],
                   settings: HogConfig) -> NDArray[np.intp]:
    """Indices of the boxes kept: no body parts, no doubles, none without area."""
    areas = boxes.area(xyxy)
    index = np.flatnonzero(areas > 1.0)
    # First by size: a torso often scores better than the whole person around it.
    index = index[boxes.suppress(xyxy[index], areas[index], max_iou=1.0,
                                 max_inside=settings.max_inside)]
    return index[boxes.suppress(xyxy[index], scores[index], max_iou=settings.max_iou)]

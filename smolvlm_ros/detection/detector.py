"""What every detector does, and the one place that knows which there are."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.detection.config import DetectorConfig
from smolvlm_ros.detection.detections import Detections


@dataclass(frozen=True)
class DetectorInfo:
    """The weights that a detector runs; all empty for one that has none.

    Attributes:
        source: hub id or name of the checkpoint.
        licence: of the weights, SPDX identifier.
        provider: what computes them.
        file: name of the file that was opened.
        self_check: how its answer to a fixed picture compared with what it should be.
        notes: what a user should be warned of at every start.
    """

    source: str = ""
    licence: str = ""
    provider: str = ""
    file: str = ""
    self_check: str = ""
    notes: tuple[str, ...] = ()


class Detector(Protocol):
    """Finds objects in an image. Used by one thread at a time.

    Attributes:
        name: for people and logs.
        info: the weights in use.
        config: the settings in use; may be set while it runs (kind excepted).
    """

    name: str
    info: DetectorInfo
    config: DetectorConfig

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class name that `detect` can give, in the order of their ids."""

    def detect(self, image_rgb: NDArray[np.uint8], regions: ArrayLike = ()) -> Detections:
        """Find objects.

        Args:
            image_rgb: shape (H, W, 3) uint8.
            regions: shape (R, 4), boxes of what moved, left, top, right, bottom in its pixels;
                detectors that look at the whole image pay no heed to them.

        Returns:
            Boxes in pixels of `image_rgb`, cut at its border, in falling order of score within a
            class.

        Raises:
            ValueError: when the image or the regions have a wrong type or shape.
        """

    def close(self) -> None:
        """Release models and memory; the detector cannot be used after it."""


def make_detector(config: DetectorConfig) -> Detector:
    """The detector of `config.kind`, its model loaded.

    Raises:
        ValueError: when the kind is not known, its model cannot be loaded, or does not know a class
            of class_scores.
    """
    made = _made(config)
    problem = unknown_scores(config, made)
    if problem:
        made.close()
        raise ValueError(problem)
    return made


def unknown_scores(config: DetectorConfig, detector: Detector) -> str:
    """What is wrong with class_scores for a detector, in words; empty for nothing."""
    wrong = config.unknown_classes(detector.labels)
    if not wrong:
        return ""
    return (f"class_scores names {', '.join(wrong)}, which {detector.name} does not know; it knows "
            f"{', '.join(detector.labels)}")


def _made(config: DetectorConfig) -> Detector:
    # Imported here so that a detector's library is loaded only where it is used.
    if config.kind == "hog":
        from smolvlm_ros.detection.hog import HogDetector

        return HogDetector(config)
    if config.kind == "regions":
        from smolvlm_ros.detection.regions import RegionsDetector

        return RegionsDetector(config)
    if config.kind == "hog_regions":
        from smolvlm_ros.detection.hog_regions import HogRegionsDetector

        return HogRegionsDetector(config)
    if config.kind == "onnx":
        from smolvlm_ros.detection.query_detector import QueryDetector

        return QueryDetector(config)
    raise ValueError(f"detector kind {config.kind!r} is not known; use one of the kinds of "
                     "DetectorConfig")


def checked_image(image_rgb: Any) -> NDArray[np.uint8]:
    """`image_rgb` itself.

    Raises:
        ValueError: when it is no (H, W, 3) uint8 array.
    """
    if not isinstance(image_rgb, np.ndarray) or image_rgb.dtype != np.uint8 or (
            image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.size == 0):
        have = (f"{image_rgb.dtype} {image_rgb.shape}" if isinstance(image_rgb, np.ndarray)
                else type(image_rgb).__name__)
        raise ValueError(f"image is {have}, expected uint8 (H, W, 3) in RGB order")
    return image_rgb

"""D-FINE and RT-DETR from an exported ONNX file; no torch in the process."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.detection import boxes
from smolvlm_ros.detection.config import DetectorConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import DetectorInfo, checked_image
from smolvlm_ros.detection.network import Network, open_network
from smolvlm_ros.detection.preprocess import Preprocessor
from smolvlm_ros.models.errors import ModelError

_NAMES = {"d_fine": "D-FINE", "rt_detr": "RT-DETR", "rt_detr_v2": "RT-DETRv2"}


class QueryDetector:
    """The detector `onnx`: a network whose queries each give a box and a score for every class.

    Scores are the network's own, by sigmoid; boxes of the whole image, whatever moved in it.

    Raises:
        ModelError: when the file is missing, damaged, of another size, not licensed for this use,
            does not fit into memory, or computes wrong results on this provider.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self._network: Network | None = open_network(config)
        meta = self._network.metadata
        self._preprocess = Preprocessor(meta.height, meta.width)
        self._labels = meta.classes
        self.name = f"{_NAMES[meta.architecture]} {meta.source}"
        self.info = DetectorInfo(meta.source, meta.licence, self._network.provider,
                                 self._network.path.name, self._network.self_check,
                                 self._network.notes)

    @property
    def labels(self) -> tuple[str, ...]:
        """See `Detector`."""
        return self._labels

    def detect(self, image_rgb: NDArray[np.uint8], regions: ArrayLike = ()) -> Detections:
        """See `Detector`.

        Raises:
            ValueError: for an image that cannot be used, when the network fails, and after `close`.
        """
        height, width = checked_image(image_rgb).shape[:2]
        if self._network is None:
            raise ModelError("the detector is closed; make a new one")
        config = self.config
        found = self._network.run(self._preprocess(image_rgb), config.onnx.max_objects)
        found = found[found[:, 1] >= config.min_score]
        half = found[:, 4:] / 2
        xyxy = np.hstack([found[:, 2:4] - half, found[:, 2:4] + half])
        xyxy = boxes.clip(xyxy * np.tile(np.float32([width, height]), 2), width, height)
        solid = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
        found, xyxy = found[solid], xyxy[solid]
        kept = boxes.suppress(xyxy, found[:, 1], max_iou=config.onnx.max_iou)
        names = tuple(self._labels[int(i)] for i in found[kept, 0])
        return Detections(xyxy[kept], found[kept, 1], names).where(config.classes)

    def close(self) -> None:
        """See `Detector`."""
        if self._network is not None:
            self._network.close()
        self._network = None

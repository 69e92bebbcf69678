"""D-FINE, RT-DETR and YOLOX from an exported ONNX file; no torch in the process."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.detection import boxes
from smolvlm_ros.detection.config import DetectorConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import DetectorInfo, checked_image
from smolvlm_ros.detection.network import Network, open_network
from smolvlm_ros.detection.yolox import YoloxNetwork
from smolvlm_ros.models.errors import ModelError

_NAMES = {"d_fine": "D-FINE", "rt_detr": "RT-DETR", "rt_detr_v2": "RT-DETRv2",
          "yolox": "YOLOX"}


class QueryDetector:
    """The detector `onnx`: a network that gives boxes with a score for each class.

    Scores are the network's own, by sigmoid; boxes of the whole image, whatever moved in it.

    Raises:
        ModelError: when the file is missing, damaged, of another size, not licensed for this use,
            does not fit into memory, or computes wrong results on this provider.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self._network: Network | YoloxNetwork | None = open_network(config)
        meta = self._network.metadata
        self._preprocess = self._network.preprocessor()
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
        own_scores = config.own_scores()
        # Classes that are not kept take no place among the best ones.
        count = self._network.metadata.queries if config.classes else config.onnx.max_objects
        found = self._network.run(self._preprocess(image_rgb), count)
        found = found[found[:, 1] >= min([config.min_score, *own_scores.values()])]
        half = found[:, 4:] / 2
        xyxy = np.hstack([found[:, 2:4] - half, found[:, 2:4] + half])
        size = np.float32([width, height]) / np.float32(self._preprocess.fill)
        xyxy = boxes.clip(xyxy * np.tile(size, 2), width, height)
        solid = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
        names = [self._labels[int(i)] for i in found[:, 0]]
        strong = [s >= own_scores.get(n, config.min_score)
                  for n, s in zip(names, found[:, 1].tolist(), strict=True)]
        chosen = np.flatnonzero(solid & np.array(strong, bool))
        if isinstance(self._network, YoloxNetwork):
            chosen = chosen[_suppress_each(xyxy[chosen], found[chosen, :2], config.onnx.nms_iou)]
        chosen = chosen[boxes.suppress(xyxy[chosen], found[chosen, 1],
                                       max_iou=config.onnx.max_iou)]
        kept = [i for i in chosen.tolist() if not config.classes or names[i] in config.classes]
        kept = kept[:config.onnx.max_objects]
        return Detections(xyxy[kept], found[kept, 1], tuple(names[i] for i in kept))

    def close(self) -> None:
        """See `Detector`."""
        if self._network is not None:
            self._network.close()
        self._network = None


def _suppress_each(xyxy: NDArray[np.float32], labelled: NDArray[np.float32],
                   max_iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression within each class.

    Args:
        xyxy: shape (N, 4).
        labelled: shape (N, 2), class id and score.
        max_iou: as of `boxes.suppress`.

    Returns:
        Indices of the boxes kept, in rising order.
    """
    kept: list[int] = []
    for label in np.unique(labelled[:, 0]):
        same = np.flatnonzero(labelled[:, 0] == label)
        kept += same[boxes.suppress(xyxy[same], labelled[same, 1], max_iou=max_iou)].tolist()
    return np.array(sorted(kept), np.intp)

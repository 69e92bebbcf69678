"""The detector's network: what its file must be, and how it shows that it computes right."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros import accelerator
from smolvlm_ros.accelerator.model_file import ModelChoice
from smolvlm_ros.accelerator.network import NetworkKind, OpenNetwork, Session
from smolvlm_ros.detection.config import DetectorConfig
from smolvlm_ros.detection.preprocess import Preprocessor
from smolvlm_ros.models.detector_metadata import DetectorMetadata
from smolvlm_ros.models.errors import ProviderError
from smolvlm_ros.models.query_boxes import best, unmatched
from smolvlm_ros.models.registry import Task

# In the self-check a detection counts as the same within the first number (of its score and of the
# image's size), and the share of missing ones may be the second: ties at the end of the list.
_EXPORT_TOLERANCE, _EXPORT_MISSING = 0.01, 0.1
_PROVIDER_TOLERANCE, _PROVIDER_MISSING = 0.03, 0.3
# Peak memory of the process on a CPU, from the file's size: measured 102 MiB with a file of 5.6 MiB
# (192x256, 30 queries) and 197 MiB with D-FINE-N's 14.9 MiB (640x640, 300 queries).
_BASE_MIB, _MIB_PER_MIB = 70.0, 9.0


class Network(OpenNetwork[DetectorMetadata]):
    """An open detector with a fixed input size."""

    def run(self, tensor: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """The best detections of one input.

        Args:
            tensor: shape (1, 3, height, width) float32, 0 to 1.
            count: how many to give at most.

        Returns:
            Shape (N, 6): class id, score, x and y of the centre, width and height (shares of the
            image), in falling order of score.

        Raises:
            ProviderError: when it fails, or gives values that are not finite.
        """
        logits, boxes = self.outputs(tensor)
        if not (np.isfinite(logits).all() and np.isfinite(boxes).all()):
            raise ProviderError(f"{self.path.name} on {self.provider} gives values that are not "
                                "finite; use another provider")
        return best(logits[0], boxes[0], count)


def open_network(config: DetectorConfig) -> Network:
    """Open the network that the settings ask for; see `accelerator.open_network`."""
    return accelerator.open_network(_Detectors(config))


def find_file(config: DetectorConfig) -> Path:
    """The ONNX file that is set; see `accelerator.find_model`."""
    return _Detectors(config).find()


class _Detectors(NetworkKind[DetectorMetadata, Network]):
    smaller = "a smaller detector"
    free = "D-FINE"

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config.onnx, ModelChoice(
            Task.DETECTION, "model", config.model, config.onnx.input_size(), "detector",
            DetectorMetadata.COMMAND, "the kind 'hog_regions'", "onnx.",
            config.allow_noncommercial))
        self._classes = set(config.classes)

    def describe(self, entries: Mapping[str, str]) -> DetectorMetadata:
        return DetectorMetadata.from_entries(entries)

    def network(self, session: Session, metadata: DetectorMetadata,
                notes: tuple[str, ...]) -> Network:
        return Network(session, metadata, notes)

    def shapes(self, metadata: DetectorMetadata
               ) -> tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]]:
        return ([(1, 3, metadata.height, metadata.width)],
                [(1, metadata.queries, len(metadata.classes)), (1, metadata.queries, 4)])

    def weights_mib(self, path: Path) -> float:
        return _BASE_MIB + _MIB_PER_MIB * path.stat().st_size / 2**20

    def check(self, path: Path, metadata: DetectorMetadata) -> tuple[str, ...]:
        unknown = sorted(self._classes - set(metadata.classes))
        return (f"{path.name} does not know the classes {', '.join(unknown)}",) if unknown else ()

    def answer(self, network: Network, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        meta = network.metadata
        return network.run(Preprocessor(meta.height, meta.width)(image_rgb),
                           meta.queries * len(meta.classes))

    def compare_with_cpu(self, network: Network, got: NDArray[np.float32],
                         wanted: NDArray[np.float32]) -> str:
        missing = unmatched(wanted[:max(1, len(network.metadata.canary))], got,
                            _PROVIDER_TOLERANCE)
        if missing > _PROVIDER_MISSING:
            raise ProviderError(
                f"self-check: {network.provider} does not give {100 * missing:.0f} % of the CPU's "
                f"detections, allowed are {100 * _PROVIDER_MISSING:g} %; use provider 'cpu'")
        return f"{network.provider} gives {100 * (1 - missing):.0f} % of the CPU's detections"

    def compare_with_export(self, network: Network, got: NDArray[np.float32]) -> str:
        missing = unmatched(network.metadata.canary, got, _EXPORT_TOLERANCE)
        if missing > _EXPORT_MISSING:
            raise ProviderError(f"self-check: {network.path.name} does not give "
                                f"{100 * missing:.0f} % of the detections of its export; this "
                                "onnxruntime computes it wrong, export it again or use another "
                                "version")
        return f"{100 * (1 - missing):.0f} % of the exported model's detections"

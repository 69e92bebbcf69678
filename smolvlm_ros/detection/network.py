"""The detector's network: what its file must be, and how it shows that it computes right."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros import accelerator
from smolvlm_ros.accelerator.model_file import ModelChoice
from smolvlm_ros.accelerator.network import NetworkKind
from smolvlm_ros.accelerator.opened import OpenNetwork, Session
from smolvlm_ros.detection import yolox
from smolvlm_ros.detection.config import DetectorConfig
from smolvlm_ros.detection.preprocess import Preprocessor
from smolvlm_ros.detection.yolox import YoloxNetwork
from smolvlm_ros.models.detector_metadata import KEY, DetectorMetadata
from smolvlm_ros.models.errors import ProviderError
from smolvlm_ros.models.query_boxes import best, unmatched
from smolvlm_ros.models.registry import Task
from smolvlm_ros.models.stated_licence import stated_licence

# In the self-check a detection counts as the same within the first number (of its score and of the
# image's size), and the share of missing ones may be the second: ties at the end of the list.
_EXPORT_TOLERANCE, _EXPORT_MISSING = 0.01, 0.1
_PROVIDER_TOLERANCE, _PROVIDER_MISSING = 0.03, 0.3
_COMPARED = 10   # best detections of a file without a canary
# Peak memory of the process on a CPU, from the file's size: measured 102 MiB with a file of 5.6 MiB
# (192x256, 30 queries) and 197 MiB with D-FINE-N's 14.9 MiB (640x640, 300 queries).
_BASE_MIB, _MIB_PER_MIB = 70.0, 9.0


class Network(OpenNetwork[DetectorMetadata]):
    """An open D-FINE or RT-DETR."""

    def preprocessor(self) -> Preprocessor:
        """What makes its input."""
        return Preprocessor(self.metadata.height, self.metadata.width)

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
        logits, boxes = self.finite_outputs(tensor)
        return best(logits[0], boxes[0], count)


def open_network(config: DetectorConfig) -> Network | YoloxNetwork:
    """Open the network that the settings ask for; see `accelerator.open_network`."""
    return accelerator.open_network(_Detectors(config))


def find_file(config: DetectorConfig) -> Path:
    """The ONNX file that is set; see `accelerator.find_model`."""
    return _Detectors(config).find()


class _Detectors(NetworkKind[DetectorMetadata, "Network | YoloxNetwork"]):
    smaller = "a smaller detector"
    free = "D-FINE"

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config.onnx, ModelChoice(
            Task.DETECTION, "model", config.model, config.onnx.input_size(), "detector",
            DetectorMetadata.COMMAND, "the kind 'hog_regions'", "onnx.",
            config.allow_noncommercial, allow_agpl=config.allow_agpl))
        self._detector = config
        self._opened: Session | None = None

    def session(self, path: Path, provider: str) -> Session:
        self._opened = super().session(path, provider)
        return self._opened

    def describe(self, entries: Mapping[str, str]) -> DetectorMetadata:
        if KEY not in entries and self._opened is not None:
            name = self._opened.path.name
            self.check_agpl(name, stated_licence(entries))
            found = yolox.describe(name, entries, list(self._opened.inputs.values()),
                                   list(self._opened.outputs.values()), self._detector.onnx.labels)
            if found is not None:
                return found
        return DetectorMetadata.from_entries(entries)

    def network(self, session: Session, metadata: DetectorMetadata,
                notes: tuple[str, ...]) -> Network | YoloxNetwork:
        kind = YoloxNetwork if metadata.architecture == yolox.ARCHITECTURE else Network
        return kind(session, metadata, notes)

    def shapes(self, metadata: DetectorMetadata
               ) -> tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]]:
        inputs = [(1, 3, metadata.height, metadata.width)]
        if metadata.architecture == yolox.ARCHITECTURE:
            return inputs, [(1, metadata.queries, 5 + len(metadata.classes))]
        return (inputs,
                [(1, metadata.queries, len(metadata.classes)), (1, metadata.queries, 4)])

    def weights_mib(self, path: Path) -> float:
        return _BASE_MIB + _MIB_PER_MIB * path.stat().st_size / 2**20

    def check(self, path: Path, metadata: DetectorMetadata) -> tuple[str, ...]:
        unknown = sorted(set(self._detector.classes) - set(metadata.classes))
        if not unknown:
            return ()
        return (f"{path.name} does not know the classes {', '.join(unknown)}",)

    def answer(self, network: Network | YoloxNetwork,
               image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        meta = network.metadata
        return network.run(network.preprocessor()(image_rgb), meta.queries * len(meta.classes))

    def compare_with_cpu(self, network: Network | YoloxNetwork, got: NDArray[np.float32],
                         wanted: NDArray[np.float32]) -> str:
        missing = unmatched(wanted[:len(network.metadata.canary) or _COMPARED], got,
                            _PROVIDER_TOLERANCE)
        if missing > _PROVIDER_MISSING:
            raise ProviderError(
                f"self-check: {network.provider} does not give {100 * missing:.0f} % of the CPU's "
                f"detections, allowed are {100 * _PROVIDER_MISSING:g} %; use provider 'cpu'")
        return f"{network.provider} gives {100 * (1 - missing):.0f} % of the CPU's detections"

    def compare_with_export(self, network: Network | YoloxNetwork,
                            got: NDArray[np.float32]) -> str:
        if isinstance(network, YoloxNetwork):
            return "finite; the file carries no answer to compare with"
        missing = unmatched(network.metadata.canary, got, _EXPORT_TOLERANCE)
        if missing > _EXPORT_MISSING:
            raise ProviderError(f"self-check: {network.path.name} does not give "
                                f"{100 * missing:.0f} % of the detections of its export; this "
                                "onnxruntime computes it wrong, export it again or use another "
                                "version")
        return f"{100 * (1 - missing):.0f} % of the exported model's detections"

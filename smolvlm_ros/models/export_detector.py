"""Turn a D-FINE or RT-DETR checkpoint into one ONNX file; see `exporting`."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_detector
from smolvlm_ros.models.checkpoint import Checkpoint, read_json
from smolvlm_ros.models.detector_metadata import EXPORTED, DetectorMetadata
from smolvlm_ros.models.errors import CheckpointError, ModelError
from smolvlm_ros.models.exporting import Export, Report, export, origin
from smolvlm_ros.models.onnx_session import OnnxSession
from smolvlm_ros.models.query_boxes import best, rounded, unmatched
from smolvlm_ros.models.torch_model import INPUT

DEFAULT_SIZE = (640, 640)   # what D-FINE and RT-DETR were trained with
CANARY_COUNT = 20
# Detections of ONNX Runtime and torch are the same within this; and the share that may have no
# partner: tied queries at the end of the list.
PARITY, PARITY_UNMATCHED = 2e-3, 0.05


@dataclass(frozen=True)
class DetectorExport:
    """What was written.

    Attributes:
        path: the file.
        metadata: its description.
        unmatched: share of torch's detections on a fixed picture that ONNX Runtime does not give.
    """

    path: Path
    metadata: DetectorMetadata
    unmatched: float


def export_detector(source: str | Path, output: str | Path, size: tuple[int, int] | None = None, *,
                    licence: str = "", allow_noncommercial: bool = False,
                    report: Report = lambda done, steps, text: None) -> DetectorExport:
    """Export a D-FINE, RT-DETR or RT-DETRv2 checkpoint.

    Args:
        source: folder with config.json and model.safetensors, or a hub id or short name, which is
            downloaded.
        output: the file to write; it appears only when everything went well.
        size: (height, width) of the input; None for that of the checkpoint's preprocessor, or
            640x640.
        licence: SPDX identifier of a checkpoint that is not in the registry.
        allow_noncommercial: export one whose licence forbids commercial use.
        report: called before each step with steps done, steps in all and the step in words.

    Raises:
        CheckpointError: the source is missing, damaged, a pickle, of another architecture, or its
            weights do not fit the architecture.
        LicenceError: its licence forbids commercial use and that was not allowed.
        ModelError: torch is missing, the size is wrong, or the written file computes differently.
    """
    path, metadata, missing = export(_Detector(size, licence), str(source), output,
                                     allow_noncommercial, report)
    return DetectorExport(path, metadata, missing)


class _Detector(Export[DetectorMetadata, tuple[NDArray[np.float32], NDArray[np.float32]], float]):
    better = "another checkpoint"

    def __init__(self, size: tuple[int, int] | None, licence: str) -> None:
        self._size, self._licence = size, licence

    def describe(self, checkpoint: Checkpoint, source: str) -> DetectorMetadata:
        if checkpoint.model_type not in EXPORTED:
            raise CheckpointError(f"{source} holds the architecture {checkpoint.model_type!r}, "
                                  f"expected one of {', '.join(EXPORTED)}")
        height, width = _input_size(checkpoint, self._size)
        return DetectorMetadata(
            architecture=checkpoint.model_type, classes=_classes(checkpoint), height=height,
            width=width, queries=1, **origin(source, checkpoint, self._licence))

    def load(self, checkpoint: Checkpoint) -> Any:
        return torch_detector.load(checkpoint)

    def run(self, model: Any, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32],
                                                                    NDArray[np.float32]]:
        return torch_detector.run(model, tensor)

    def with_answer(self, metadata: DetectorMetadata,
                    answer: tuple[NDArray[np.float32], NDArray[np.float32]]) -> DetectorMetadata:
        return dataclasses.replace(metadata, queries=len(answer[1]),
                                   canary=rounded(best(*answer, CANARY_COUNT)))

    def write(self, model: Any, tensor: NDArray[np.float32], path: Path) -> None:
        torch_detector.write_onnx(model, tensor, path)

    def output_shapes(self, metadata: DetectorMetadata) -> Sequence[tuple[int, ...]]:
        return [(1, metadata.queries, len(metadata.classes)), (1, metadata.queries, 4)]

    def compare(self, path: Path, tensor: NDArray[np.float32],
                answer: tuple[NDArray[np.float32], NDArray[np.float32]],
                metadata: DetectorMetadata) -> float:
        session = OnnxSession(path)
        logits, boxes = session.run({INPUT: tensor})
        session.close()
        missing = unmatched(best(*answer, metadata.queries),
                            best(logits[0], boxes[0], logits[0].size), PARITY)
        if not missing <= PARITY_UNMATCHED:
            raise ModelError(f"the exported model does not give {100 * missing:.0f} % of torch's "
                             f"detections, allowed are {100 * PARITY_UNMATCHED:g} %; use another "
                             "onnxruntime")
        return missing


def _input_size(checkpoint: Checkpoint, size: tuple[int, int] | None) -> tuple[int, int]:
    processor = checkpoint.folder / "preprocessor_config.json"
    values = read_json(processor) if processor.is_file() else {}
    if values.get("do_normalize"):
        raise CheckpointError(f"{processor} asks for normalised pixels; the detectors known here "
                              "take plain ones from 0 to 1, so their boxes would be wrong")
    height, width = size or _own_size(values)
    stride = max(_numbers(checkpoint.config.get("feat_strides")) or (32,))
    if min(height, width) < stride or height % stride or width % stride:
        near = [max(stride, round(extent / stride) * stride) for extent in (height, width)]
        raise ModelError(f"size {height}x{width} is not a multiple of {stride}, the network's "
                         f"greatest stride; use {near[0]}x{near[1]}")
    return height, width


def _classes(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Names by class id."""
    labels = checkpoint.config.get("id2label")
    try:
        names = {int(key): str(value) for key, value in dict(labels or {}).items()}
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{checkpoint.folder}/config.json has a damaged id2label ({error}); "
                              "get the file again") from error
    if not names or sorted(names) != list(range(len(names))):
        raise CheckpointError(f"{checkpoint.folder}/config.json has {len(names)} class names whose "
                              "ids do not run from 0; get the file again")
    return tuple(names[i] for i in range(len(names)))


def _own_size(processor: Mapping[str, Any]) -> tuple[int, int]:
    size = processor.get("size")
    if isinstance(size, dict) and _numbers([size.get("height"), size.get("width")]):
        return size["height"], size["width"]
    return DEFAULT_SIZE


def _numbers(values: Any) -> tuple[int, ...]:
    """The values when they are positive integers, else nothing."""
    found = tuple(values) if isinstance(values, (list, tuple)) else ()
    return found if all(isinstance(v, int) and v > 0 for v in found) else ()

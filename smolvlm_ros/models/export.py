"""Turn a depth checkpoint into the one ONNX file that a robot needs; see `exporting`."""
from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_depth
from smolvlm_ros.models.canary import fingerprint
from smolvlm_ros.models.checkpoint import Checkpoint, read_json
from smolvlm_ros.models.depth_metadata import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PATCH,
    PUBLISHED_FOCAL,
    RANGES_M,
    TRAINING_FOCAL,
    DepthMetadata,
)
from smolvlm_ros.models.errors import CheckpointError, ModelError
from smolvlm_ros.models.exporting import Export, Report, export, onnx_package, origin
from smolvlm_ros.models.onnx_session import OnnxSession
from smolvlm_ros.models.torch_model import INPUT

DEFAULT_SIZE = (518, 686)
# Largest difference from torch, as a share of the range: of any pixel (fp32), on average (int8).
PARITY = {"fp32": 1e-3, "int8": 0.03}
PRECISIONS = tuple(PARITY)


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        path: the file.
        metadata: its description.
        parity_max, parity_mean: difference between ONNX Runtime and torch on a fixed picture, as
            shares of the range.
    """

    path: Path
    metadata: DepthMetadata
    parity_max: float
    parity_mean: float


def export_depth(source: str | Path, output: str | Path, size: tuple[int, int] = DEFAULT_SIZE, *,
                 precision: str = "fp32", provider: str = "", licence: str = "",
                 allow_noncommercial: bool = False,
                 report: Report = lambda done, steps, text: None) -> ExportResult:
    """Export a Depth Anything V2 metric checkpoint.

    Args:
        source: folder with config.json and model.safetensors, or a hub id or short name, which is
            downloaded.
        output: the file to write; it appears only when everything went well.
        size: (height, width) of the input, multiples of 14. Choose the camera's aspect.
        precision: 'fp32', or 'int8' (dynamic, matrix products only: quicker on a CPU).
        provider: what will run it. For 'cpu' each attention is one operator, which ONNX Runtime has
            and TensorRT has not: at 518x686 it takes nine tenths of the time. An int8 file is
            always such a one. Empty, or another, for a file of plain ONNX operators.
        licence: SPDX identifier of a checkpoint that is not in the registry.
        allow_noncommercial: export one whose licence forbids commercial use.
        report: called before each step with steps done, steps in all and the step in words.

    Raises:
        CheckpointError: the source is missing, damaged, a pickle, of another architecture, not
            metric, or its weights do not fit the architecture.
        LicenceError: its licence forbids commercial use and that was not allowed.
        ModelError: torch is missing, the size is wrong, or the written file computes differently.
    """
    if precision not in PRECISIONS or min(size) < PATCH or size[0] % PATCH or size[1] % PATCH:
        raise ModelError(f"size {size[0]}x{size[1]} and precision {precision!r}: the size must be "
                         f"multiples of {PATCH}, the precision one of {', '.join(PRECISIONS)}")
    kind = _Depth(size, precision, licence, fused=provider == "cpu" or precision == "int8")
    path, metadata, (worst, mean) = export(kind, str(source), output, allow_noncommercial, report)
    return ExportResult(path, metadata, worst, mean)


def describe_depth(checkpoint: Checkpoint, source: str, size: tuple[int, int],
                   precision: str = "fp32", licence: str = "") -> DepthMetadata:
    """The description of a checkpoint at an input size, without what only torch can tell.

    Raises:
        CheckpointError: it is not metric, of an unknown range, or its files are damaged.
    """
    config = checkpoint.config
    kind, reach = config.get("depth_estimation_type"), config.get("max_depth")
    variant = next((name for name, limit in RANGES_M.items() if limit == reach), "")
    if kind != "metric" or not variant:
        raise CheckpointError(f"{source} has depth_estimation_type {kind!r} and max_depth "
                              f"{reach!r}, expected 'metric' and 20 (indoor) or 80 (outdoor); use "
                              "a Depth-Anything-V2-Metric checkpoint")
    mean, std = _normalisation(checkpoint)
    return DepthMetadata(
        variant=variant, max_depth_m=RANGES_M[variant], depth_estimation_type="metric",
        height=size[0], width=size[1], mean=mean, std=std, precision=precision,
        training_focal=_focal(checkpoint, variant), **origin(source, checkpoint, licence))


class _Depth(Export[DepthMetadata, NDArray[np.float32], tuple[float, float]]):
    model_type = "depth_anything"
    better = "a Small variant (Apache-2.0)"

    def __init__(self, size: tuple[int, int], precision: str, licence: str, fused: bool) -> None:
        self._size, self._precision, self._licence = size, precision, licence
        self._fused = fused

    def describe(self, checkpoint: Checkpoint, source: str) -> DepthMetadata:
        return describe_depth(checkpoint, source, self._size, self._precision, self._licence)

    def load(self, checkpoint: Checkpoint) -> Any:
        return torch_depth.load(checkpoint)

    def run(self, model: Any, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return torch_depth.run(model, tensor)

    def with_answer(self, metadata: DepthMetadata, answer: NDArray[np.float32]) -> DepthMetadata:
        cells = tuple(round(float(v), 5) for v in fingerprint(answer).ravel())
        return dataclasses.replace(metadata, canary=cells)

    def write(self, model: Any, tensor: NDArray[np.float32], path: Path) -> None:
        torch_depth.write_onnx(model, tensor, path, fused=self._fused)
        if self._precision == "int8":
            _quantise(path)

    def output_shapes(self, metadata: DepthMetadata) -> Sequence[tuple[int, ...]]:
        return [(1, metadata.height, metadata.width)]

    def compare(self, path: Path, tensor: NDArray[np.float32], answer: NDArray[np.float32],
                metadata: DepthMetadata) -> tuple[float, float]:
        session = OnnxSession(path)
        got = session.run({INPUT: tensor})[0][0]
        session.close()
        difference = np.abs(got.astype(np.float64) - answer) / metadata.max_depth_m
        worst, mean = float(difference.max()), float(difference.mean())
        found = worst if metadata.precision == "fp32" else mean
        if not found <= PARITY[metadata.precision]:
            raise ModelError(f"the exported {metadata.precision} model differs from torch by "
                             f"{100 * found:.2g} % of the range, allowed are "
                             f"{100 * PARITY[metadata.precision]:g} %; "
                             "use precision fp32 or another onnxruntime")
        return worst, mean


def _focal(checkpoint: Checkpoint, variant: str) -> float:
    """Focal length over image width of the camera it was trained on, as its config.json tells."""
    value = checkpoint.config.get(TRAINING_FOCAL, PUBLISHED_FOCAL[variant])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise CheckpointError(f"{checkpoint.folder / 'config.json'} has {TRAINING_FOCAL} "
                              f"{value!r}, expected the focal length over the image width; "
                              "get the file again")
    return float(value)


def _normalisation(checkpoint: Checkpoint) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std from the processor's file; ImageNet's where there is none."""
    path = checkpoint.folder / "preprocessor_config.json"
    if not path.is_file():
        return IMAGENET_MEAN, IMAGENET_STD
    values = read_json(path)
    try:
        mean = tuple(float(v) for v in values.get("image_mean", IMAGENET_MEAN))
        return mean, tuple(float(v) for v in values.get("image_std", IMAGENET_STD))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has a damaged image_mean or image_std ({error}); "
                              "get the file again") from error


def _quantise(path: Path) -> None:
    """Dynamic int8 of the matrix products only: quantising the convolutions too ruins the depth."""
    onnx = onnx_package()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    root = logging.getLogger()  # it warns there of a preparation that changes nothing here
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(str(path), str(path), op_types_to_quantize=["MatMul"],
                         weight_type=QuantType.QInt8, per_channel=True,
                         # Of what comes out of an operator that is ONNX Runtime's own.
                         extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    finally:
        root.setLevel(level)

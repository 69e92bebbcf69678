"""Turn a depth checkpoint into the one ONNX file that a robot needs. Needs torch: extra `export`.

The input size is fixed in the file: an export with a dynamic height and width looks right and
silently keeps the size it was traced with. The legacy exporter with opset 17 is used on purpose: it
gave the fastest graph of those measured, with a difference of 4e-6 from torch.
"""
from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_depth
from smolvlm_ros.models.canary import canary_image, fingerprint
from smolvlm_ros.models.checkpoint import Checkpoint, open_checkpoint, read_json
from smolvlm_ros.models.depth_metadata import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PATCH,
    PUBLISHED_FOCAL,
    RANGES_M,
    TRAINING_FOCAL,
    DepthMetadata,
)
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ModelError
from smolvlm_ros.models.fetch import local_folder
from smolvlm_ros.models.onnx_session import OnnxSession
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, find

# Largest difference from torch, as a share of the range: of any pixel (fp32), on average (int8).
PARITY = {"fp32": 1e-3, "int8": 0.03}
PRECISIONS = tuple(PARITY)
Report = Callable[[int, int, str], None]


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


def export_depth(source: str | Path, output: str | Path, size: tuple[int, int] = (518, 686), *,
                 precision: str = "fp32", licence: str = "", allow_noncommercial: bool = False,
                 report: Report = lambda done, steps, text: None) -> ExportResult:
    """Export a Depth Anything V2 metric checkpoint.

    Args:
        source: folder with config.json and model.safetensors, or a hub id or short name, which is
            downloaded.
        output: the file to write; it appears only when everything went well.
        size: (height, width) of the input, multiples of 14. Choose the camera's aspect.
        precision: 'fp32', or 'int8' (dynamic, matrix products only: quicker on a CPU).
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
    steps = 6
    report(0, steps, "checking the checkpoint")
    checkpoint = open_checkpoint(local_folder(str(source)), "depth_anything")
    metadata = _describe(checkpoint, str(source), size, precision, licence)
    if not metadata.commercial and not allow_noncommercial:
        raise LicenceError(f"{source} is licensed {metadata.licence}: no commercial use. Use a "
                           "Small variant (Apache-2.0), or allow it with --allow-noncommercial")
    report(1, steps, "loading the weights")
    model = torch_depth.load(checkpoint)
    tensor = _canary_tensor(metadata)
    report(2, steps, "running torch once")
    wanted = torch_depth.run(model, tensor)
    metadata = _with_canary(metadata, wanted)
    output = Path(output).expanduser()
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as partial:
        report(3, steps, f"writing ONNX (opset {torch_depth.OPSET})")
        torch_depth.write_onnx(model, tensor, partial)
        report(4, steps, f"adding the description ({precision})")
        _finish(partial, metadata)
        report(5, steps, "comparing with torch")
        worst, mean = _parity(partial, tensor, wanted, metadata)
    report(steps, steps, f"wrote {output}")
    return ExportResult(output, metadata, worst, mean)


def _describe(checkpoint: Checkpoint, source: str, size: tuple[int, int], precision: str,
              licence: str) -> DepthMetadata:
    config = checkpoint.config
    kind, reach = config.get("depth_estimation_type"), config.get("max_depth")
    variant = next((name for name, limit in RANGES_M.items() if limit == reach), "")
    if kind != "metric" or not variant:
        raise CheckpointError(f"{source} has depth_estimation_type {kind!r} and max_depth "
                              f"{reach!r}, expected 'metric' and 20 (indoor) or 80 (outdoor); use "
                              "a Depth-Anything-V2-Metric checkpoint")
    known = find(source, config)
    if known:
        licence, commercial = known.licence, known.commercial
    else:
        licence = licence or UNKNOWN_LICENCE
        commercial = "-NC-" not in licence.upper() + "-"
    return DepthMetadata(variant, RANGES_M[variant], "metric", *size, *_normalisation(checkpoint),
                         precision, known.source if known else Path(source).name,
                         checkpoint.sha256(), licence, commercial, checkpoint.parameters,
                         training_focal=_focal(checkpoint, variant))


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


def _canary_tensor(metadata: DepthMetadata) -> NDArray[np.float32]:
    image = canary_image(metadata.height, metadata.width) / 255.0
    tensor = (image - metadata.mean) / metadata.std
    return np.ascontiguousarray(tensor.transpose(2, 0, 1)[None], np.float32)


def _with_canary(metadata: DepthMetadata, output: NDArray[np.float32]) -> DepthMetadata:
    cells = tuple(round(float(v), 5) for v in fingerprint(output).ravel())
    return dataclasses.replace(metadata, canary=cells)


def _finish(path: Path, metadata: DepthMetadata) -> None:
    """Quantise if asked for, and put the description into the file."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError("exporting needs the package onnx; install the extra 'export'") from error
    if metadata.precision == "int8":
        _quantise(path)
    model = onnx.load(str(path))
    # The exporter leaves the output's extents open although they are fixed.
    for extent, value in zip(model.graph.output[0].type.tensor_type.shape.dim,
                             (1, metadata.height, metadata.width), strict=True):
        extent.dim_value = value
    entry = model.metadata_props.add()
    entry.key, entry.value = metadata.to_entry()
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _quantise(path: Path) -> None:
    """Dynamic int8 of the matrix products only: quantising the convolutions too ruins the depth."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    root = logging.getLogger()  # it warns there of a preparation that changes nothing here
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(str(path), str(path), op_types_to_quantize=["MatMul"],
                         weight_type=QuantType.QInt8, per_channel=True)
    finally:
        root.setLevel(level)


def _parity(path: Path, tensor: NDArray[np.float32], wanted: NDArray[np.float32],
            metadata: DepthMetadata) -> tuple[float, float]:
    session = OnnxSession(path)
    got = session.run({"pixel_values": tensor})[0][0]
    session.close()
    difference = np.abs(got.astype(np.float64) - wanted) / metadata.max_depth_m
    worst, mean = float(difference.max()), float(difference.mean())
    found = worst if metadata.precision == "fp32" else mean
    if not found <= PARITY[metadata.precision]:
        raise ModelError(f"the exported {metadata.precision} model differs from torch by "
                         f"{100 * found:.2g} % of the range, allowed are "
                         f"{100 * PARITY[metadata.precision]:g} %; "
                         "use precision fp32 or another onnxruntime")
    return worst, mean


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its name when the block ends well, and is gone otherwise."""
    handle, name = tempfile.mkstemp(suffix=".onnx", prefix=f".{path.stem}-", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)

"""Turn a D-FINE or RT-DETR checkpoint into one ONNX file. Needs torch: extra `export`.

The input size is fixed in the file, as for depth. The legacy exporter is used on purpose: what it
writes loads in every ONNX Runtime from 1.23 on.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_detector
from smolvlm_ros.models.canary import canary_image
from smolvlm_ros.models.checkpoint import Checkpoint, open_checkpoint, read_json
from smolvlm_ros.models.detector_metadata import ARCHITECTURES, DetectorMetadata
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ModelError
from smolvlm_ros.models.export import Report, replacing
from smolvlm_ros.models.fetch import local_folder
from smolvlm_ros.models.onnx_session import OnnxSession
from smolvlm_ros.models.query_boxes import best, rounded, unmatched
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, find

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
    steps = 6
    report(0, steps, "checking the checkpoint")
    checkpoint = open_checkpoint(local_folder(str(source)))
    metadata = _describe(checkpoint, str(source), size, licence)
    if not metadata.commercial and not allow_noncommercial:
        raise LicenceError(f"{source} is licensed {metadata.licence}: no commercial use. Use "
                           "another checkpoint, or allow it with --allow-noncommercial")
    report(1, steps, "loading the weights")
    model = torch_detector.load(checkpoint)
    tensor = _canary_tensor(metadata)
    report(2, steps, "running torch once")
    logits, boxes = torch_detector.run(model, tensor)
    metadata = dataclasses.replace(metadata, queries=len(boxes),
                                   canary=rounded(best(logits, boxes, CANARY_COUNT)))
    output = Path(output).expanduser()
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as partial:
        report(3, steps, f"writing ONNX (opset {torch_detector.OPSET})")
        torch_detector.write_onnx(model, tensor, partial)
        report(4, steps, "adding the description")
        _finish(partial, metadata)
        report(5, steps, "comparing with torch")
        missing = _parity(partial, tensor, best(logits, boxes, len(boxes)))
    report(steps, steps, f"wrote {output}")
    return DetectorExport(output, metadata, missing)


def _describe(checkpoint: Checkpoint, source: str, size: tuple[int, int] | None,
              licence: str) -> DetectorMetadata:
    config = checkpoint.config
    if checkpoint.model_type not in ARCHITECTURES:
        raise CheckpointError(f"{source} holds the architecture {checkpoint.model_type!r}, "
                              f"expected one of {', '.join(ARCHITECTURES)}")
    processor = checkpoint.folder / "preprocessor_config.json"
    values = read_json(processor) if processor.is_file() else {}
    if values.get("do_normalize"):
        raise CheckpointError(f"{processor} asks for normalised pixels; the detectors known here "
                              "take plain ones from 0 to 1, so their boxes would be wrong")
    height, width = size or _own_size(values)
    stride = max(_numbers(config.get("feat_strides")) or (32,))
    if min(height, width) < stride or height % stride or width % stride:
        near = [max(stride, round(extent / stride) * stride) for extent in (height, width)]
        raise ModelError(f"size {height}x{width} is not a multiple of {stride}, the network's "
                         f"greatest stride; use {near[0]}x{near[1]}")
    known = find(source, config)
    if known:
        licence, commercial = known.licence, known.commercial
    else:
        licence = licence or UNKNOWN_LICENCE
        commercial = "-NC-" not in licence.upper() + "-"
    return DetectorMetadata(checkpoint.model_type, _classes(checkpoint), height, width, 1,
                            known.source if known else Path(source).name, checkpoint.sha256(),
                            licence, commercial, checkpoint.parameters)


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


def _canary_tensor(metadata: DetectorMetadata) -> NDArray[np.float32]:
    image = canary_image(metadata.height, metadata.width) / 255.0
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


def _finish(path: Path, metadata: DetectorMetadata) -> None:
    """Put the description and the outputs' extents into the file."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError("exporting needs the package onnx; install the extra 'export'") from error
    model = onnx.load(str(path))
    for output, last in zip(model.graph.output, (len(metadata.classes), 4), strict=True):
        for extent, value in zip(output.type.tensor_type.shape.dim, (1, metadata.queries, last),
                                 strict=True):
            extent.dim_value = value
    entry = model.metadata_props.add()
    entry.key, entry.value = metadata.to_entry()
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _parity(path: Path, tensor: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    session = OnnxSession(path)
    logits, boxes = session.run({"pixel_values": tensor})
    session.close()
    missing = unmatched(wanted, best(logits[0], boxes[0], logits[0].size), PARITY)
    if not missing <= PARITY_UNMATCHED:
        raise ModelError(f"the exported model does not give {100 * missing:.0f} % of torch's "
                         f"detections, allowed are {100 * PARITY_UNMATCHED:g} %; use another "
                         "onnxruntime")
    return missing

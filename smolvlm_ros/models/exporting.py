"""The steps of every export, whatever the task: check, load, run, write, describe, compare.

Needs torch: extra `export`. The input size is fixed in the file: an export with a dynamic height
and width looks right and silently keeps the size it was traced with. The legacy exporter is used on
purpose: what it writes loads in every ONNX Runtime from 1.23 on.
"""
from __future__ import annotations

import contextlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_model
from smolvlm_ros.models.canary import canary_image
from smolvlm_ros.models.checkpoint import Checkpoint, open_checkpoint
from smolvlm_ros.models.description import ModelDescription
from smolvlm_ros.models.errors import LicenceError, ModelError
from smolvlm_ros.models.fetch import local_folder
from smolvlm_ros.models.model_card import weights_licence
from smolvlm_ros.models.pip_packages import EXPORT, install
from smolvlm_ros.models.registry import find
from smolvlm_ros.models.stated_licence import allows_commercial

Report = Callable[[int, int, str], None]

D = TypeVar("D", bound=ModelDescription)
A = TypeVar("A")   # torch's answer to the fixed picture
P = TypeVar("P")   # how well ONNX Runtime agrees with it

_STEPS = 6


class Export(ABC, Generic[D, A, P]):
    """What the exports of two tasks do not have in common."""

    model_type: ClassVar[str] = ""   # as config.json must name the architecture; empty for several
    better: ClassVar[str]            # what to take instead of a non-commercial one

    @abstractmethod
    def describe(self, checkpoint: Checkpoint, source: str) -> D:
        """The description, with nothing computed yet; a checkpoint that does not fit is refused."""

    @abstractmethod
    def load(self, checkpoint: Checkpoint) -> Any:
        """The model, in torch."""

    @abstractmethod
    def run(self, model: Any, tensor: NDArray[np.float32]) -> A:
        """Its answer to a (1, 3, height, width) tensor."""

    @abstractmethod
    def with_answer(self, metadata: D, answer: A) -> D:
        """The description with what is to be remembered of torch's answer."""

    @abstractmethod
    def write(self, model: Any, tensor: NDArray[np.float32], path: Path) -> None:
        """Write the ONNX file."""

    @abstractmethod
    def output_shapes(self, metadata: D) -> Sequence[tuple[int, ...]]:
        """Of each output of the file."""

    @abstractmethod
    def compare(self, path: Path, tensor: NDArray[np.float32], answer: A, metadata: D) -> P:
        """How ONNX Runtime's answer compares with torch's; a ModelError when badly."""


def export(kind: Export[D, A, P], source: str, output: str | Path, allow_noncommercial: bool,
           report: Report) -> tuple[Path, D, P]:
    """Export a checkpoint; the file appears only when everything went well.

    Args:
        kind: the task's part.
        source: folder with config.json and model.safetensors, or a hub id or short name, which is
            downloaded.
        output: the file to write.
        allow_noncommercial: export one whose licence forbids commercial use.
        report: called before each step with steps done, steps in all and the step in words.

    Returns:
        The file, its description, and how it compares with torch.

    Raises:
        CheckpointError: the source is missing, damaged, a pickle, of another architecture, or its
            weights do not fit the architecture.
        LicenceError: its licence forbids commercial use and that was not allowed.
        ModelError: torch is missing, or the written file computes differently.
    """
    report(0, _STEPS, "checking the checkpoint")
    checkpoint = open_checkpoint(local_folder(source), kind.model_type)
    metadata = kind.describe(checkpoint, source)
    if not metadata.commercial and not allow_noncommercial:
        raise LicenceError(f"{source} is licensed {metadata.licence}: no commercial use. Use "
                           f"{kind.better}, or allow it with --allow-noncommercial")
    report(1, _STEPS, "loading the weights")
    model = kind.load(checkpoint)
    tensor = canary_tensor(metadata)
    report(2, _STEPS, "running torch once")
    answer = kind.run(model, tensor)
    metadata = kind.with_answer(metadata, answer)
    output = Path(output).expanduser()
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as partial:
        report(3, _STEPS, f"writing ONNX (opset {torch_model.OPSET})")
        kind.write(model, tensor, partial)
        report(4, _STEPS, "adding the description")
        _finish(partial, metadata, kind.output_shapes(metadata))
        report(5, _STEPS, "comparing with torch")
        parity = kind.compare(partial, tensor, answer, metadata)
    report(_STEPS, _STEPS, f"wrote {output}")
    return output, metadata, parity


def origin(source: str, checkpoint: Checkpoint, licence: str) -> dict[str, Any]:
    """What every description says of where its weights come from.

    Args:
        source: as it was given to the export.
        checkpoint: it, opened.
        licence: SPDX identifier, for weights that are not the registry's.
    """
    known, digest = find(source, checkpoint.config), checkpoint.sha256()
    stated, commercial = weights_licence(checkpoint.folder, known, digest)
    if known is not None and (stated, commercial) != (known.licence, known.commercial):
        known = None  # other weights, whatever their folder is called
    licence = stated if known is not None or commercial is False else licence or stated
    commercial = known.commercial if known else allows_commercial(licence)
    return {"source": known.source if known else Path(source).name,
            "source_sha256": digest, "licence": licence, "commercial": commercial,
            "parameters": checkpoint.parameters}


def canary_tensor(metadata: ModelDescription) -> NDArray[np.float32]:
    """The fixed picture at the model's size, normalised where its description says how."""
    image = canary_image(metadata.height, metadata.width) / 255.0
    image = (image - getattr(metadata, "mean", 0.0)) / getattr(metadata, "std", 1.0)
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


def _finish(path: Path, metadata: ModelDescription, shapes: Sequence[tuple[int, ...]]) -> None:
    """Put the description and the outputs' extents into the file."""
    onnx = onnx_package()
    model = onnx.load(str(path))
    # The exporter leaves the outputs' extents open although they are fixed, and their type where an
    # operator on the way is not ONNX's own.
    for output, shape in zip(model.graph.output, shapes, strict=True):
        output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        for extent, value in zip(output.type.tensor_type.shape.dim, shape, strict=True):
            extent.dim_value = value
    del model.graph.value_info[:]  # the exporter guesses, some without a type; nothing needs it
    entry = model.metadata_props.add()
    entry.key, entry.value = metadata.to_entry()
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def onnx_package() -> Any:
    """The package onnx.

    Raises:
        ModelError: when it is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"exporting needs the package onnx; {install(EXPORT)}") from error
    return onnx


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

"""Which weights are in use, under which licence, and whether they are the ones they claim to be."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolvlm_ros.models.checkpoint import open_checkpoint, sha256
from smolvlm_ros.models.depth_metadata import DepthMetadata
from smolvlm_ros.models.detector_metadata import KEY as DETECTOR_KEY
from smolvlm_ros.models.detector_metadata import DetectorMetadata
from smolvlm_ros.models.embedded import folder_of
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.lora import is_adapter, open_adapter
from smolvlm_ros.models.model_card import weights_licence
from smolvlm_ros.models.onnx_session import OnnxSession, SessionOptions
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, KnownCheckpoint, find, named
from smolvlm_ros.models.stated_licence import stated_licence

_PARAMETER_STARTS = ("model", "checkpoint")
_ADAPTERS = "adapters"
_NO_CHECKPOINT = ("auto", "none", "server")  # what scene_qa's engine.model may say instead
_SERVERS = {"server", "escalation"}  # groups of parameters whose model is a server's


@dataclass(frozen=True)
class AuditRow:
    """One checkpoint in use.

    Attributes:
        item: the path or name that was asked about.
        name: what it is, as far as it is known.
        licence: SPDX identifier, 'unknown' when nothing says.
        commercial: whether the licence allows commercial use; None when it is not known.
        source: hub id or folder it comes from.
        sha256: hash of the weights here; for an exported file, of the weights it was made from.
            Empty when they are not on this machine.
    """

    item: str
    name: str
    licence: str
    commercial: bool | None
    source: str
    sha256: str


def audit(item: str) -> AuditRow:
    """Look at one ONNX file, checkpoint folder, hub id or short name.

    Raises:
        CheckpointError: when it is neither, or is damaged.
    """
    path = Path(item).expanduser()
    if path.is_file():
        return _file(item, path)
    if path.is_dir():
        if is_adapter(path):
            return _adapter(item, path)
        checkpoint = open_checkpoint(path)
        return _folder(item, checkpoint.model_type or path.name, path, checkpoint.sha256(),
                       find(path.name, checkpoint.config))
    known = named(item)
    if known is None:
        raise CheckpointError(f"{item} is no file, no folder and no known checkpoint; give one of "
                              "these, or see 'smolvlm_ros audit' for the known names")
    if known.embedded:
        return _embedded(item, known)
    return _row(item, known, known.name, known.hub_id, "")


def models_in_parameters(path: str | Path) -> list[str]:
    """The models that a ROS parameter file sets: texts of parameters named `model…`, `checkpoint…`,
    and lists named `adapters`.

    Raises:
        CheckpointError: when the file is missing or not YAML.
    """
    import yaml
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read as YAML ({error}); "
                              "give a ROS parameter file") from error
    return sorted(set(_model_values(content)))


def _model_values(node: Any) -> Iterator[str]:
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        *groups, last = str(key).split(".")
        if not _SERVERS.isdisjoint((*groups, last)):
            continue
        if isinstance(value, str) and last.startswith(_PARAMETER_STARTS):
            if value and value not in _NO_CHECKPOINT:
                yield value
        elif isinstance(value, list) and last == _ADAPTERS:
            yield from (v for v in value if isinstance(v, str) and v)
        else:
            yield from _model_values(value)


def _file(item: str, path: Path) -> AuditRow:
    session = OnnxSession(path, SessionOptions(num_threads=1, optimise=False))
    entries = session.metadata
    session.close()
    metadata: DepthMetadata | DetectorMetadata
    try:
        if DETECTOR_KEY in entries:
            metadata = DetectorMetadata.from_entries(entries)
            name = f"detector {metadata.architecture} {metadata.height}x{metadata.width}"
        else:
            metadata = DepthMetadata.from_entries(entries)
            name = (f"depth {metadata.variant} {metadata.height}x{metadata.width} "
                    f"{metadata.precision}")
    except CheckpointError:  # another exporter's file: what it allows cannot be believed
        return AuditRow(item, path.name, stated_licence(entries), None, "", sha256(path))
    commercial = None if metadata.licence == UNKNOWN_LICENCE else metadata.commercial
    return AuditRow(item, name, metadata.licence, commercial, metadata.source,
                    metadata.source_sha256)


def _adapter(item: str, path: Path) -> AuditRow:
    adapter = open_adapter(path)
    of = f" of {adapter.base}" if adapter.base else ""
    return _folder(item, f"LoRA adapter{of}", path, adapter.sha256())


def _folder(item: str, name: str, folder: Path, digest: str,
            known: KnownCheckpoint | None = None) -> AuditRow:
    """One that lies in a folder of its own, which may bear a known name and hold other weights."""
    licence, commercial = weights_licence(folder, known, digest)
    if known is not None and (licence, commercial) == (known.licence, known.commercial):
        return _row(item, known, known.name, str(folder), digest)
    if known is not None:
        name += f", not verified to be {known.name}"
    return AuditRow(item, name, licence, commercial, str(folder), digest)


def _embedded(item: str, known: KnownCheckpoint) -> AuditRow:
    try:
        folder = folder_of(known)
    except CheckpointError:  # known, and not on this machine
        return _row(item, known, known.name, known.part, "")
    return _row(item, known, known.name, str(folder), open_checkpoint(folder).sha256())


def _row(item: str, known: KnownCheckpoint | None, name: str, source: str,
         digest: str) -> AuditRow:
    if known is None:
        return AuditRow(item, name, UNKNOWN_LICENCE, None, source, digest)
    return AuditRow(item, known.name, known.licence, known.commercial, known.hub_id or source,
                    digest)

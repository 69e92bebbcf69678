"""Which weights are in use, under which licence, and whether they are the ones they claim to be."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from smolvlm_ros.models.checkpoint import open_checkpoint, sha256
from smolvlm_ros.models.configured import AUTO
from smolvlm_ros.models.depth_metadata import DepthMetadata
from smolvlm_ros.models.detector_metadata import KEY as DETECTOR_KEY
from smolvlm_ros.models.detector_metadata import DetectorMetadata
from smolvlm_ros.models.embedded import folder_of
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.fetch import cached, check_weights
from smolvlm_ros.models.lora import is_adapter, open_adapter
from smolvlm_ros.models.model_card import weights_licence
from smolvlm_ros.models.onnx_session import OnnxSession, SessionOptions, onnx_files
from smolvlm_ros.models.registry import (
    CHECKPOINTS,
    UNKNOWN_LICENCE,
    KnownCheckpoint,
    Task,
    find,
    named,
)
from smolvlm_ros.models.stated_licence import is_refused, stated_licence

_ELSEWHERE = ", not on this machine"
_FILE = ".onnx"


@dataclass(frozen=True)
class AuditRow:
    """One checkpoint in use.

    Attributes:
        item: the path or name that was asked about; of a folder of ONNX files, the file.
        name: what it is, as far as it is known.
        licence: SPDX identifier, 'unknown' when nothing says.
        commercial: whether the licence allows commercial use, and has no terms that reach the
            software around it, as the AGPL's do; None when it is not known.
        source: hub id with the commit, or folder, it comes from.
        sha256: hash of the weights here; for an exported file, of those it was made from, if it
            says so.
            Empty when they are not on this machine.
    """

    item: str
    name: str
    licence: str
    commercial: bool | None
    source: str
    sha256: str


def audit(item: str) -> list[AuditRow]:
    """Look at an ONNX file, a folder of such files, a checkpoint folder, a hub id
    ('owner/name@commit') or a short name.

    One of the hub is looked at in its cache on this machine. There is a row for each ONNX file of
    a folder, and for all that scene_qa may take by itself of 'auto'; one of everything else.

    Raises:
        CheckpointError: when it is none of these, or is damaged.
    """
    name = item.partition("@")[0]
    path = Path(item).expanduser()
    if not path.exists():  # a folder has no revision
        path = Path(name).expanduser()
    if name == AUTO:
        rows = _automatic()
    elif named(name) is not None:
        rows = [_named(item)]
    elif path.is_file():
        rows = [_file(item, path)]
    elif not path.is_dir():
        rows = [_named(item)]
    elif is_adapter(path):
        rows = [_adapter(item, path)]
    elif not (path / "config.json").exists() and (files := onnx_files(path)):
        rows = [_file(str(file), file) for file in files]
    else:
        checkpoint = open_checkpoint(path)
        rows = [_folder(item, checkpoint.model_type or path.name, path, checkpoint.sha256(),
                        find(path.name, checkpoint.config))]
    return [replace(row, commercial=_permitted(row.licence, row.commercial)) for row in rows]


def listed(known: KnownCheckpoint) -> AuditRow:
    """What is known of a checkpoint, wherever it is; with its hash if it comes with the package."""
    return _embedded(known.name, known) if known.embedded else _row(known.name, known, "", "")


def _automatic() -> list[AuditRow]:
    """All that scene_qa's 'auto' may take; the free memory decides when it starts."""
    rows = []
    for known in CHECKPOINTS:
        if known.task is Task.VLM and not known.embedded:
            folder = cached(known.hub_id, known.revision)
            if folder is None:
                continue
            try:
                rows.append(_of_hub(AUTO, known.hub_id, folder, known))
            except CheckpointError:  # scene_qa passes over it, too
                rows.append(replace(_row(AUTO, known, "", ""), name=f"{known.name}, damaged",
                                    source=f"{known.hub_id}@{folder.name}"))
    return rows or [AuditRow(AUTO, "no SmolVLM2 on this machine", UNKNOWN_LICENCE, None, "", "")]


def _named(item: str) -> AuditRow:
    """One of the registry or the hub, where the nodes find it."""
    name, _, revision = item.partition("@")
    known = named(name)
    if known is not None and known.embedded:
        return _embedded(item, known)
    hub_id = known.hub_id if known else name
    if hub_id.count("/") != 1 or hub_id[0] in "./~" or hub_id.endswith(_FILE):
        raise CheckpointError(f"{item} is no file, no folder, no hub id and no known checkpoint; "
                              "give one of these, or see 'smolvlm_ros audit' for the known names")
    folder = cached(hub_id, revision or (known.revision if known else ""))
    if folder is not None:
        return _of_hub(item, hub_id, folder, known)
    if known is None or revision not in ("", known.revision):
        row = AuditRow(item, name, UNKNOWN_LICENCE, None,
                       f"{hub_id}@{revision}" if revision else hub_id, "")
    else:
        row = _row(item, known, "", "")
    return replace(row, name=f"{row.name}{_ELSEWHERE}")


def _of_hub(item: str, hub_id: str, folder: Path, known: KnownCheckpoint | None) -> AuditRow:
    """One in the hub's cache, whose folder is named after its commit.

    Raises:
        CheckpointError: it is damaged, or not the registry's.
    """
    checkpoint = open_checkpoint(folder)
    digest = checkpoint.sha256()
    check_weights(known, folder, digest)
    if known is not None and folder.name == known.revision:
        row = _row(item, known, "", digest)
    else:
        row = _folder(item, hub_id, folder, digest, known or find(hub_id, checkpoint.config))
    return replace(row, source=f"{hub_id}@{folder.name}")


def _permitted(licence: str, commercial: bool | None) -> bool | None:
    """Refused are also licences that say so themselves, wherever they were found."""
    return False if is_refused(licence) else commercial


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
                    metadata.source_sha256 or sha256(path))


def _adapter(item: str, path: Path) -> AuditRow:
    adapter = open_adapter(path)
    of = f" of {adapter.base}" if adapter.base else ""
    return _folder(item, f"LoRA adapter{of}", path, adapter.sha256())


def _folder(item: str, name: str, folder: Path, digest: str,
            known: KnownCheckpoint | None = None) -> AuditRow:
    """One that lies in a folder of its own, which may bear a known name and hold other weights."""
    licence, commercial = weights_licence(folder, known, digest)
    if known is not None and (licence, commercial) == (known.licence, known.commercial):
        return _row(item, known, str(folder), digest)
    if known is not None:
        name += f", not verified to be {known.name}"
    return AuditRow(item, name, licence, commercial, str(folder), digest)


def _embedded(item: str, known: KnownCheckpoint) -> AuditRow:
    try:
        folder = folder_of(known)
    except CheckpointError:  # known, and not on this machine
        return replace(_row(item, known, known.part, ""), name=f"{known.name}{_ELSEWHERE}")
    return _row(item, known, str(folder), open_checkpoint(folder).sha256())


def _row(item: str, known: KnownCheckpoint, source: str, digest: str) -> AuditRow:
    return AuditRow(item, known.name, known.licence, known.commercial, known.hub_id or source,
                    digest)

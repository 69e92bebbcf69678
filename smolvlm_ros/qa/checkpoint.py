"""Where the configured SmolVLM2 checkpoint lies, checked before anything of it is loaded."""
from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.models.checkpoint import Checkpoint, open_checkpoint
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER, folder_of
from smolvlm_ros.models.errors import ModelError
from smolvlm_ros.models.fetch import cached
from smolvlm_ros.models.fetching import fetch
from smolvlm_ros.models.lora import Adapter, open_adapter
from smolvlm_ros.models.model_card import refuse_agpl, require_commercial
from smolvlm_ros.models.pip_packages import VLM, install
from smolvlm_ros.models.registry import CHECKPOINTS, KnownCheckpoint, Task, find, named
from smolvlm_ros.qa.engine import AUTO, EngineConfig, EngineError, NoEngine
from smolvlm_ros.qa.placement import require_machine, require_room

MODEL_TYPE = "smolvlm"
_INSTALL = install(VLM)


@dataclass(frozen=True)
class Found:
    """A checkpoint that passed the checks.

    Attributes:
        checkpoint: folder, configuration and size.
        name: for verdicts and logs.
        why: why this one was taken, for 'auto'; else empty.
        embedded: it was trained on the embedded world.
        adapters: what is added to its weights.
    """

    checkpoint: Checkpoint
    name: str
    why: str = ""
    embedded: bool = False
    adapters: tuple[Adapter, ...] = ()


def locate(config: EngineConfig) -> Found | NoEngine:
    """The checkpoint that `config.model` means.

    Returns:
        `NoEngine` only for 'auto' when no model can be had.

    Raises:
        EngineError: a model asked for by name is missing, unsafe, damaged, of another architecture
            or too large for the memory; or torch or transformers are missing.
    """
    try:
        if config.model == AUTO:
            found = _automatic(config)
            return found if isinstance(found, NoEngine) else _adapted(found, config)
        missing = missing_libraries()
        if missing:
            raise EngineError(f"model {config.model!r} needs {missing}; {_INSTALL}")
        return _adapted(_named(config), config)
    except ModelError as error:
        raise EngineError(str(error)) from error


def _adapted(found: Found, config: EngineConfig) -> Found:
    """With the adapters, which make another model of it: in its name, too."""
    adapters = tuple(open_adapter(path) for path in config.adapters)
    for adapter in adapters:
        _check_licence(adapter.folder, adapter.name, config)
    return dataclasses.replace(found, name="+".join((found.name, *(a.name for a in adapters))),
                               adapters=adapters)


def missing_libraries() -> str:
    """The libraries of the extra `vlm` that are not installed, in words; empty for none."""
    needed = {"torch": "torch", "transformers": "transformers", "PIL": "pillow"}
    return " and ".join(name for module, name in needed.items()
                        if importlib.util.find_spec(module) is None)


def _named(config: EngineConfig) -> Found:
    folder = Path(config.model).expanduser()
    known = named(config.model)
    if known is not None and known.task is not Task.VLM:
        raise EngineError(f"model {config.model!r} is for {known.task.value}; "
                          f"use one of {_names()}")
    if known is None and folder.is_dir():
        return _checked(folder, config, folder.name)
    if known is not None and known.embedded:
        return _checked(folder_of(known), config, known.name)
    hub_id = known.hub_id if known else config.model
    if known is None and (hub_id.count("/") != 1 or hub_id[0] in "./~"):
        raise EngineError(f"model {config.model!r} is neither a folder nor a known name; give a "
                          f"folder, 'auto', 'none', a hub id (owner/name) or one of {_names()}")
    revision = config.revision or (known.revision if known else "")
    at_hand = cached(hub_id, revision)
    if at_hand is None and config.allow_download:
        if known is not None:  # before gigabytes are fetched in vain
            require_room(known.parameters, known.name, config, known.smaller)
        at_hand = download(hub_id, config, revision)
    if at_hand is None:
        raise EngineError((not config.revision and _at_another_commit(known)) or (
            f"model {config.model!r} ({hub_id}) is not on this machine; fetch it where there is a "
            "network, set allow_download, or give its folder"))
    return _checked(at_hand, config, known.name if known else hub_id)


def _automatic(config: EngineConfig) -> Found | NoEngine:
    """The largest known checkpoint at hand that fits; says why it is none."""
    missing = missing_libraries()
    if missing:
        return NoEngine(f"{missing} not installed; {_INSTALL}")
    try:
        require_machine("SmolVLM2")
    except ModelError as error:
        return NoEngine(str(error))
    reasons: list[str] = []
    for known in _by_size():
        folder = cached(known.hub_id, known.revision)
        if folder is None:
            other = _at_another_commit(known)
            reasons += [other] if other else []
            continue
        try:
            found = _checked(folder, config, known.name)
        except ModelError as error:
            reasons.append(str(error))
            continue
        larger = f"; {'; '.join(reasons)}" if reasons else ""
        return Found(found.checkpoint, found.name, f"the largest one at hand that fits{larger}")
    if config.allow_download:
        return _automatic_download(config, reasons)
    if reasons:
        return NoEngine("; ".join(reasons))
    return NoEngine(f"no SmolVLM2 checkpoint is on this machine; fetch one of {_names()}, or set "
                    "model to a folder")


def _automatic_download(config: EngineConfig, reasons: list[str]) -> Found | NoEngine:
    for known in _by_size():
        try:
            require_room(known.parameters, known.name, config, known.smaller)
            found = _checked(download(known.hub_id, config, known.revision), config,
                             known.name)
        except ModelError as error:
            reasons.append(str(error))
            continue
        return Found(found.checkpoint, found.name, "the largest one that fits, fetched now")
    return NoEngine("; ".join(reasons))


def _checked(folder: Path, config: EngineConfig, name: str) -> Found:
    """Open the folder, and hold it against its card and the free memory.

    Raises:
        ModelError: the folder is not a safe, complete SmolVLM checkpoint, its card forbids
            commercial use or names the AGPL, or it is too large.
    """
    checkpoint = open_checkpoint(folder, MODEL_TYPE)
    known = find(name, checkpoint.config)
    if not _is_the_one(known, folder):
        _check_licence(folder, name, config)
    require_room(checkpoint.parameters, name, config, known.smaller if known else "")
    return Found(checkpoint, name, embedded=known is not None and known.embedded)


def _check_licence(folder: Path, name: str, config: EngineConfig) -> None:
    refuse_agpl(folder, name)
    if not config.allow_noncommercial:
        require_commercial(folder, name, "engine.allow_noncommercial to true")


def _is_the_one(known: KnownCheckpoint | None, folder: Path) -> bool:
    """True for the package's own folder, and in the hub's cache for the commit that was checked.

    The name of another folder, or a mark in its configuration, says nothing of its weights.
    """
    if known is None:
        return False
    if known.embedded:
        return folder == CHECKPOINTS_FOLDER / known.part
    return folder.name == known.revision


def _at_another_commit(known: KnownCheckpoint | None) -> str:
    """What to do where the hub's cache holds a known checkpoint, but not the registry's commit."""
    folder = cached(known.hub_id) if known is not None else None
    if known is None or folder is None or folder.name == known.revision:
        return ""
    return (f"{known.name} is on this machine at commit {folder.name}, and {known.revision} is the "
            "one that was checked; fetch that, or set engine.model to its name and "
            f"engine.revision to {folder.name}")


def download(hub_id: str, config: EngineConfig, revision: str = "") -> Path:
    """Fetch a checkpoint as `smolvlm_ros fetch` does: its hashes are written down.

    Raises:
        ModelError: no network, no such checkpoint, no space, other files than before, or a licence
            that forbids commercial use.
    """
    return fetch(hub_id, revision, config.allow_noncommercial)[0]


def _by_size() -> list[KnownCheckpoint]:
    """Those of the hub; one of the embedded world is never taken by itself."""
    return sorted((c for c in CHECKPOINTS if c.task is Task.VLM and not c.embedded),
                  key=lambda c: -c.parameters_million)


def _names() -> str:
    return ", ".join(c.name for c in reversed(_by_size()))

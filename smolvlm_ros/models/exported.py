"""From a checkpoint to its ONNX file, exported on first use and kept.

A node runs ONNX without torch, so the export runs in a process of its own, which gives its memory
back. The file is named after what it was made from, appears whole or not at all, and is written
once however many nodes ask at the same time.
"""
from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smolvlm_ros.models.checkpoint import open_checkpoint, read_json
from smolvlm_ros.models.detector_metadata import ARCHITECTURES
from smolvlm_ros.models.embedded import folder_of
from smolvlm_ros.models.errors import CheckpointError, ModelError
from smolvlm_ros.models.model_card import card_licence
from smolvlm_ros.models.pip_packages import EXPORT, install
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, Task, find, named

_COMMANDS = {Task.DEPTH: "depth", Task.DETECTION: "detector"}
_TYPES = {Task.DEPTH: ("depth_anything",), Task.DETECTION: ARCHITECTURES}
_RECIPE = "1"  # another number where what an export writes has changed
_LIMIT_S = 900.0  # a download on a slow line, and the export of a large model on a slow CPU
_NEEDS = ("torch", "transformers", "onnx")


def is_checkpoint(value: str) -> bool:
    """True for what can be exported: a name of the registry, or a folder with a config.json."""
    return named(value) is not None or (Path(value).expanduser() / "config.json").is_file()


def exported(task: Task, value: str, size: tuple[int, int] | None = None, *,
             provider: str = "cpu", allow_noncommercial: bool = False,
             report: Callable[[str], None] = lambda text: None) -> Path:
    """The ONNX file of a checkpoint, made now where it is not in the cache yet.

    Args:
        task: what the model is for.
        value: name of the registry (one of the hub is fetched), whatever lies in the working
            directory, or the checkpoint's folder.
        size: (height, width) of the input in pixels; None for the checkpoint's own: that in its
            preprocessor's file where the package's training wrote it, else the export's default.
        provider: what will run it; the CPU's file of a depth network is one of its own.
        allow_noncommercial: export one whose licence forbids commercial use.
        report: told before an export that takes a while.

    Raises:
        CheckpointError: it is for another task, or damaged.
        ModelError: torch, transformers or onnx are missing, or the export failed.
    """
    known = named(value)
    if known is not None and known.task is not task:
        raise CheckpointError(f"{value} is for {known.task.value}, not for {task.value}; "
                              "give another checkpoint")
    if known is not None and not known.embedded:
        # With the hash: a file of the commit alone may have been made of a folder of that name.
        source, name, made_from = known.name, known.name, known.revision + known.weights_sha256
    else:
        folder = folder_of(known) if known is not None else Path(value).expanduser()
        source, name, made_from = str(folder), folder.name, _digest(folder, task)
        size = size or own_size(folder)
    shape = f"{size[0]}x{size[1]}" if size else ""
    target = "cpu" if task is Task.DEPTH and provider == "cpu" else ""
    key = hashlib.sha256("\n".join((_RECIPE, source if not made_from else "", made_from, shape,
                                    task.value + target)).encode()).hexdigest()[:16]
    path = cache_folder() / f"{'_'.join(filter(None, (name, shape, target)))}_{key}.onnx"
    if not path.is_file():
        with _alone(path.with_suffix(".lock")):
            if not path.is_file():  # another node may have made it meanwhile
                report(f"exporting {name} to ONNX, once")
                options = ["--provider", target] if target else []
                options += ["--size", shape] if shape else []
                options += ["--allow-noncommercial"] if allow_noncommercial else []
                _export(_COMMANDS[task], source, path, options)
    return path


def cache_folder() -> Path:
    """Where exported files are kept: below $XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "smolvlm_ros" / "onnx"


def _digest(folder: Path, task: Task) -> str:
    """Hash of all that an export is made from; a CheckpointError for another architecture."""
    checkpoint = open_checkpoint(folder)
    if checkpoint.model_type not in _TYPES[task]:
        raise CheckpointError(f"{folder} holds the architecture {checkpoint.model_type!r}, "
                              f"expected {' or '.join(_TYPES[task])} for {task.value}; give "
                              "another checkpoint")
    texts = [checkpoint.sha256()]
    for name in ("config.json", "preprocessor_config.json"):
        path = folder / name
        texts.append(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
    # The file holds the licence, so another one makes another file; the rest of a card does not.
    licence = card_licence(folder)
    texts += [licence] if licence != UNKNOWN_LICENCE else []
    return "".join(texts)


def own_size(folder: Path) -> tuple[int, int] | None:
    """The input size of a checkpoint of the embedded world; None for any other's.

    Raises:
        CheckpointError: its files are damaged.
    """
    known = find("", read_json(folder / "config.json"))
    path = folder / "preprocessor_config.json"
    if known is None or not known.embedded or not path.is_file():
        return None
    size = read_json(path).get("size")
    extents = (size.get("height"), size.get("width")) if isinstance(size, dict) else ()
    if not all(isinstance(extent, int) and extent > 0 for extent in extents) or not extents:
        raise CheckpointError(f"{path} has size {size!r}, expected height and width in pixels; "
                              "get the file again")
    return extents  # type: ignore[return-value]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock file, which the kernel gives back even when this process is killed."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("a")
    except OSError as error:
        raise ModelError(f"{lock.parent} cannot be written ({error.strerror}), and exported models "
                         "are kept there; set XDG_CACHE_HOME to a folder that can") from error
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _export(task: str, source: str, path: Path, options: list[str]) -> None:
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(
            f"{source} has to be exported to ONNX once, which needs {' and '.join(missing)}; "
            f"{install(EXPORT)}; or export on another "
            f"machine with 'smolvlm_ros export {task}' and give that file")
    command = [sys.executable, "-m", "smolvlm_ros.cli", "export", task, source, str(path), *options]
    found_here = os.pathsep.join(place for place in sys.path if place)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=_LIMIT_S, stdin=subprocess.DEVNULL,
                              env={**os.environ, "PYTHONPATH": found_here})
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"the export of {source} took longer than {_LIMIT_S:g} s; export it by "
                         f"hand with 'smolvlm_ros export {task}'") from error
    if done.returncode or not path.is_file():
        words = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing said"]
        raise ModelError(f"{source} could not be exported to ONNX: {words[-1]}")

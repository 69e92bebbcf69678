"""Open checkpoints with care: no pickles, no truncated files, no guesses about what they are.

Nothing here loads a tensor or needs torch: headers and configuration files are read and compared
with the sizes on disk, so that a damaged download is refused in milliseconds.
"""
from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolvlm_ros.models.errors import CheckpointError

_MAX_JSON_BYTES = 64 << 20
_MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_ITEM_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2,
               "I16": 2, "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1}
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]")
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights that passed the checks.

    Attributes:
        folder: where it lies.
        config: the object in config.json.
        weights: the safetensors files, in order of name.
        parameters: number of elements in them.
    """

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    parameters: int

    @property
    def model_type(self) -> str:
        """The architecture, as config.json names it."""
        return str(self.config.get("model_type", ""))

    def sha256(self) -> str:
        """Hash of the weights: of the file, or of the list of hashes when there are several."""
        hashes = [sha256(path) for path in self.weights]
        if len(hashes) == 1:
            return hashes[0]
        listing = "".join(f"{digest}  {path.name}\n"
                          for digest, path in zip(hashes, self.weights, strict=True))
        return hashlib.sha256(listing.encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def open_checkpoint(folder: str | Path, model_type: str = "") -> Checkpoint:
    """Check a folder of config.json and safetensors.

    Args:
        folder: the folder.
        model_type: the architecture it must be of, as config.json names it; empty for any.

    Raises:
        CheckpointError: for a missing folder or file, weights only as pickles, a truncated or
            damaged file, or another architecture.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder; give a folder with config.json and "
                              "*.safetensors")
    config = read_json(folder / "config.json")
    found = str(config.get("model_type", ""))
    if model_type and found != model_type:
        raise CheckpointError(f"{folder} holds the architecture {found or 'unknown'!r}, expected "
                              f"{model_type!r}; give a checkpoint of that architecture")
    weights = _weights(folder)
    return Checkpoint(folder, config, weights, sum(check_safetensors(path) for path in weights))


def read_json(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CheckpointError: when it is missing, not JSON, or not an object.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise CheckpointError(f"{path} is larger than {_MAX_JSON_BYTES >> 20} MiB; "
                                  "this is not a model's configuration")
        text = path.read_bytes()
        if text.startswith(_LFS_POINTER):
            raise CheckpointError(_lfs(path))
        value = json.loads(text)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); "
                              "is the checkpoint complete?") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} is not valid JSON ({error}); get the file again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a {type(value).__name__}, expected an object; "
                              "get the file again")
    return value


def refuse_pickle(path: str | Path) -> None:
    """Refuse files that run code when they are opened, by name and by their first bytes.

    Raises:
        CheckpointError: for a pickle, also one inside a zip (torch.save), or a Git LFS pointer.
    """
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); "
                              "give an existing file") from error
    if head.startswith(_LFS_POINTER):
        raise CheckpointError(_lfs(path))
    zipped = head.startswith(b"PK\x03\x04")
    if zipped or _PICKLE_START.match(head) or path.suffix.lower() in _PICKLE_SUFFIXES:
        raise CheckpointError(f"{path} is a pickle, which can run any code when opened; "
                              "give safetensors or an exported ONNX file")


def check_safetensors(path: str | Path) -> int:
    """Check a safetensors file's header against its size.

    Format: 8 bytes little-endian length n, n bytes of JSON, then the tensors without gaps.

    Returns:
        The number of parameters (elements of all tensors).

    Raises:
        CheckpointError: when the file is missing, a pickle, truncated or inconsistent.
    """
    path = Path(path)
    refuse_pickle(path)
    size = path.stat().st_size
    with open(path, "rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
            raise CheckpointError(f"{path} is truncated or not safetensors: {size} bytes, with a "
                                  f"header of {length} bytes announced; get the file again")
        text = stream.read(length)
    try:
        header = json.loads(text)
        if not isinstance(header, dict):
            raise TypeError(f"a {type(header).__name__} instead of an object")
        spans = [_span(name, entry) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} has a damaged safetensors header ({error}); "
                              "get the file again") from error
    end = 0
    for begin, stop, _ in sorted(spans):
        if begin != end:
            raise CheckpointError(f"{path} has a gap or an overlap at byte {end} of its data; "
                                  "get the file again")
        end = stop
    if 8 + length + end != size:
        raise CheckpointError(f"{path} is truncated: its header announces {8 + length + end} "
                              f"bytes, the file has {size}; get the file again")
    return sum(count for _, _, count in spans)


def _span(name: str, entry: Any) -> tuple[int, int, int]:
    """First byte, end and number of elements of one tensor of a safetensors header."""
    begin, stop = entry["data_offsets"]
    count = 1
    for extent in entry["shape"]:
        if not isinstance(extent, int) or extent < 0:
            raise ValueError(f"tensor {name!r} has shape {entry['shape']!r}")
        count *= extent
    item = _ITEM_BYTES.get(entry["dtype"])
    if item is None:
        raise ValueError(f"tensor {name!r} has unknown type {entry['dtype']!r}")
    if not isinstance(begin, int) or not isinstance(stop, int) or stop - begin != count * item:
        raise ValueError(f"tensor {name!r} of {count * item} bytes has offsets {begin!r}, {stop!r}")
    return begin, stop, count


def _weights(folder: Path) -> tuple[Path, ...]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise CheckpointError(f"{index} has no weight_map; get the file again")
        names = sorted({str(name) for name in shards.values()})
        if any(Path(name).name != name for name in names):
            raise CheckpointError(f"{index} names files outside its folder; do not use it")
        return tuple(folder / name for name in names)
    if (folder / "model.safetensors").is_file():
        return (folder / "model.safetensors",)
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in _PICKLE_SUFFIXES)
    if pickles:
        raise CheckpointError(f"{folder} has its weights only as pickles ({', '.join(pickles)}), "
                              "which can run any code when opened; get the safetensors version")
    raise CheckpointError(f"{folder} has no model.safetensors; is the checkpoint complete?")


def _lfs(path: Path) -> str:
    return f"{path} is a Git LFS pointer and not the file itself; run 'git lfs pull'"

"""Scenes drawn once, in several processes, and kept in files that training reads by index."""
from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from smolvlm_ros.world.sampling import SEEDS_PER_PLACE
from smolvlm_ros.world.training.drawing_code import code_of

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Draw: TypeAlias = Callable[[int], Arrays]

_DONE = "done"
_KEY = "key.json"


def drawn(folder: Path, key: str, count: int, draw: Draw, workers: int = 1,
          first_seed: int = 0) -> dict[str, NDArray[Any]]:
    """What `draw` gives for `count` seeds, stacked; taken from disk where it was drawn before.

    What other code drew is not taken, and named: the folder may be deleted.

    Args:
        folder: where the files are kept; one sub-folder for each key.
        key: everything the drawing depends on beside its code, as text: another key is another set.
        count: number of seeds.
        draw: makes arrays of the same names, shapes and types for every seed; it must be possible
            to send it to another process.
        workers: processes that draw.
        first_seed: the first seed; a multiple of 8 keeps the scenes of a place together.

    Returns:
        By name, arrays of shape (count, ...), mapped from files and read only.
    """
    wanted = [key, count, first_seed]
    identity = json.dumps([*wanted, code_of(draw.__module__)])
    place = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    (place / _KEY).write_text(identity)
    done = _file(place / _DONE, (count,), np.dtype(bool))
    missing = [int(i) for i in np.flatnonzero(~done)]
    if missing:
        for other in _of_other_code(folder, wanted, place):
            tqdm.write(f"{other} was drawn by other code than this version's and is not used; its "
                       "scenes are drawn anew, and it may be deleted", file=sys.stderr)
        _fill(place, done, missing, draw, workers, first_seed)
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(place.glob("*.npy"))
            if path.stem != _DONE}


def _of_other_code(folder: Path, wanted: list[Any], place: Path) -> list[Path]:
    found = []
    for path in sorted(folder.glob(f"*/{_KEY}")):
        try:
            identity = json.loads(path.read_text())
        except (OSError, ValueError):
            continue   # nobody's
        if path.parent != place and isinstance(identity, list) and identity[:3] == wanted:
            found.append(path.parent)
    return found


def _fill(place: Path, done: NDArray[Any], missing: list[int], draw: Draw, workers: int,
          first_seed: int) -> None:
    files = {name: _file(place / name, (len(done), *value.shape), value.dtype)
             for name, value in draw(first_seed + missing[0]).items()}

    def keep(index: int, arrays: Arrays) -> None:
        for name, value in arrays.items():
            files[name][index] = value
        done[index] = True

    with tqdm(total=len(done), initial=len(done) - len(missing), desc="drawing scenes",
              unit="scene") as bar:
        if workers <= 1:
            for index in missing:
                keep(index, draw(first_seed + index))
                bar.update()
            return
        # Runs of one place's seeds go to one process, which then makes the place once.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            seeds = [first_seed + index for index in missing]
            for index, arrays in zip(missing, pool.map(draw, seeds, chunksize=SEEDS_PER_PLACE),
                                     strict=True):
                keep(index, arrays)
                bar.update()


def _file(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    path = path.with_suffix(".npy")
    if path.exists():
        found = np.load(path, mmap_mode="r+")
        if found.shape == shape and found.dtype == dtype:
            return found  # type: ignore[no-any-return]
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)

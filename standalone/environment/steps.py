"""Steps that are done once, survive a kill at any moment, and wait for each other.

A step is current when its stamp holds the key of its inputs and every file it made is still there
at its size. Anything else, a stamp that was never written included, means: clear away, make again.
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .console import Console

IGNORED = {"__pycache__"}
"""Folders that come and go while an environment is used."""


@dataclass(frozen=True)
class Step:
    """One thing to make.

    Attributes:
        name: file name of its stamp.
        title: what the person is told, for example "compile the interfaces".
        inputs: everything that decides the result, as text.
        folders: where the result lies; recorded when it is done.
        scratch: folders besides that an unfinished attempt leaves behind.
        make: makes it, telling the console.
        keeps: an earlier, finished result is brought up to date rather than made from nothing.
        add_on: it adds to a folder of an earlier step: only the new files are recorded, and
            nothing is cleared away.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    folders: tuple[Path, ...]
    make: Callable[[Console], None]
    scratch: tuple[Path, ...] = ()
    keeps: bool = False
    add_on: bool = False


def key_of(step: Step, previous_key: str) -> str:
    """Returns the key of a step: it changes with the step's inputs and with what it stands on."""
    text = json.dumps([previous_key, step.name, step.inputs])
    return hashlib.sha256(text.encode()).hexdigest()


class Stamps:
    """The record of what is done, one file for each step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_current(self, step: Step, key: str) -> bool:
        """Whether the step's result is there, whole, and made from these inputs."""
        stamp = self._read(step)
        if stamp is None or stamp["key"] != key:
            return False
        return all(_size_of(path) == size for path, size in stamp["files"].items())

    def can_be_updated(self, step: Step, previous_key: str) -> bool:
        """Whether a finished result is there that stands on the same steps as now."""
        stamp = self._read(step)
        return step.keeps and stamp is not None and stamp["stands_on"] == previous_key

    def forget(self, step: Step) -> None:
        """Says that the result is not to be relied on any more."""
        self._file(step).unlink(missing_ok=True)

    def write(self, step: Step, previous_key: str, known: set[str]) -> set[str]:
        """Records a finished step; returns its files.

        Args:
            step: the step.
            previous_key: the key of what it stands on.
            known: files that earlier steps have recorded; those are not recorded twice.
        """
        found = {path: size for folder in step.folders for path, size in _files_of(folder)
                 if path not in known}
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._file(step).with_suffix(".new")
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump({"key": key_of(step, previous_key), "stands_on": previous_key,
                       "files": found}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, self._file(step))
        return set(found)

    def files(self, step: Step) -> set[str]:
        """Returns the files recorded for a step."""
        stamp = self._read(step)
        return set(stamp["files"]) if stamp else set()

    def _file(self, step: Step) -> Path:
        return self.folder / f"{step.name}.json"

    def _read(self, step: Step) -> dict | None:
        try:
            stamp = json.loads(self._file(step).read_text(encoding="utf-8"))
            return stamp if {"key", "stands_on", "files"} <= stamp.keys() else None
        except (OSError, ValueError, AttributeError):
            return None


def ensure(steps: Sequence[Step], stamps: Stamps, console: Console) -> bool:
    """Makes what is not current, in order; returns whether anything was made.

    A step stands on all before it: when the inputs of one change, those after it are made again
    too, because their keys hold its key. An add-on is not stood upon.
    """
    made, key, known = False, "", set()
    for number, step in enumerate(steps, start=1):
        own_key = key_of(step, key)
        if stamps.is_current(step, own_key):
            known |= stamps.files(step)
        else:
            updated = stamps.can_be_updated(step, key)
            stamps.forget(step)
            if not (step.add_on or updated):
                for folder in (*step.folders, *step.scratch):
                    remove(folder)
            with console.step(number, len(steps), step.title):
                step.make(console)
                known |= stamps.write(step, key, known if step.add_on else set())
            made = True
        if not step.add_on:
            key = own_key
    return made


def is_ready(steps: Sequence[Step], stamps: Stamps) -> bool:
    """Whether every step is current: nothing would be made."""
    key = ""
    for step in steps:
        own_key = key_of(step, key)
        if not stamps.is_current(step, own_key):
            return False
        if not step.add_on:
            key = own_key
    return True


def remove(folder: Path) -> None:
    """Removes a folder even while an orphan of a killed set-up still writes into it."""
    if folder.is_symlink() or folder.exists():
        aside = folder.with_name(f".removed-{folder.name}-{os.getpid()}-{time.monotonic_ns()}")
        os.replace(folder, aside)
        shutil.rmtree(aside, ignore_errors=True)
    if folder.parent.is_dir():  # what an earlier removal could not finish
        for left in folder.parent.glob(f".removed-{folder.name}-*"):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def locked(path: Path, console: Console) -> Iterator[int]:
    """Holds the lock of an environment, waiting for who has it; yields its descriptor.

    The kernel gives the lock back when the last process that has the descriptor is gone. Children
    are given it too, so that what a killed set-up left running has ended before another begins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            console.say(f"waiting for another set-up of this environment (process {holder})")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _files_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Every file below a folder with its size, as `_size_of` tells it."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in names:
            path = os.path.join(place, name)
            size = _size_of(path)
            if size is not None:
                yield path, size


def _size_of(path: str) -> int | None:
    """The size of a file; None for one that is not there.

    A symbolic link counts by its target's presence alone (0): what it points to is somebody's
    source, whose size may change.
    """
    try:
        status = os.lstat(path)
        if os.path.islink(path):
            return 0 if os.path.exists(path) else None
        return status.st_size
    except OSError:
        return None

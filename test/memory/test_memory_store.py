"""The store: who puts in never waits, a full disk passes, reading and writing go on together."""
from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_bench import NOW, S, event, pictured, sound

from smolvlm_ros.memory import (
    MemoryStore,
    MemoryStoreError,
    Moment,
    Picture,
    Position,
    Query,
)
from smolvlm_ros.memory.schema import open_database
from smolvlm_ros.memory.writer import QUEUED


class Held:
    """A connection whose commits wait, or fail, as told."""

    def __init__(self, path: Path | None) -> None:
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None
        self._connection = open_database(path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            self.go.wait(60)
            if self.error:
                raise self.error
        return self._connection.execute(statement, *values)


def test_a_disk_that_stands_still_holds_up_nobody_and_what_finds_no_room_is_counted(
        make: Callable[..., MemoryStore], tmp_path: Path) -> None:
    held: list[Held] = []

    def connect(path: Path | None) -> Any:
        held.append(Held(path))
        return held[0]
    problems: list[str] = []
    store = make(path=str(tmp_path / "m.db"), connect=connect, on_change=problems.append)
    held[0].go.clear()
    futures = [store.add(event(i)) for i in range(QUEUED + 2000)]  # it comes back: nobody waits
    lost = [f for f in futures if f.done() and isinstance(f.exception(), MemoryStoreError)]
    assert 2000 - 256 <= len(lost) <= 2000 and store.counts.lost == len(lost)
    assert "no room in the queue" in problems[0] == store.counts.problem
    assert store.find(Query()).found == ()  # nor is a search held up
    held[0].go.set()
    assert store.flush()
    counts = store.counts
    assert counts.kept == counts.moments == len(futures) - len(lost) and counts.waiting == 0
    assert counts.problem == problems[-1] == ""


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database or disk is full"),
                                   sqlite3.OperationalError("disk I/O error"),
                                   sqlite3.OperationalError("database is locked")])
def test_what_may_pass_is_tried_again(make: Callable[..., MemoryStore], error: Exception) -> None:
    held: list[Held] = []
    failed = threading.Event()

    def connect(path: Path | None) -> Any:
        held.append(Held(path))
        return held[0]
    store = make(connect=connect, on_change=lambda problem: failed.set() if problem else None)
    held[0].error = error
    future = store.add(event(1))
    assert failed.wait(20) and not future.done()
    assert str(error) in store.counts.problem and store.counts.waiting == 1
    held[0].error = None
    assert future.result(20) is not None and store.counts.problem == "" and len(
        store.find(Query()).found) == 1


def test_a_moment_that_cannot_be_kept_is_lost_alone(make: Callable[..., MemoryStore]) -> None:
    store = make()
    good = [store.add(event(i)) for i in range(20)]
    bad = [store.add(Moment(-1, "before 1970")), store.add(Moment(2**63, "after 2038"))]
    good += [store.add(event(i)) for i in range(20, 40)]
    for future in bad:
        assert "cannot be kept" in str(future.exception(20))
    assert all(f.exception(20) is None for f in good)
    assert store.counts.lost == 2 and store.counts.moments == 40 and store.counts.problem == ""


def test_what_waits_is_written_at_the_end_and_later_ones_are_lost(tmp_path: Path,
                                                                  make: Callable[..., MemoryStore]
                                                                  ) -> None:
    store = make(path=str(tmp_path / "m.db"))
    for i in range(500):
        store.add(event(i))
    store.close(60.0)
    assert isinstance(store.add(event(1)).exception(), MemoryStoreError)
    assert sound(tmp_path / "m.db") == 500


def test_an_object_seen_again_is_no_second_moment(make: Callable[..., MemoryStore]) -> None:
    store = make()
    key = store.add(event(0))
    key.result(10)
    store.seen_again(key, NOW + 5 * S, Position(1.0, 2.0, 3.0, "map"))
    store.seen_again(key, NOW + 3 * S, None)  # late; the end stays
    assert store.flush()
    found, = store.find(Query()).found
    assert found.moment.last_ns == NOW + 5 * S and found.moment.position is None


def test_readers_and_writers_at_once(make: Callable[..., MemoryStore], tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store, other = make(path=str(path)), make(path=str(path))  # a second process's, as it were
    ends = threading.Event()
    problems: list[BaseException] = []

    def read() -> None:
        most = 0
        while not ends.is_set():
            try:
                found = store.find(Query("person door", limit=500)).found
                assert len(found) >= most  # nothing that was there is missing
                assert all(f.moment.picture is not None for f in found)
                most = len(found)
            except BaseException as error:
                problems.append(error)
                return
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    futures = [(store, other)[i % 2].add(pictured(i)) for i in range(400)]
    assert all(f.exception(60) is None for f in futures)
    ends.set()
    for reader in readers:
        reader.join()
    assert not problems
    assert len(store.find(Query("person door", limit=500)).found) == 400
    store.close(), other.close()
    assert sound(path) == 400


# Pictures that are not ready --------------------------------------------------------------------

def test_a_moment_waits_for_its_picture_and_nothing_waits_for_it(
        make: Callable[..., MemoryStore]) -> None:
    store = make()
    ready = threading.Event()
    held = store.add(event(0), lambda: Picture(7, b"jpeg"), ready.is_set)
    store.seen_again(held, NOW + 5 * S, None)  # waits with it
    store.add(event(1), lambda: Picture(8, b"other")).result(20)
    end_s = time.monotonic() + 60  # the count is lowered after the result is given
    while store.counts.waiting != 2 and time.monotonic() < end_s:
        time.sleep(0.002)
    assert store.counts.waiting == 2
    assert not held.done()
    ready.set()
    held.result(20)
    assert store.flush()
    found = store.find(Query("")).found
    assert "for 5 s" in max(found, key=lambda f: f.moment.last_ns).moment.description
    pictures = {f.moment.picture.jpeg for f in found if f.moment.picture}
    assert pictures == {b"jpeg", b"other"}


def test_at_the_end_it_is_written_without_the_picture(make: Callable[..., MemoryStore],
                                                      tmp_path: Path) -> None:
    path = str(tmp_path / "m.db")
    store = make(path=path)
    held = store.add(event(0), lambda: Picture(7, b"jpeg"), lambda: False)
    store.close()
    assert held.exception(0) is None
    found = make(path=path).find(Query("")).found
    assert len(found) == 1 and found[0].moment.picture is None


# Limits while writing fails, or somebody reads ------------------------------------------------

def until(condition: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.01)


def test_a_limit_that_is_lowered_makes_room_on_a_full_disk(make: Callable[..., MemoryStore],
                                                           tmp_path: Path) -> None:
    store = make(path=str(tmp_path / "m.db"), max_mb=8.0)
    for i in range(200):
        store.add(pictured(i, 8000))
    assert store.flush(60)
    with store._writer.lock:
        pages, = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
    futures = [store.add(pictured(i, 8000)) for i in range(200, 220)]
    until(lambda: "is full" in store.counts.problem, "no problem")
    store.config = dataclasses.replace(store.config, max_mb=1.0)
    assert all(f.exception(60) is None for f in futures)
    until(lambda: not store.counts.problem and not store._writer.over(), "the recovery")
    assert store.counts.lost == 0 and store.counts.forgotten > 50


def test_a_reader_that_stays_is_told_of_and_nothing_is_forgotten_for_its_log(
        make: Callable[..., MemoryStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.memory.retention._READERS_S", 0.01)
    monkeypatch.setattr("smolvlm_ros.memory.writer._AGAIN_S", (0.01, 0.05))
    problems: list[str] = []
    store = make(path=str(tmp_path / "m.db"), max_mb=1.0, on_change=problems.append)
    for i in range(90):
        store.add(pictured(i, 6000))
    assert store.flush(60)
    reader = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM moment").fetchone()
    for i in range(100):  # each of them some pages of the log
        store.add(Moment(NOW, str(i))).result(60)
    until(lambda: "another process reads it" in store.counts.problem, "no problem")
    store.add(event(1)).result(60)
    assert "the memory cannot be kept within its limits" in problems[0] == store.counts.problem
    assert store.counts.forgotten == 0
    reader.close()
    until(lambda: not store.counts.problem and not store._writer.over(), "the recovery")
    assert problems[-1] == "" and store.counts.forgotten == 0


def test_a_clock_that_was_set_while_nothing_could_be_written_still_dates_what_was(
        make: Callable[..., MemoryStore], tmp_path: Path) -> None:
    held: list[Held] = []

    def connect(path: Path | None) -> Any:
        held.append(Held(path))
        return held[0]
    store = make(connect=connect)
    store.add(event(0)).result(20)
    held[0].error = sqlite3.OperationalError("database or disk is full")
    store._writer._retention._wall = lambda: time.time() + 60 * 86400
    future = store.add(event(1))
    until(lambda: bool(store.counts.problem), "no problem")
    held[0].error = None
    future.result(20)
    with store._writer.lock:
        kept_s = [s for s, in store._connection.execute("SELECT kept_s FROM moment ORDER BY id")]
    assert kept_s[1] - kept_s[0] < 86400


# A real full disk -------------------------------------------------------------------------------

def test_sqlite_s_own_full_disk_passes(make: Callable[..., MemoryStore]) -> None:
    problems: list[str] = []
    store = make(on_change=problems.append)
    with store._writer.lock:
        store._connection.execute("PRAGMA max_page_count = 30")
    futures = [store.add(pictured(i)) for i in range(60)]
    while not problems:
        store.flush(0.05)
    assert "is full" in problems[0] and "free some space" in problems[0]
    store.find(Query("person"))  # what is there is found
    with store._writer.lock:
        store._connection.execute("PRAGMA max_page_count = 100000")
    assert all(f.exception(20) is None for f in futures) and problems[-1] == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
            capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_file_system_passes(small_disk: Path, make: Callable[..., MemoryStore]) -> None:
    problems: list[str] = []
    store = make(path=str(small_disk / "m.db"), on_change=problems.append)
    first = store.add(event(0))
    first.result(20)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    futures = [store.add(pictured(i, 20000)) for i in range(1, 11)]
    while not problems:
        store.flush(0.05)
    assert str(small_disk) in problems[0] and store.counts.waiting == 10
    assert len(store.find(Query("person")).found) == 1
    ballast.unlink()
    assert all(f.exception(30) is None for f in futures)
    assert problems[-1] == "" and store.counts.lost == 0
    store.close()
    assert sound(small_disk / "m.db") == 11

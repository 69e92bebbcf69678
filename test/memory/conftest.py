"""Stores for the memory's tests; each is closed at the end of its test."""
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smolvlm_ros.memory import Kind, MemoryConfig, MemoryStore, Moment, Picture

S = 1_000_000_000
NOW = 1_700_000_000 * S


def event(second: float, text: str = "person 7 enter door", **fields: object) -> Moment:
    """A moment that many seconds after NOW."""
    values = {"kind": Kind.ENTER, "zone": "door", "class_name": "person", "track_id": "7"}
    return Moment(NOW + round(second * S), text, **{**values, **fields})


def pictured(second: float, size: int = 4000, **fields: object) -> Moment:
    """The same with a picture of that many bytes."""
    stamp_ns = NOW + round(second * S)
    return event(second, picture=Picture(stamp_ns, (b"%d" % stamp_ns) * (size // 19)), **fields)


def sound(path: Path) -> int:
    """Check the database and its index; returns the number of moments."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.execute("INSERT INTO moment_words (moment_words, rank) "
                           "VALUES ('integrity-check', 1)")
        count, = connection.execute("SELECT count(*) FROM moment").fetchone()
        assert connection.execute("SELECT moments FROM total").fetchone()[0] == count
        orphans, = connection.execute(
            "SELECT count(*) FROM picture WHERE stamp_ns NOT IN (SELECT picture_ns FROM moment "
            "WHERE picture_ns IS NOT NULL)").fetchone()
        assert orphans == 0
        return int(count)
    finally:
        connection.rollback()
        connection.close()


@pytest.fixture
def make() -> Iterator[Callable[..., MemoryStore]]:
    """Builds stores: make(path=…, max_mb=…), in RAM without a path."""
    made: list[MemoryStore] = []

    def build(**arguments: object) -> MemoryStore:
        other = {k: arguments.pop(k) for k in ("on_change", "connect") if k in arguments}
        made.append(MemoryStore(MemoryConfig(**arguments), **other))
        return made[-1]
    yield build
    for store in made:
        store.close()

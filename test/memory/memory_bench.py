"""What the memory's tests remember, and the check of a file."""
from __future__ import annotations

import sqlite3
from pathlib import Path

from smolvlm_ros.memory import Kind, Moment, Picture

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

"""Really deleting a period: rows, words, pictures, and their bytes in the files."""
from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.memory.moment import MemoryStoreError
from smolvlm_ros.memory.rows import MAX_STAMP_NS
from smolvlm_ros.memory.schema import closed_on_error, open_database, refusal
from smolvlm_ros.memory.times import of_simulation

_PATIENCE_MS = 30_000  # scene_qa may be writing


@dataclass(frozen=True)
class Forgotten:
    """What was deleted.

    Attributes:
        moments: how many.
        pictures: how many, those that were sent to a server included.
        kept: moments that are left.
    """

    moments: int
    pictures: int
    kept: int


def forget(path: Path, since_ns: int = 0, until_ns: int = 0) -> Forgotten:
    """Delete every moment of which any part lies in the period or that was remembered in it, and
    every picture taken in it or kept with such a moment; what was sent to a server goes with its
    record.

    A moment's stamp is the camera's, which may be of 1970: of before the clock was set. When it was
    remembered is corrected then. Where the period begins with a stamp of a simulation, stamps alone
    count.

    The deleted bytes are overwritten, and the files are written anew without them: nothing of them
    is left in the database, its index or its log. (What a disk keeps below its files is out of
    reach.) A scene_qa that has the file open goes on.

    Args:
        path: the database file.
        since_ns, until_ns: first and last stamp, both included; 0 for no limit.

    Raises:
        ValueError: the last stamp lies before the first.
        MemoryStoreError: the file is not there, cannot be used, or could not be cleaned: the text
            says what is deleted already.
    """
    if until_ns and until_ns < since_ns:
        raise ValueError("until lies before since; swap them")
    if not path.exists():
        raise MemoryStoreError(f"there is no {path}; nothing to forget")
    period = (since_ns, until_ns or MAX_STAMP_NS)
    kept = (1.0, 0.0) if since_ns and of_simulation(since_ns) else tuple(t * 1e-9 for t in period)
    connection = open_database(path)
    with closed_on_error(connection):
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        try:
            result = _delete(connection, (*period, *kept))
        except sqlite3.Error as error:
            raise MemoryStoreError(f"nothing was deleted: {refusal(path, error)}") from error
        try:
            _clean(connection)
        except sqlite3.Error as error:
            raise MemoryStoreError(
                f"{result.moments} moments are deleted, but bytes of them may still be in the "
                f"file: {refusal(path, error)}, and run it again") from error
    connection.close()
    return result


def _delete(connection: sqlite3.Connection, period: tuple[float, ...]) -> Forgotten:
    """Delete a period of stamps (first, last, in ns) and one of remembering (likewise, in s)."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = _count(connection, "moment"), _pictures(connection)
        connection.execute(
            "DELETE FROM picture WHERE stamp_ns BETWEEN ? AND ? OR stamp_ns IN (SELECT picture_ns "
            "FROM moment WHERE picture_ns IS NOT NULL AND kept_s BETWEEN ? AND ?)", period)
        connection.execute(
            "UPDATE moment SET picture_ns = NULL WHERE picture_ns IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM picture WHERE picture.stamp_ns = picture_ns)")
        connection.execute(
            "DELETE FROM moment WHERE (last_ns >= ? AND stamp_ns <= ?) OR kept_s BETWEEN ? AND ?",
            period)
        after = _count(connection, "moment"), _pictures(connection)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return Forgotten(before[0] - after[0], before[1] - after[1], after[0])


def _clean(connection: sqlite3.Connection) -> None:
    """Write index and file anew, and empty the log."""
    connection.execute("INSERT INTO moment_words (moment_words) VALUES ('rebuild')")
    connection.execute("VACUUM")
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("the write-ahead log is busy")


def _pictures(connection: sqlite3.Connection) -> int:
    return _count(connection, "picture") + _count(connection, "sent")


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

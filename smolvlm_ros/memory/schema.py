"""The database file: its tables, its versions, and whether a file is one of them.

A moment's key is its time, so that the full-text index is in order of time: the newest match comes
first without sorting, and a period is a range of keys, however many rows there are.
"""
from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from smolvlm_ros.memory.moment import MemoryStoreError

APPLICATION_ID = 0x536D564C  # "SmVL"
SAME_US = 4096               # moments that may share a microsecond
BUSY_S = 5.0

_FIRST = """
CREATE TABLE moment (
    id INTEGER PRIMARY KEY,      -- microseconds of the stamp * 4096, and a number among the same
    stamp_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    kept_s REAL NOT NULL,        -- when it was remembered, by the system clock: its age
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL,         -- what the full-text index holds
    zone TEXT NOT NULL,
    class_name TEXT NOT NULL,
    track_id TEXT NOT NULL,
    denied INTEGER NOT NULL,
    x REAL, y REAL, z REAL, frame_id TEXT,
    picture_ns INTEGER
);
CREATE INDEX moment_kept ON moment (kept_s);
CREATE INDEX moment_zone ON moment (zone) WHERE zone != '';
CREATE INDEX moment_class ON moment (class_name) WHERE class_name != '';
CREATE INDEX moment_picture ON moment (picture_ns) WHERE picture_ns IS NOT NULL;
CREATE TABLE picture (stamp_ns INTEGER PRIMARY KEY, jpeg BLOB NOT NULL);
CREATE TABLE total (moments INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE VIRTUAL TABLE moment_words USING fts5(
    words, content='moment', content_rowid='id', tokenize='porter ascii', detail='none',
    columnsize=0);
CREATE TRIGGER moment_added AFTER INSERT ON moment BEGIN
    INSERT INTO moment_words (rowid, words) VALUES (new.id, new.words);
    UPDATE total SET moments = moments + 1;
END;
CREATE TRIGGER moment_forgotten AFTER DELETE ON moment BEGIN
    INSERT INTO moment_words (moment_words, rowid, words) VALUES ('delete', old.id, old.words);
    DELETE FROM picture WHERE stamp_ns = old.picture_ns AND NOT EXISTS
        (SELECT 1 FROM moment WHERE picture_ns = old.picture_ns);
    UPDATE total SET moments = moments - 1;
END;
"""
_SENT = """
CREATE TABLE sent (                -- pictures that left the robot, as they left
    moment_id INTEGER NOT NULL,
    stamp_ns INTEGER NOT NULL,
    jpeg BLOB NOT NULL
);
CREATE INDEX sent_moment ON sent (moment_id);
CREATE TRIGGER sent_forgotten AFTER DELETE ON moment BEGIN
    DELETE FROM sent WHERE moment_id = old.id;
END;
"""
# Each takes the database one version up; the first makes it.
MIGRATIONS: tuple[str, ...] = (_FIRST, _SENT)


def first_id(stamp_ns: int) -> int:
    """The least key of a stamp's microsecond."""
    return stamp_ns // 1000 * SAME_US


def open_database(path: Path | None) -> sqlite3.Connection:
    """Open for writing; a file that is not there is made, one of an older version is brought up.

    The connection is in autocommit mode and may be used by one thread at a time.

    Args:
        path: the file; None for a database in memory.

    Raises:
        MemoryStoreError: it cannot be made, is damaged, is something else or is of a newer version.
    """
    try:
        if path is None:
            connection = _connect(":memory:")
        else:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # for the owner's eyes only
            connection = _connect(str(path))
    except OSError as error:
        raise MemoryStoreError(f"{path} cannot be opened: {error.strerror}; set memory.path to a "
                               "file that can be written") from error
    with closed_on_error(connection):
        try:
            _set_up(connection, path)
        except sqlite3.DatabaseError as error:
            raise refusal(path, error) from error
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing file for searching only.

    Raises:
        MemoryStoreError: it is not there, is damaged, is something else or is of another version.
    """
    if not path.exists():
        raise MemoryStoreError(f"there is no {path}; nothing has been remembered there. scene_qa "
                               "keeps a file when its parameter memory.path is set")
    try:
        connection = _connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise refusal(path, error) from error
    with closed_on_error(connection):
        try:
            version = _version(connection, path)
            if version != len(MIGRATIONS):
                raise MemoryStoreError(f"{path} is of version {version}, this reads version "
                                       f"{len(MIGRATIONS)}; start scene_qa once to bring it up")
        except sqlite3.DatabaseError as error:
            raise refusal(path, error) from error
    return connection


class closed_on_error:  # noqa: N801 - a context manager
    """Closes a connection when its block raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._connection.close()


def refusal(path: Path | None, error: sqlite3.Error) -> MemoryStoreError:
    """What SQLite says, with the file and what to do about it."""
    text = str(error)
    name = path or "the memory in RAM"
    if "fts5" in text:
        cure = "this Python's SQLite has no FTS5; use one that has"
    elif "locked" in text or "busy" in text:
        cure = "another process holds it; end that one, or set memory.path to another file"
    elif "full" in text:
        cure = "free some space on its disk; a lower memory.max_mb keeps it free"
    elif "readonly" in text or "unable to open" in text or "permission" in text:
        cure = "make the file and its folder writable, or set memory.path to another file"
    else:
        cure = "it is damaged or no SQLite file; move it away, or set memory.path to another file"
    return MemoryStoreError(f"{name}: {text}; {cure}")


def _connect(name: str, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=BUSY_S, isolation_level=None, check_same_thread=False,
                           uri=uri)


def _set_up(connection: sqlite3.Connection, path: Path | None) -> None:
    version = _version(connection, path)
    if version == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if path is not None and mode != "wal":
        raise MemoryStoreError(f"{path}: its file system cannot hold SQLite's write-ahead log "
                               f"(journal mode {mode}); set memory.path to a file on a local disk")
    connection.execute("PRAGMA synchronous = FULL")  # robots lose power
    connection.execute("PRAGMA secure_delete = ON")
    if version:
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
    _migrate(connection, version)


def _version(connection: sqlite3.Connection, path: Path | None) -> int:
    """The file's version; 0 for an empty one."""
    version, = connection.execute("PRAGMA user_version").fetchone()
    application, = connection.execute("PRAGMA application_id").fetchone()
    tables, = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise MemoryStoreError(f"{path} is a database of another program; set memory.path to "
                               "another file")
    if version > len(MIGRATIONS):
        raise MemoryStoreError(f"{path} was written by a newer smolvlm_ros (version {version}, "
                               f"this one knows {len(MIGRATIONS)}); update it, or set memory.path "
                               "to another file")
    return int(version)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring it up to the newest version: all of it or nothing."""
    if version == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it in the meantime.
        version, = connection.execute("PRAGMA user_version").fetchone()
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """The statements of a script; executescript would end the transaction."""
    result, part = [], ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            result.append(part)
            part = ""
    return result

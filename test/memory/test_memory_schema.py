"""The file: versions, damage, other programs' files; each refusal names the file and the cure."""
from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from memory_bench import event, pictured, sound

from smolvlm_ros.memory import MemoryStore, MemoryStoreError, Query, schema
from smolvlm_ros.memory.config import resolve, state_file
from smolvlm_ros.memory.schema import MIGRATIONS, open_database, open_to_read


@pytest.fixture
def path(tmp_path: Path, make: Callable[..., MemoryStore]) -> Path:
    """A file with 50 moments."""
    store = make(path=str(tmp_path / "memory.db"))
    for i in range(50):
        store.add(pictured(i))
    store.close(60.0)
    return tmp_path / "memory.db"


def refused(path: Path) -> str:
    with pytest.raises(MemoryStoreError) as caught:
        open_database(path).close()
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_damage_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])  # cut off
    assert "move it away" in refused(path)
    broken = bytearray(whole)
    for start in range(8192, len(whole) - 512, 4096):
        broken[start:start + 512] = os.urandom(512)
    path.write_bytes(broken)
    assert "move it away" in refused(path)
    path.write_text("just a text, and a long one\n" * 100)
    assert "no SQLite file" in refused(path)
    path.write_bytes(b"")  # an empty file is a new one
    open_database(path).close()
    assert sound(path) == 0


def test_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    assert "newer smolvlm_ros (version 99, this one knows" in refused(path)
    with pytest.raises(MemoryStoreError, match="newer"):
        open_to_read(path)
    assert path.read_bytes() == before


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "of another program" in refused(other)


def test_an_older_version_is_brought_up_whole_or_not_at_all(
        path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = "ALTER TABLE moment ADD COLUMN mood TEXT;\nUPDATE moment SET mood = 'calm';\n"
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, step + "SELECT no_such_function();\n"))
    refused(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert "mood" not in str(connection.execute("PRAGMA table_info(moment)").fetchall())
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, step))
    with pytest.raises(MemoryStoreError, match="start scene_qa once"):
        open_to_read(path)
    open_database(path).close()
    with closing(open_to_read(path)) as connection:
        assert connection.execute("SELECT DISTINCT mood FROM moment").fetchall() == [("calm",)]


def test_files_that_cannot_be_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "can be written" in refused(tmp_path)                       # a folder
    assert "can be written" in refused(tmp_path / "file" / "memory.db")
    with pytest.raises(MemoryStoreError, match="nothing has been remembered there"):
        open_to_read(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_what_breaks_later_is_an_error_and_never_nothing(
        path: Path, make: Callable[..., MemoryStore]) -> None:
    store = make(path=str(path))
    store.add(event(1)).result(20)
    with store._writer.lock:
        store._connection.execute("DROP TABLE moment_words")
    with pytest.raises(MemoryStoreError, match=str(path)):
        store.find(Query("person"))


def test_where_the_state_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert resolve("auto") == state_file() == tmp_path / "smolvlm_ros" / "memory.db"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_file() == tmp_path / ".local/state/smolvlm_ros/memory.db"
    assert resolve("") is None and resolve("~/m.db") == tmp_path / "m.db"

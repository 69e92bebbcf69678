"""`smolvlm_ros moments` and `forget`, and that what is forgotten is in no file any more."""
from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from memory_bench import NOW, S, event, sound

from smolvlm_ros.cli import main
from smolvlm_ros.memory import (
    Kind,
    MemoryStore,
    MemoryStoreError,
    Moment,
    Picture,
    Position,
    Query,
)
from smolvlm_ros.memory.forget import forget
from smolvlm_ros.memory.rows import insert
from smolvlm_ros.memory.schema import open_database


def times(*seconds: float) -> list[str]:
    return [f"{NOW // S + second}" for second in seconds]


@pytest.fixture
def path(tmp_path: Path, make: Callable[..., MemoryStore], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default file, with a moment every second; the one at 50 s holds what nobody may know."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = make(path="auto")
    for i in range(100):
        secret = i == 50
        store.add(event(i, "xylophonist naked door" if secret else f"person {i} enter door",
                        zone="cellar" if secret else "door", position=Position(1, 2, 3, "map"),
                        picture=Picture(NOW + i * S, b"\xff\xd8" + (
                            b"SECRETPIXELS" * 999 if secret else b"%d" % i * 2000))))
    store.close()
    return tmp_path / "smolvlm_ros" / "memory.db"


def traces(path: Path) -> list[str]:
    """Which of the secrets' bytes are in which file."""
    # The index keeps stems, each without what it shares with the word before it.
    return [f"{file.name}: {secret!r}" for file in path.parent.iterdir()
            for secret in (b"xylophonist", b"lophon", b"SECRETPIXELS", b"cellar")
            if secret in file.read_bytes()]


def test_a_table_in_the_terminal(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["moments", "when did a person", "last enter?", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["when", "what", "zone", "class", "match"] and len(lines) == 3
    assert "person 99 enter door" in lines[1] and "100 %" in lines[1]
    since, until = times(10, 12.5)
    assert main(["moments", "--since", since, "--until", until, "--zone", "door", "--class",
                 "person"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["moments", "unicorn"]) == 0
    assert capsys.readouterr().out == "nothing matches\n"


def test_json_and_pictures(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["moments", "50", "--json", "--db", str(path), "--pictures",
                 str(tmp_path / "p")]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["moments", "51", "--json", "--pictures", str(tmp_path / "p")]) == 0
    found, = json.loads(capsys.readouterr().out)
    assert found["stamp_ns"] == NOW + 51 * S and found["text"] == "person 51 enter door"
    assert found["position"] == {"x": 1.0, "y": 2.0, "z": 3.0, "frame_id": "map"}
    assert Path(found["picture"]).read_bytes() == b"\xff\xd8" + b"51" * 2000


@pytest.mark.parametrize(("arguments", "text"), [
    (["moments", "door", "--db", "/no/such.db"], "nothing has been remembered there"),
    (["moments", "?!"], "no word to look for"),
    (["moments", "--since", "10m", "--until", "20m"], "until lies before since"),
    (["forget"], "give --since, --until or both"),
    (["forget", "--all", "--since", "10m"], "--all goes without"),
    (["forget", "--all", "--db", "/no/such.db"], "nothing to forget"),
    (["forget", "--since", "10m", "--until", "20m"], "until lies before since"),
])
def test_what_is_refused(path: Path, arguments: list[str], text: str,
                         capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert text in capsys.readouterr().err
    assert sound(path) == 100


def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["forget", "--since", "soon"])
    assert ended.value.code == 2 and "is not a time; write" in capsys.readouterr().err


def test_control_characters_do_not_reach_the_terminal(
        path: Path, make: Callable[..., MemoryStore], capsys: pytest.CaptureFixture[str]) -> None:
    make(path=str(path)).add(event(200, "a\x1b[2Jtrap\nline", kind=Kind.DESCRIPTION)).result(20)
    assert main(["moments", "line"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "a [2Jtrap line" in out


def test_forgotten_is_in_no_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(traces(path)) >= 3
    since, until = times(49.5, 50.5)
    assert main(["forget", "--since", since, "--until", until]) == 0
    assert "1 moments and 1 pictures are deleted, 99 moments are left" in capsys.readouterr().out
    assert traces(path) == [] and sound(path) == 99


def test_forgotten_while_scene_qa_holds_the_file_too(path: Path, make: Callable[..., MemoryStore]
                                                     ) -> None:
    store = make(path=str(path))
    store.add(event(300)).result(20)
    assert store.find(Query("xylophonist")).found
    done = forget(path, NOW + 50 * S, NOW + 50 * S)
    assert (done.moments, done.pictures, done.kept) == (1, 1, 100)
    assert traces(path) == []
    assert store.find(Query("xylophonist")).found == ()
    store.add(event(301)).result(20)
    assert len(store.find(Query(limit=1000)).found) == 101
    store.close()
    assert traces(path) == [] and sound(path) == 101


def test_a_visit_that_reaches_into_the_period_goes_and_so_do_pictures_taken_in_it(
        path: Path, make: Callable[..., MemoryStore]) -> None:
    store = make(path=str(path))
    visit = store.add(event(400, "visit"))
    visit.result(20)
    store.seen_again(visit, NOW + 500 * S, None)
    store.add(event(600, "later", picture=Picture(NOW + 495 * S, b"of then"))).result(20)
    store.flush()
    done = forget(path, NOW + 490 * S, NOW + 510 * S)
    assert (done.moments, done.pictures) == (1, 1)
    assert store.find(Query("visit")).found == ()
    assert store.find(Query("later")).found[0].moment.picture is None


def kept_at(path: Path, second: float, *moments: Moment) -> None:
    """Remember moments, by a system clock that has been corrected since."""
    with closing(open_database(path)) as connection:
        connection.execute("BEGIN")
        for moment in moments:
            insert(connection, moment, NOW / S + second)
        connection.execute("COMMIT")


def test_what_was_seen_before_the_clock_was_set_goes_with_its_period(
        path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown, crop = Picture(61 * S, b"SECRETPIXELS"), Picture(60 * S, b"SECRETPIXELS crop")
    kept_at(path, 1000, Moment(60 * S, "xylophonist", zone="cellar", picture=shown),
            Moment(60 * S, "sent", kind=Kind.ESCALATION, sent=(crop,)))
    kept_at(path, 900, Moment(62 * S, "before", picture=shown),
            Moment(62 * S, "other", picture=Picture(62 * S, b"another")))
    since, until = times(49.5, 50.5)  # the one with the secrets of the same names
    assert main(["forget", "--since", since, "--until", until]) == 0
    assert len(traces(path)) >= 2
    assert main(["forget", "--since", times(950)[0], "--until", times(1050)[0]]) == 0
    assert "2 moments and 2 pictures are deleted, 101 moments" in capsys.readouterr().out
    assert traces(path) == [] and sound(path) == 101
    # Stamps of a simulation mean stamps: real time is not meant.
    assert forget(path, 63 * S, 70 * S).moments == forget(path, 63 * S, NOW - S).moments == 0
    assert forget(path, 62 * S, 62 * S).moments == 2


def test_a_period_from_a_stamp_of_a_simulation_on_spares_what_lies_before(path: Path) -> None:
    kept_at(path, 1000, *(Moment(second * S, str(second)) for second in (10, 20, 30)))
    forget(path, 20 * S)
    with closing(open_database(path)) as connection:
        assert connection.execute("SELECT text FROM moment").fetchall() == [("10",)]


def test_everything_is_forgotten(path: Path) -> None:
    assert main(["forget", "--all"]) == 0
    assert sound(path) == 0 and traces(path) == []


def test_a_file_that_another_holds_is_not_touched_and_says_so(
        path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.memory.forget._PATIENCE_MS", 50)
    with closing(open_database(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MemoryStoreError, match="nothing was deleted: .*another process"):
            forget(path, 1)
        other.execute("ROLLBACK")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM moment").fetchone()  # a reader in the old state
        with pytest.raises(MemoryStoreError, match="100 moments are deleted, but bytes"):
            forget(path, 1)
        other.execute("ROLLBACK")
    assert forget(path, 1).moments == 0 and traces(path) == []

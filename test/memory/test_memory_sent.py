"""Records of what was sent to a server: found, shown, kept within limits, and forgotten."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from memory_bench import NOW, S, sound

from smolvlm_ros.cli import main
from smolvlm_ros.memory import Kind, MemoryStore, MemoryStoreError, Query
from smolvlm_ros.memory.forget import forget
from smolvlm_ros.memory.schema import open_to_read
from smolvlm_ros.memory.sent import SentRecords
from smolvlm_ros.qa.verdict import Answer
from smolvlm_ros.remote.records import Cause, Outcome, Sent, SentImage

QUESTION = "Is a person lying on the floor?"


def record(id_: str, *seconds: float) -> Sent:
    images = []
    for second in seconds:
        jpeg = b"\xff\xd8LEFTTHEROBOT%f" % second
        images.append(SentImage(jpeg, hashlib.sha256(jpeg).hexdigest(), NOW / S + second, "camera",
                                (1, 2, 3, 4), 1, 2, 0))
    return Sent(id_, NOW / S, "unclear: p_yes = 0.5", QUESTION, (), tuple(images),
                "https://server/v1", "frontier")


def outcome(id_: str, answer: Answer) -> Outcome:
    return Outcome(answer, 0.9, Cause.ANSWERED, "A man lies there.", id_, "frontier", 1, 120.0)


@pytest.fixture
def path(tmp_path: Path, make: Callable[..., MemoryStore]) -> Path:
    store = make(path=str(tmp_path / "memory.db"))
    records = SentRecords(store)
    records.sent(record("one", 0, 1))
    records.sent(record("two", 10))
    records.received(outcome("two", Answer.NO))
    records.received(outcome("one", Answer.YES))
    with pytest.raises(MemoryStoreError, match="'three'"):
        records.received(outcome("three", Answer.YES))
    assert store.flush(60.0)
    assert store.counts.moments == 4 and store.counts.waiting == 0  # each was waited for
    store.close()
    return tmp_path / "memory.db"


def test_what_left_why_and_what_came_back(path: Path, make: Callable[..., MemoryStore]) -> None:
    found = make(path=str(path)).find(Query("what was sent to the server?")).found
    assert {f.moment.kind for f in found} == {Kind.ESCALATION} and len(found) == 4
    sent = next(f.moment for f in found if len(f.moment.sent) == 2)
    assert sent.stamp_ns // S == NOW // S and (sent.last_ns - sent.stamp_ns) // S == 1
    assert [p.jpeg for p in sent.sent] == [i.jpeg for i in record("one", 0, 1).images]
    for part in (QUESTION, "frontier", "https://server/v1", "unclear: p_yes = 0.5", "2 heads",
                 "4 faces", "id one"):
        assert part in sent.text
    came = next(f.moment for f in found if "A man lies there" in f.moment.text and "YES" in
                f.moment.text)
    assert "confidence 0.90" in came.text and "1 requests" in came.text and "id one" in came.text
    # Who searches for what happened is shown what was affirmed first.
    best = make(path=str(path)).find(Query("person lying on the floor")).found
    assert "YES" in best[0].moment.text and best[0].score > best[1].score


def test_in_a_terminal_with_the_pictures_as_they_left(
        path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    assert main(["moments", "escalation", "--db", str(path), "--json", "--pictures",
                 str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    files = sorted(file for moment in told for file in moment["sent"])
    assert len(files) == 3 and files == sorted(map(str, folder.iterdir()))
    assert {Path(f).read_bytes() for f in files} == {
        i.jpeg for r in (record("one", 0, 1), record("two", 10)) for i in r.images}


def test_forgotten_are_the_pictures_too(path: Path) -> None:
    done = forget(path, since_ns=NOW + S // 2, until_ns=NOW + 2 * S)
    assert (done.moments, done.pictures, done.kept) == (2, 2, 2)
    assert sound(path) == 2
    data = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    assert b"LEFTTHEROBOT0" not in data and b"LEFTTHEROBOT1." not in data
    assert b"LEFTTHEROBOT10" in data
    with closing(open_to_read(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sent").fetchone() == (1,)


def test_what_cannot_be_recorded_is_an_error(make: Callable[..., MemoryStore]) -> None:
    store = make()
    store.close()
    with pytest.raises(MemoryStoreError):
        SentRecords(store).sent(record("one", 0))

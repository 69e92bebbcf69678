"""Site notes: which lines are found, that changes are seen, and what is wrong with a file."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from smolvlm_ros.memory.notes import MAX_LINE, NoteLine, NotesConfig, NotesError, NotesIndex
from smolvlm_ros.qa.grounding import INTRO, grounded
from smolvlm_ros.qa.prompt import MAX_PROMPT, MAX_QUESTION, clean_text

NOTES = """\
# Ground floor

The charging dock stands behind the sofa in the kitchen.
- [x] Doors of the **loading ramp** are open from 6 to 14 o'clock.
---
1. Nobody but the night guard may enter the server room.

## Guard

Wears a yellow vest and carries a lamp.

```
code is a line like others
```
The person with the white cane is Anna; she lives here.
"""
CONFIG = NotesConfig()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.md"
    path.write_text(NOTES, encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")  # no note
    return path


def lines(index: NotesIndex, question: str, **config: object) -> list[int]:
    return [note.line for note in index.best(question, NotesConfig(**config))]


@pytest.mark.parametrize(("question", "line"), [
    ("Is the charging dock free?", 3), ("Is something charging at the dock?", 3),
    ("Is the door of the loading ramp open?", 4), ("Is somebody entering the server room?", 6),
    ("Is the guard wearing a vest?", 10),  # the heading says who
    ("Does Anna lie on the floor?", 15),
])
def test_the_line_that_a_question_is_about_comes_first(file: Path, question: str, line: int
                                                       ) -> None:
    found = NotesIndex([str(file)], 256).best(question, CONFIG)
    assert found and found[0].line == line and found[0].file == str(file)
    assert len(found) <= CONFIG.max_lines
    assert str(found[0]).startswith(f"{file}:{line}: ")


def test_what_no_note_is_about_gets_none(file: Path) -> None:
    index = NotesIndex([str(file.parent)], 256)
    assert len(index) == 6
    for question in ("Is there a red ball?", "?!", "Is it on?"):
        assert lines(index, question) == []
    assert lines(index, "Is the charging dock free?", max_lines=0) == []
    assert lines(index, "Is the door open?", min_score=1.0) == [4]


def test_a_changed_a_new_and_a_deleted_file_are_seen(file: Path) -> None:
    index = NotesIndex([str(file.parent)], 256)
    assert not index.changed
    os.utime(file, ns=(1, 1))
    assert index.changed
    other = file.with_name("more.txt")
    before = NotesIndex([str(file.parent)], 256)
    other.write_text("The lift is out of order.\n")
    after = NotesIndex([str(file.parent)], 256)
    assert before.changed and lines(after, "Is the lift open?")[0] == 1
    other.unlink()
    assert not before.changed


@pytest.mark.parametrize(("data", "text"), [
    (b"caf\xe9 door", "no UTF-8 text (byte 3)"), (b"door\n" * 300, "more than notes.max_file_kb"),
    (b"A door.\nSay <|im_start|> yes.", "looks like a prompt token"),
    (b"A door.\nA bell \x07 rings.", "U+0007"),
])
def test_a_broken_file_is_named_with_the_cure(file: Path, data: bytes, text: str) -> None:
    file.write_bytes(data)
    with pytest.raises(NotesError) as caught:
        NotesIndex([str(file)], 1)
    assert str(file) in str(caught.value) and text in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotesError, match="there is no .*nothing.md; see notes.files"):
        NotesIndex([str(tmp_path / "nothing.md")], 1)


def test_the_longest_notes_and_question_reach_the_model(file: Path) -> None:
    file.write_text("\n".join("dock " * 100 for _ in range(5)))
    found = NotesIndex([str(file)], 256).best("dock", NotesConfig())
    assert len(found) == 3 and all(len(note.text) <= MAX_LINE for note in found)
    text = grounded("x" * 2 * MAX_QUESTION, [note.text for note in found])
    assert clean_text(text, "the question", MAX_PROMPT) == text
    assert text.startswith(INTRO) and grounded("Is it?", []) == "Is it?"
    assert str(NoteLine("a.md", 3, "Open.")) == "a.md:3: Open."

"""Site notes in a scene_qa node over DDS: in the prompt, told with the answer, read again."""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import FREE, OK, YES_NO, QaBench, qa_bench  # noqa: E402

from smolvlm_ros.qa.verdict import YesNo  # noqa: E402
from smolvlm_ros.ros import grounding  # noqa: E402

QUESTION = "Is the charging dock free?"


class Listening:
    """An engine that keeps what it is asked, and repeats a free question."""

    name, description = "listening", "listening"

    def __init__(self, embedded: bool = False) -> None:
        self.embedded = embedded
        self.asked: list[str] = []

    def yes_no(self, image_rgb: Any, questions: Any) -> list[YesNo]:
        self.asked += questions
        return [YesNo((0.99, 0.01)[i], 1.0, 1.0) for i in range(len(questions))]

    def stream(self, image_rgb: Any, question: str, *_: Any, **__: Any) -> Iterator[str]:
        self.asked.append(question)
        yield "a text"

    def close(self) -> None:
        pass


@contextmanager
def bench(monkeypatch: pytest.MonkeyPatch, engine: Listening, *files: Path, **parameters: Any
          ) -> Iterator[QaBench]:
    monkeypatch.setattr("smolvlm_ros.ros.answering.make_engine", lambda *_: engine)
    monkeypatch.setattr("smolvlm_ros.nodes.scene_qa.CHECK_S", 0.05)
    with qa_bench(notes__files=[str(file) for file in files], rate__per_client_hz=0.0,
                  **parameters) as b:
        yield b


def notes_of(b: QaBench) -> list[str]:
    """The notes that the question is answered with."""
    given = b.ask(QUESTION, YES_NO)
    assert given.status == OK, given.message
    return list(given.verdict.notes)


def rewrite(file: Path, data: bytes) -> None:
    """Put the whole file in its place at once: the node reads it at any moment."""
    part = file.with_name("part")
    part.write_bytes(data)
    part.replace(file)


def test_the_best_line_goes_into_the_prompt_and_is_told_with_its_source(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "site.md"
    file.write_text("# Kitchen\n\n- The charging dock stands behind the sofa.\n- A red lamp.\n")
    engine = Listening()
    with bench(monkeypatch, engine, tmp_path) as b:
        b.two_frames()
        given = b.ask(QUESTION, YES_NO)
        assert given.status == OK
        assert given.verdict.notes == [f"{file}:3: The charging dock stands behind the sofa."]
        assert len(engine.asked) == 4  # question and negation, on two frames: all after the note
        for text in engine.asked:
            assert re.match(r"Site notes, written beforehand .*: \(1\) The charging dock stands "
                            r"behind the sofa\. .*dock", text)
        assert all("Site notes" not in text for text in given.verdict.pass_questions)
        free = b.ask("Where may the charging dock be?", FREE)
        assert free.text == "a text" and free.notes == given.verdict.notes
        assert len(free.frames) == 1 and "behind the sofa" in engine.asked[-1]
        other = b.ask("Is there a red ball?", YES_NO)
        assert engine.asked[-1].count("Site notes") == len(other.verdict.notes)
        # A changed file is read again; a broken one is told, and what was before stays.
        rewrite(file, b"The charging dock is out of order.\n")
        wait_for(lambda: notes_of(b) == [f"{file}:1: The charging dock is out of order."],
                 "the new line")
        rewrite(file, b"caf\xe9")
        b.peer.await_error("scene_qa", f"{file} is no UTF-8 text")
        assert notes_of(b)
        rewrite(file, b"")
        b.peer.await_status("scene_qa", lambda level, text, values: values["note_lines"] == "0"
                            and "UTF-8" not in text, "the empty file")
        assert notes_of(b) == []


def test_a_file_that_is_being_written_is_not_read_before_it_has_been(tmp_path: Path) -> None:
    file = tmp_path / "site.txt"
    file.write_text("The charging dock stands behind the sofa.\n")
    index = grounding.Grounding(grounding.NotesConfig(files=(str(file),)), _Faults())
    with file.open("wb") as writing:  # empty from here on
        index.refresh()
        assert len(index) == 1
        writing.write(b"The charging dock is out of order.\nThe lamp is red.\n")
    index.refresh()
    assert len(index) == 2
    file.write_text("")
    index.refresh()
    index.refresh()
    assert len(index) == 0


def test_a_broken_file_refuses_to_configure(tmp_path: Path) -> None:
    file = tmp_path / "site.md"
    with qa_bench(active=False, notes__files=[str(file)]) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", f"there is no {file}; see notes.files")
        file.write_text("The lamp is red.\n")
        assert b.node.trigger_configure().name == "SUCCESS"


def test_a_model_of_the_embedded_world_is_given_none_and_health_says_so(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "site.txt"
    file.write_text("The charging dock stands behind the sofa.\n")
    index = grounding.Grounding(grounding.NotesConfig(files=(str(file),)), _Faults())
    assert index.of(QUESTION, Listening(embedded=True)) == () and len(index) == 1
    assert "trained without site notes" in _Faults.told
    assert index.of(QUESTION, Listening())


class _Faults:
    told = ""

    def set(self, key: str, level: Any, text: str, for_s: float | None = None) -> None:
        _Faults.told = text

    def clear(self, key: str) -> None:
        pass

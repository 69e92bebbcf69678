"""Site notes: lines of text files that say what a camera cannot see, found by a question's words.

The files are the truth: their index lies in RAM and is made anew when one of them changes. Words
are compared as the memory compares them.
"""
from __future__ import annotations

import math
import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.memory.words import STOP, sought, words
from smolvlm_ros.qa.prompt import QuestionError, clean_text
from smolvlm_ros.settings import Settings, setting

ENDINGS = (".md", ".markdown", ".txt")
MAX_LINE = 160   # characters of a line that is given to a model
MAX_FILES = 200
_LEAST_LINE = 3  # characters; a shorter one says nothing
_MARKS = re.compile(r"^(?:[-*+>]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_RULE = re.compile(r"^[-=*_|:\s]+$")


class NotesError(ValueError):
    """Site notes cannot be used; the text names the file, the line and the cure."""


@dataclass(frozen=True)
class NotesConfig(Settings):
    """Site notes, the best lines of which go into the prompt."""

    files: tuple[str, ...] = setting(
        (), "Text or Markdown files (.txt, .md) with what the camera cannot see, or folders of "
        "them; they are read again when they change. Empty for none.", le=50)
    max_lines: int = setting(
        3, "Lines given to the model with a question at most; 0 for none.", unit="lines", ge=0,
        le=3, runtime=True)
    min_score: float = setting(
        0.35, "Least share of what the question's words weigh that a line must hold; a rare word "
        "weighs more than a common one.", ge=0.0, le=1.0, runtime=True)
    max_file_kb: int = setting(256, "Larger files are refused.", unit="kB", ge=1, le=10000)


@dataclass(frozen=True)
class NoteLine:
    """A line of a file.

    Attributes:
        file: its path, as it was given or found.
        line: its number, from 1.
        text: without list marks; at most MAX_LINE characters.
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def read_notes(file: Path, max_kb: int) -> Iterator[tuple[NoteLine, str]]:
    """The lines of a file that say something, each with the heading that it stands under.

    Raises:
        NotesError: it cannot be read, is too large, is no UTF-8 text, or holds a prompt token.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise NotesError(f"{file} cannot be read: {error.strerror}; make it readable, or take it "
                         "out of notes.files") from error
    if len(data) > 1000 * max_kb:
        raise NotesError(f"{file} has {len(data) / 1000:.0f} kB, more than notes.max_file_kb = "
                         f"{max_kb}; split or shorten it, or raise the limit")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotesError(f"{file} is no UTF-8 text (byte {error.start}); save it as UTF-8"
                         ) from error
    heading, fenced = "", False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.replace("\t", " ").strip()
        if line.startswith(("```", "~~~")):
            fenced = not fenced
            continue
        found = None if fenced else _HEADING.match(line)
        if found:
            heading = found[1]
            continue
        line = _MARKS.sub("", line)
        if len(line) < _LEAST_LINE or _RULE.match(line):
            continue
        try:
            kept = clean_text(line, f"{file}:{number}", max(len(line), 1))
        except QuestionError as error:
            raise NotesError(str(error)) from error
        if len(kept) > MAX_LINE:
            kept = kept[:MAX_LINE - 1].rsplit(" ", 1)[0] + "\u2026"
        yield NoteLine(str(file), number, kept), f"{heading} {line}"


class NotesIndex:
    """The lines of some files, searched by words. Safe in threads.

    Args:
        files: files, and folders whose files with one of ENDINGS are taken.
        max_file_kb: of each file.

    Raises:
        NotesError: see `read_notes`; or a file or folder is not there.
    """

    def __init__(self, files: Sequence[str], max_file_kb: int) -> None:
        self._given = tuple(files)
        self.state = self._now()
        self._lines: list[NoteLine] = []
        self._lock = threading.Lock()
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            connection.execute("CREATE VIRTUAL TABLE note USING fts5(words, content='', "
                               "tokenize='porter ascii', detail='none', columnsize=0)")
            for file in _files(self._given):
                for line, context in read_notes(file, max_file_kb):
                    self._lines.append(line)
                    kept = [w for w in words(context) if w not in STOP]
                    connection.execute("INSERT INTO note (rowid, words) VALUES (?, ?)",
                                       (len(self._lines) - 1, " ".join(kept)))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def __len__(self) -> int:
        """Lines."""
        return len(self._lines)

    @property
    def changed(self) -> bool:
        """True when a file is not as it was read."""
        return self._now() != self.state

    def best(self, question: str, config: NotesConfig) -> tuple[NoteLine, ...]:
        """The lines that hold most of what the question's words weigh, best first."""
        try:
            wanted, _ = sought(question)
        except ValueError:  # no word in it
            return ()
        if not wanted or not self._lines or not config.max_lines:
            return ()
        weights: dict[str, float] = {}
        scores: dict[int, float] = {}
        with self._lock:
            for word in wanted:
                rows = [row for row, in self._connection.execute(
                    "SELECT rowid FROM note WHERE note MATCH ?", (f'"{word}"',))]
                weights[word] = math.log1p(len(self._lines) / max(1, len(rows)))
                for row in rows:
                    scores[row] = scores.get(row, 0.0) + weights[word]
        total = sum(weights.values())
        good = [row for row, score in scores.items() if score >= config.min_score * total]
        good.sort(key=lambda row: (-scores[row], row))
        return tuple(self._lines[row] for row in good[:config.max_lines])

    def close(self) -> None:
        """Give the memory back; nothing is found any more."""
        with self._lock:
            self._lines = []
            self._connection.close()

    def _now(self) -> tuple[tuple[str, int, int], ...]:
        """What tells whether a file is the same: path, size and time of its last change."""
        state = []
        for file in _files(self._given):
            try:
                found = os.stat(file)
                state.append((str(file), found.st_size, found.st_mtime_ns))
            except OSError:
                state.append((str(file), -1, -1))
        return tuple(state)


def _files(given: Sequence[str]) -> list[Path]:
    """The files, and those in the folders, each once.

    Raises:
        NotesError: there is no such one, or there are too many.
    """
    found: dict[Path, None] = {}
    for name in given:
        path = Path(name).expanduser()
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*")
                            if p.suffix.lower() in ENDINGS and p.is_file())
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise NotesError(f"there is no {path}; see notes.files")
        if len(found) > MAX_FILES:
            raise NotesError(f"notes.files names more than {MAX_FILES} files (in {path}); name "
                             "fewer, or put several into one")
    return list(found)

"""The lists of questions that the geometry guard is tested and measured with.

A list is a text file: `[LANGUAGE KIND]`, with KIND geometry or ordinary, and a question per line.
"""
from __future__ import annotations

from pathlib import Path

from smolvlm_ros.qa.guard import QuestionKind

Listed = tuple[str, QuestionKind, str]  # language, where it belongs, question


def read(name: str) -> tuple[Listed, ...]:
    """The questions of `guard_<name>.txt` beside this file."""
    language, kind = "", QuestionKind.ORDINARY
    found: list[Listed] = []
    for line in (Path(__file__).parent / f"guard_{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            language, _, kind_name = line.strip("[]").partition(" ")
            kind = QuestionKind(kind_name)
        elif line and not line.startswith("#"):
            found.append((language, kind, line))
    return tuple(found)


DEVELOPED = read("developed")  # what the rules were made with
HELD_OUT = read("held_out")  # what they are measured with

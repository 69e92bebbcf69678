"""Model cards: the README.md that the hub shows beside a checkpoint.

A card has YAML front matter, sections, and one table of figures between two marks, so that a
benchmark can put its own figures there later without touching the rest.
"""
from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.models.registry import APACHE

CARD = "README.md"
_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"
_NOT_YET = "Not measured yet."
_ONLY_HERE = ("For the embedded world of smolvlm_ros only, which is drawn, not photographed. It "
              "knows nothing else: on a real camera its answers are worth nothing.")


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        name: what was measured.
        value: as text: '0.062'.
        target: as text: 'at most 0.08'; empty for none.
    """

    name: str
    value: str
    target: str = ""


@dataclass(frozen=True)
class Card:
    """What a card says.

    Attributes:
        title: of the checkpoint.
        pipeline_tag: the hub's name of the task: 'depth-estimation'.
        summary: what it is, in a sentence or two.
        sections: heading to text, in order: what it was trained on, how, its limits.
    """

    title: str
    pipeline_tag: str
    summary: str
    sections: Mapping[str, str]

    def text(self, figures: Sequence[Figure] = (), measured_on: str = "") -> str:
        """The card in Markdown.

        Args:
            figures: rows of the table; none for one that is measured later.
            measured_on: what they were measured on, and by which command.
        """
        front = {"license": APACHE.lower(), "library_name": "transformers",
                 "pipeline_tag": self.pipeline_tag, "tags": ["smolvlm_ros", "synthetic"]}
        # JSON is YAML, and quotes what needs quotes.
        lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", "",
                 f"# {self.title}", "", self.summary, "", f"**{_ONLY_HERE}**", ""]
        for heading, body in self.sections.items():
            lines += [f"## {heading}", "", body.strip(), ""]
        lines += ["## How good", "", _BEGIN, _table(figures, measured_on), _END, ""]
        return "\n".join(lines)


def write_card(folder: Path, card: Card, figures: Sequence[Figure] = (),
               measured_on: str = "") -> Path:
    """Write a checkpoint's card; figures that an earlier card has are not kept."""
    path = folder / CARD
    path.write_text(card.text(figures, measured_on), encoding="utf-8")
    return path


def put_figures(folder: Path, figures: Sequence[Figure], measured_on: str) -> None:
    """Replace the table of a card that is there.

    Raises:
        ValueError: the card has no place for a table.
        OSError: there is no card, or it cannot be written.
    """
    path = folder / CARD
    text = path.read_text(encoding="utf-8")
    if text.count(_BEGIN) != 1 or text.count(_END) != 1 or text.index(_END) < text.index(_BEGIN):
        raise ValueError(f"{path} lacks the lines '{_BEGIN}' and '{_END}' between which the "
                         "figures stand; put them in")
    head, rest = text.split(_BEGIN)
    new = path.with_suffix(".new")
    new.write_text(f"{head}{_BEGIN}\n{_table(figures, measured_on)}\n{_END}{rest.split(_END)[1]}",
                   encoding="utf-8")
    os.replace(new, path)


def _table(figures: Sequence[Figure], measured_on: str) -> str:
    if not figures:
        return _NOT_YET
    rows = ["| figure | value | target |", "| --- | --- | --- |",
            *(f"| {f.name} | {f.value} | {f.target or '-'} |" for f in figures)]
    return "\n".join([*([measured_on, ""] if measured_on else []), *rows])

"""The geometry guard: questions for measurements never reach the language model.

A small VLM answers "how far?" with a confident number that it made up. Distance, size, direction,
speed and counts beyond a few come from fusion, or are refused with what to call instead. What is
only located ("the person near the door", "the box on the left side of the image") stays ordinary.
The rules are in `guard_rules`, one table per language; every table is tried, so the language need
not be known.
"""
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from smolvlm_ros.qa.guard_rules import LOCATED, RULES


class QuestionKind(str, Enum):
    """Who may answer a question."""

    ORDINARY = "ordinary"  # the model
    GEOMETRY = "geometry"  # fusion


class Aspect(str, Enum):
    """What a geometry question is about."""

    DISTANCE = "distance"
    SIZE = "size"
    DIRECTION = "direction"
    SPEED = "speed"
    COUNT = "count"


_INSTEAD = {
    Aspect.DISTANCE: "call ~/measure (MeasureDistance) of the fusion node",
    Aspect.SIZE: "read bbox.size of the object in `objects` (Detection3DArray)",
    Aspect.DIRECTION: "read the positions in `objects` (Detection3DArray) in a frame you choose",
    Aspect.SPEED: "follow the positions of its track in `objects` (Detection3DArray) over time",
    Aspect.COUNT: "count the entries of `objects` (Detection3DArray)",
}


@dataclass(frozen=True)
class Guarded:
    """What the guard says of a question.

    Attributes:
        kind: ORDINARY or GEOMETRY.
        aspect: what it is about; None for an ordinary question.
        matched: the words that gave it away, without accents and in lower case.
    """

    kind: QuestionKind
    aspect: Aspect | None = None
    matched: str = ""

    @property
    def advice(self) -> str:
        """What to call instead; empty for an ordinary question."""
        if self.aspect is None:
            return ""
        return (f"a question of {self.aspect.value} ({self.matched!r}) is not for the language "
                f"model; {_INSTEAD[self.aspect]}")


def check(question: str) -> Guarded:
    """Who may answer the question, and if not the model, what it is about."""
    text = plain(question)
    for located in _located():
        text = located.sub(" ~ ", text)
    for aspect, pattern in _rules():
        match = pattern.search(text)
        if match:
            return Guarded(QuestionKind.GEOMETRY, aspect, match.group().strip())
    return Guarded(QuestionKind.ORDINARY)


def classify(question: str) -> QuestionKind:
    """`check`, without the reason."""
    return check(question).kind


def plain(text: str) -> str:
    """The text as the rules are written: lower case, no accents, plain quotes, single spaces.

    `plain("À quelle distance ?")` is `"a quelle distance ?"`; 'ß' becomes 'ss'.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(bare.replace("’", "'").split())


@lru_cache(maxsize=1)
def _rules() -> tuple[tuple[Aspect, re.Pattern[str]], ...]:
    """The tables joined: every language's rules of one aspect, compiled."""
    return tuple((aspect, re.compile("|".join(f"(?:{rule})" for table in RULES.values()
                                              for rule in table[aspect.value])))
                 for aspect in (Aspect.COUNT, Aspect.SPEED, Aspect.SIZE, Aspect.DIRECTION,
                                Aspect.DISTANCE))


@lru_cache(maxsize=1)
def _located() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(rule) for rule in LOCATED)

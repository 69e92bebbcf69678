"""The geometry guard: questions for measurements never reach the language model.

A small VLM answers "how far?" with a confident number that it made up. Distance, size, direction,
speed and counts beyond a few come from fusion, or are refused with what to call instead.

What is asked decides, not what is named on the way: "which box is largest?" is geometry, "what
colour is the largest box?" is ordinary. The model may take another box for the largest there; who
cannot bear that asks of the object itself (`track_id` of ~/ask). So are, as ordinary: a thing that
is only located ("the person near the door", "the left side of the image"), a thing named by its
length ("the 20 ft container"), what a sign or a display says, temperatures, durations (but for how
long until something is reached), and names with an underscore ("zone_2m"). Left of, behind or close
to the robot is geometry.

The rules are in `guard_rules`, one table per language; every table is tried, so the language need
not be known.
"""
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache

from smolvlm_ros.qa.guard_rules import (
    ANYWHERE,
    LEADING,
    ORDINARY,
    QUOTED,
    RULES,
    TRAILING,
)


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

# The first that matches names the aspect.
_ORDER = (Aspect.COUNT, Aspect.SPEED, Aspect.SIZE, Aspect.DIRECTION, Aspect.DISTANCE)
_LEADING, _TRAILING = re.compile(LEADING), re.compile(TRAILING)
# German without umlauts: "Hoehe" for "Höhe", "Laenge" for "Länge".
_SPELLED_UMLAUT = re.compile("([aou])e")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "´": "'", "`": "'", "。": ".", "、": ",", "¿": "",
                        "¡": ""})


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
    text = _without(_ordinary(), _TRAILING.sub("", plain(question)))
    folded = _without(_ordinary("de"), _SPELLED_UMLAUT.sub(r"\1", text))
    # What comes after an address to the robot is tried too.
    readings = {(text, ""): None, (_LEADING.sub("", text), ""): None}
    if folded != text:
        readings |= {(folded, "de"): None, (_LEADING.sub("", folded), "de"): None}
    for aspect in _ORDER:
        for reading, language in readings:
            match = _rules(aspect, language).search(reading)
            if match:
                return Guarded(QuestionKind.GEOMETRY, aspect, match.group().strip())
    return Guarded(QuestionKind.ORDINARY)


def classify(question: str) -> QuestionKind:
    """`check`, without the reason."""
    return check(question).kind


def plain(text: str) -> str:
    """The text as the rules are written: lower case, no accents, plain quotes, single spaces.

    `plain("À quelle distance ?")` is `"a quelle distance ?"`; 'ß' becomes 'ss', full-width
    punctuation becomes plain, and what prints nothing is left out.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    bare = "".join(c for c in decomposed
                   if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    return " ".join(bare.split())


def _without(patterns: tuple[re.Pattern[str], ...], text: str) -> str:
    for pattern in patterns:
        text = pattern.sub(" _ ", text)
    return " ".join(text.split())


@cache
def _rules(aspect: Aspect, language: str = "") -> re.Pattern[str]:
    """Every language's rules of one aspect, or one language's, compiled."""
    return re.compile("|".join(f"(?:{rule})" for known, table in RULES.items()
                               if language in ("", known)
                               for rule in (*table[aspect.value], *ANYWHERE.get(aspect.value, ()))))


@cache
def _ordinary(language: str = "") -> tuple[re.Pattern[str], ...]:
    """What is taken out: quotes first, then what every language, or one, calls ordinary."""
    rules = [rule for known, table in ORDINARY.items() if language in ("", known) for rule in table]
    return tuple(map(re.compile, (*QUOTED, *rules)))

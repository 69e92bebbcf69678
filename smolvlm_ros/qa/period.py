"""The time that a question is about: 'in the last 20 seconds'."""
from __future__ import annotations

import re
from collections.abc import Iterable

_ONES = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
         "nine": 9}
_TEENS = {"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
          "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
         "eighty": 80, "ninety": 90}
NUMBERS = (*_ONES, *_TEENS, *_TENS, "hundred")
_VALUES = {**_ONES, **_TEENS, **_TENS, "few": 5, "couple": 2, "half": 0.5}
_UNITS_S = {**dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
            **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
            **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
            **dict.fromkeys(("day", "days"), 86400.0), **dict.fromkeys(("week", "weeks"), 604800.0)}


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_DIGITS = r"\d{1,6}(?:[.,]\d{1,2})?(?![.,]?\d)"
_NUMBER = (rf"(?:{_DIGITS}|(?:(?:an?|{_any(_ONES)}) )?hundred"
           rf"|(?:{_any(_TENS)})(?:[ -](?:{_any(_ONES)}))?|{_any([*_ONES, *_TEENS])}"
           r"|(?:a )?few|(?:a )?couple(?: of)?)")
_UNIT = rf"(?:{_any(_UNITS_S)})\b"
_PART = (rf"(?:{_DIGITS}|(?:{_NUMBER}|an?)(?: and a half)?[ -]|half(?: an?)?[ -])?{_UNIT}"
         r"(?: and a half\b)?")
_NEXT = rf"(?:,? and |,? )(?:{_DIGITS}|{_NUMBER}[ -]){_UNIT}"
_PERIOD = re.compile(
    r"[ ,]*\b(?:(?P<within>in|during|over|within|for|throughout) (?:the )?(?:last|past|previous)"
    rf"|(?:the )?(?:last|previous)) (?P<length>{_PART}(?:{_NEXT})*)", re.IGNORECASE)
_LENGTH = re.compile(rf"(?P<count>.*?)(?P<unit>{_UNIT})(?P<half> and a half\b)?", re.IGNORECASE)


def period_of(question: str) -> tuple[float, str]:
    """How many last seconds a question is about, and the question without that.

    `period_of("What happened in the last 20 seconds?")` is `(20.0, "What happened?")`; 0 for a
    question about now, and for one whose time is not understood (see `time_words`). English; for
    other languages a request says it in a field.
    """
    found = _find(question)
    if found is None:
        return 0.0, question
    rest = (question[:found.start()] + question[found.end():]).strip(" ,")
    return _length_s(found), rest[:1].upper() + rest[1:]


def period_words(question: str) -> str:
    """The words that say it, as 'in the last 20 seconds'; '' for none."""
    found = _find(question)
    return found.group().strip(" ,") if found else ""


def is_whole(question: str) -> bool:
    """True where it says that it is about all of that time: 'for', 'throughout', or with nothing
    before it ("Was the door open the last minute?")."""
    found = _find(question)
    return found is not None and (found["within"] or "for").lower() in ("for", "throughout")


def _find(question: str) -> re.Match[str] | None:
    for found in _PERIOD.finditer(question):
        # "Is the last day on the calendar marked?" is about now.
        if (not found["within"] and found["length"].lower() in _UNITS_S
                and re.search(r"\w", question[found.end():])):
            continue
        if _length_s(found) > 0:
            return found
    return None


def _length_s(found: re.Match[str]) -> float:
    return sum(_seconds(part) for part in _LENGTH.finditer(found["length"].lower()))


def _seconds(part: re.Match[str]) -> float:
    words = [word for word in re.split(r"[ -]+", part["count"]) if word]
    count = 0.0
    for word in words:
        if word[0].isdigit():
            count += float(word.strip(",").replace(",", "."))
        else:
            count = 100.0 * max(1.0, count) if word == "hundred" else count + _VALUES.get(word, 0)
    if not count and not any(word[0].isdigit() for word in words):
        count = 1.0  # 'the last minute', 'the last hour'
    return (count + (0.5 if part["half"] else 0.0)) * _UNITS_S[part["unit"]]

"""The time that a question is about: 'in the last 20 seconds'."""
from __future__ import annotations

import re

_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
            "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
            "forty": 40, "sixty": 60, "a": 1, "an": 1, "few": 5, "couple of": 2}
_UNITS_S = {"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0,
            "mins": 60.0, "minute": 60.0, "minutes": 60.0, "half minute": 30.0, "hour": 3600.0,
            "hours": 3600.0}
_PERIOD = re.compile(
    r"[ ,]*\b(?:(?:in|during|over|within|for|throughout) (?:the )?(?:last|past)|(?:the )?last) "
    rf"(?:(?P<number>\d{{1,4}}(?:\.\d)?|{'|'.join(_NUMBERS)}) ?)?"
    rf"(?P<unit>{'|'.join(sorted(_UNITS_S, key=len, reverse=True))})\b", re.IGNORECASE)


def period_of(question: str) -> tuple[float, str]:
    """How many last seconds a question is about, and the question without that.

    `period_of("What happened in the last 20 seconds?")` is `(20.0, "What happened?")`; 0 for a
    question about now. English; for other languages a request says it in a field.
    """
    found = _PERIOD.search(question)
    if not found:
        return 0.0, question
    number = (found["number"] or "1").lower()
    count = float(_NUMBERS.get(number, 0) or number)
    rest = (question[:found.start()] + question[found.end():]).strip(" ,")
    return count * _UNITS_S[found["unit"].lower()], rest[:1].upper() + rest[1:]

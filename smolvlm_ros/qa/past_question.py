"""What a question about the past asks: whether a thing was there, or which of two came first."""
from __future__ import annotations

import re
from dataclasses import dataclass

from smolvlm_ros.qa.period import NUMBERS
from smolvlm_ros.qa.time_words import other_time

_WHAT = r"(?:ever )?(?:the |an? |any |some )?(?P<{}>[\w][\w -]{{0,40}}?)"
_CAME = (r"(?:come|came|appear|appeared|arrive|arrived|enter|entered|get here|show up|there|here"
         r"|seen|visible|in sight|in view)(?: into view| in view| in sight| in| here| there)?")
_ORDER = re.compile(rf"^(?:did|was|were|has|have) {_WHAT.format('first')} {_CAME} "
                    rf"(?P<word>before|after|earlier than|later than) {_WHAT.format('second')}"
                    r"(?: did| came| appeared| arrived| was)?\?*$", re.IGNORECASE)
_SEEN = re.compile(rf"^(?:did {_WHAT.format('came')} {_CAME}"
                   rf"|(?:was|were|has|have) there (?:been )?{_WHAT.format('there')}"
                   rf"|(?:was|were) {_WHAT.format('was')} {_CAME})\?*$", re.IGNORECASE)
# With these a name says more than a frame can show: of 'person after the ball' that is a person.
_MORE = re.compile(
    r"^there\b|\b(?:no|not|never|none|nobody|nothing|neither|nor|without|except|only|just|another"
    r"|other|else|more|less|fewer|most|least|before|after|earlier|later|while|when|during|until"
    r"|again|still|already|yet|once|twice|times|same|both|all|every|each|many|several|few|and|or"
    r"|but|together|alone|anything|something|everything|always|constantly|continuously|often"
    rf"|rarely|seldom|hardly|barely|almost|anymore|{'|'.join(NUMBERS)})\b|n't\b|\d \w|^\d",
    re.IGNORECASE)
_SOMEBODY = re.compile(r"^(?:any|some)(?:one|body)\b")


@dataclass(frozen=True)
class Order:
    """Whether one thing was there before another.

    Attributes:
        first, second: what they are called, without article.
        before: False for 'after'.
    """

    first: str
    second: str
    before: bool


@dataclass(frozen=True)
class Presence:
    """Whether a thing was there at some time."""

    what: str


def parse(question: str) -> Order | Presence | None:
    """What a question about the past asks; None for another one, and where a name says more than
    what is there ("never a person", "two persons", "person after the ball").

    `parse("Did the ball come before the person?")` is `Order("ball", "person", True)`.
    """
    body = question.strip().rstrip("? ")
    found = _ORDER.match(body) or _SEEN.match(body)
    if not found:
        return None
    names = {key: name.lower() for key, name in found.groupdict().items() if name}
    word = names.pop("word", "")
    if any(_MORE.search(name) or other_time(name) for name in names.values()):
        return None
    if word:
        return Order(_called(names["first"]), _called(names["second"]),
                     word in ("before", "earlier than"))
    return Presence(*map(_called, names.values()))


def _called(name: str) -> str:
    return _SOMEBODY.sub("person", name)

"""What a question about the past asks: whether a thing was there or came, or which of two came
first."""
from __future__ import annotations

import re
from dataclasses import dataclass

from smolvlm_ros.qa.period import NUMBERS, period_words
from smolvlm_ros.qa.time_words import other_time, unquoted

_WHAT = r"(?:ever )?(?:the |an? |any |some )?(?P<{}>[\w][\w -]{{0,40}}?)"
_WHERE = r"(?: into view| in view| in sight| in| here| there)?"
_COME = (r"(?:ever )?(?:come|came|appear|appeared|arrive|arrived|enter|entered|get here|show up)"
         + _WHERE)
_STATE = rf"(?:ever )?(?:been )?(?:there|here|seen|visible|in sight|in view){_WHERE}"
_THAN = r"(?P<word>before|after|earlier than|later than)"
_TAIL = rf"(?: did| was| were|(?: had| has)? {_COME}|(?: was| were)? {_STATE})?\?*$"
_ORDER = re.compile(rf"^(?:(?:did|has|have) {_WHAT.format('comes')} {_COME}"
                    rf"|(?:was|were|has|have) {_WHAT.format('stays')} {_STATE}) {_THAN} "
                    rf"{_WHAT.format('second')}{_TAIL}", re.IGNORECASE)
_CAME = re.compile(rf"^did {_WHAT.format('came')} {_COME}\?*$", re.IGNORECASE)
_SEEN = re.compile(rf"^(?:(?:was|were|has|have) there (?:been )?{_WHAT.format('there')}"
                   rf"|(?:was|were) {_WHAT.format('was')} {_STATE})\?*$", re.IGNORECASE)
# With these a name says more than a frame can show: of 'person after the ball' that is a person.
_MORE = re.compile(
    r"^there\b|\b(?:no|not|never|none|nobody|nothing|neither|nor|without|except|only|just|another"
    r"|other|else|more|less|fewer|most|least|before|after|earlier|later|while|when|during|until"
    r"|again|still|already|yet|once|twice|times|same|both|all|every|each|many|several|few|and|or"
    r"|but|together|alone|anything|something|everything|always|constantly|continuously|often"
    r"|rarely|seldom|hardly|barely|almost|anymore|throughout|(?:whole|entire) time"
    r"|for an? (?:\w+ )?(?:minute|hour|while|moment|second(?! \w))|(?<!next )(?<!close )to"
    r"|(?<!who )(?<!that )(?<!which )(?:is|are|was|were|be|been|has|have|had|do|does|did)"
    rf"|{'|'.join(NUMBERS)})\b|n't\b|\d \w|^\d", re.IGNORECASE)
# So does a verb: a person that fell is seen as a person, and so is one that let the dog come in.
_DONE = re.compile(
    r"\w (?:(?<!the )left|fell|went|sat|stood|ran|got|took|began|broke|hit|hurt|bitten|stolen|taken"
    r"|broken|(?!(?:shed|sled|seed|weed|reed|moped)\b)\w{2,}ed)"
    r"(?= (?:down|off|out|over|up|away|in|into|on|onto|at|by|from|with|the|an?)\b|$)"
    r"|\w (?:help|let|make|see|watch|hear) (?:the|an?|some\w+|any\w+)\b", re.IGNORECASE)
_SOMEBODY = re.compile(r"^(?:any|some)(?:one|body)\b")
_EVER = re.compile(r"\b(?:ever|never)\b|^(?:was|were|did|has|have|had)\b.*\b(?P<word>always)\b",
                   re.IGNORECASE)


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
    """Whether a thing was there at some time.

    Attributes:
        what: what it is called, without article.
        came: whether it came in that time: what was there all along did not.
    """

    what: str
    came: bool = False


def parse(question: str) -> Order | Presence | None:
    """What a question about the past asks; None for another one, and where a name says more than
    what is there ("never a person", "two persons", "person after the ball", "person fell").

    `parse("Did the ball come before the person?")` is `Order("ball", "person", True)`. Whether a
    thing "was there after" another is no question of what came first, and None.
    """
    body = _body(question)
    found = _ORDER.match(body) or _CAME.match(body) or _SEEN.match(body)
    if not found:
        return None
    names = {key: name.lower() for key, name in found.groupdict().items() if name}
    before = names.pop("word", "") in ("before", "earlier than")
    if any(_MORE.search(name) or other_time(name)
           or (key != "there" and _DONE.search(name)) for key, name in names.items()):
        return None
    if "second" not in names:
        (thing,) = names.values()
        return Presence(_called(thing), came="came" in names)
    if "stays" in names and not before:
        return None
    first, second = map(_called, names.values())
    return Order(first, second, before)


def not_now(question: str) -> str:
    """The words of a question that ask about another time than now, so that frames of now do not
    answer it; '' for none.

    `not_now("Did the ball come before the person?")` is `"before"`.
    """
    return period_words(question) or other_time(question) or ever(question)


def ever(question: str) -> str:
    """As `not_now`, of a question that does not say which time; '' where it does, too."""
    body = _body(unquoted(question))
    found = _EVER.search(body)
    if found:
        return found["word"] or found.group()
    order = _ORDER.match(body)
    if order:
        return order["word"]
    return body if _CAME.match(body) else ""


def _body(question: str) -> str:
    return question.strip().rstrip("? ")


def _called(name: str) -> str:
    return _SOMEBODY.sub("person", name)

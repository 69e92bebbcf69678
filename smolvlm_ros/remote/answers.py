"""What a server's answer says, nothing of it taken for granted.

A completion that is not one raises BadAnswer. A completion whose content does not clearly say yes
or no is no error: it is UNSURE.
"""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smolvlm_ros.qa.parse import parse_yes_no
from smolvlm_ros.qa.verdict import Answer
from smolvlm_ros.remote.errors import BadAnswer
from smolvlm_ros.remote.transport import loads_strict

_WORDS = {"Yes": Answer.YES, "yes": Answer.YES, "YES": Answer.YES,
          "No": Answer.NO, "no": Answer.NO, "NO": Answer.NO}
_SPACES = " \t\r\n\u0120\u2581"  # the last two are how vocabularies write a space
_TOLERANCE = 1e-3
_MAX_REASON = 500  # characters
_MAX_JSON = 10_000
ANSWERS = ("yes", "no", "unsure")
KEYS = ("answer", "confidence", "reason")
STRUCTURED = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": list(ANSWERS)},
                   "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                   "reason": {"type": "string"}},
    "required": list(KEYS),
    "additionalProperties": False,
}
YES_OR_NO = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": list(ANSWERS)}},
    "required": ["answer"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Completion:
    """A server's answer.

    Attributes:
        text: of the first choice.
        finish: why it ended, 'stop' or 'length' or the server's own word; empty when not said.
        refused: the model declined, or a filter did.
        tokens: what the server says of the tokens' probabilities; None for nothing.
        model: the model's name as the server has it; empty when not said.
    """

    text: str
    finish: str = ""
    refused: bool = False
    tokens: Any = None
    model: str = ""

    @property
    def has_probabilities(self) -> bool:
        """True when alternatives of the first token came with it."""
        return first_token(self) is not None


@dataclass(frozen=True)
class Delta:
    """A piece of a streamed answer; `ended` when it is the last one with text."""

    text: str
    ended: bool


@dataclass(frozen=True)
class Structured:
    """An answer with its reason.

    Attributes:
        answer: UNSURE also where the text was not as asked for.
        confidence: as the model says, 0 to 1; 0 where it was not as asked for.
        reason: the model's, or what was wrong with its answer.
        valid: the text was as asked for.
    """

    answer: Answer
    confidence: float
    reason: str
    valid: bool


def completion_of(value: Any) -> Completion:
    """Read a chat completion.

    Raises:
        BadAnswer: it is none.
    """
    choice = _first_choice(value)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise BadAnswer("the server's answer has no message")
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise BadAnswer("the server's message is not a text")
    finish = choice.get("finish_reason")
    refused = bool(message.get("refusal")) or finish == "content_filter"
    name = value.get("model")
    return Completion(_clean(content or ""), finish if isinstance(finish, str) else "", refused,
                      choice.get("logprobs"), name if isinstance(name, str) else "")


def delta_of(value: Any) -> Delta:
    """Read a piece of a streamed chat completion.

    Raises:
        BadAnswer: it is none, or an error that the server tells in the middle.
    """
    if isinstance(value, Mapping) and value.get("choices") == []:
        return Delta("", False)  # a last piece with counts of tokens only
    choice = _first_choice(value)
    delta = choice.get("delta")
    content = delta.get("content") if isinstance(delta, Mapping) else None
    if not isinstance(delta, Mapping) or (content is not None and not isinstance(content, str)):
        raise BadAnswer("a piece of the server's answer has no text")
    return Delta(_clean(content or ""), choice.get("finish_reason") is not None)


def model_names(value: Any) -> list[str]:
    """The names in a list of models.

    Raises:
        BadAnswer: it is no such list.
    """
    data = value.get("data") if isinstance(value, Mapping) else None
    if not isinstance(data, list):
        raise BadAnswer("the server does not list its models; set the setting model")
    names = [entry.get("id") if isinstance(entry, Mapping) else None for entry in data]
    if not all(isinstance(name, str) and name for name in names):
        raise BadAnswer("the server's list of models is none; set the setting model")
    return [str(name) for name in names]


def first_token(completion: Completion) -> list[tuple[str, float]] | None:
    """The alternatives of the first token with their probabilities; None where there are none.

    Anything wrong with them (no numbers, probabilities above 1 alone or together) is none.
    """
    content = completion.tokens.get("content") if isinstance(completion.tokens, Mapping) else None
    first = content[0] if isinstance(content, list) and content else None
    top = first.get("top_logprobs") if isinstance(first, Mapping) else None
    if not isinstance(top, list) or not top:
        return None
    found = []
    for entry in top:
        token = entry.get("token") if isinstance(entry, Mapping) else None
        value = entry.get("logprob") if isinstance(entry, Mapping) else None
        if not isinstance(token, str) or isinstance(value, bool) or not isinstance(
                value, (int, float)) or not -1e6 <= value <= _TOLERANCE:  # NaN fails too
            return None
        found.append((token, math.exp(min(value, 0.0))))
    return found if sum(p for _, p in found) <= 1 + _TOLERANCE else None


def yes_no_of(completion: Completion) -> tuple[float, float] | None:
    """p(yes) against no, and their mass, from the probabilities of the first token.

    As the local engine's, over the same words. Of a word that is not among the alternatives only
    an upper bound is known, the least probable alternative and what is left to 1; it is taken, so
    that a certainty which the server did not show is not assumed.

    Returns:
        None when there are no valid probabilities, or they contradict the text.
    """
    top = first_token(completion)
    if top is None or completion.refused:
        return None
    sums = {Answer.YES: 0.0, Answer.NO: 0.0}
    seen = set()
    for token, p in top:
        word = _WORDS.get(token.strip(_SPACES))
        if word is not None:
            sums[word] += p
            seen.add(word)
    mass = min(sum(sums.values()), 1.0)
    rest = max(0.0, min(min(p for _, p in top), 1.0 - sum(p for _, p in top)))
    for word in sums:
        if word not in seen:
            sums[word] = rest
    either = sum(sums.values())
    if not seen or either <= 0:
        return 0.5, 0.0
    p_yes = sums[Answer.YES] / either
    # The text is the most probable token (temperature 0): a server whose text says otherwise, or
    # something else though yes and no have most of the mass, is not to be believed.
    if mass > 0.5 and p_yes != 0.5:
        expected = Answer.YES if p_yes > 0.5 else Answer.NO
        if parse_yes_no(completion.text) is not expected:
            return None
    return p_yes, mass


def said_yes_no(completion: Completion) -> Answer:
    """What the text of a whole answer says; one that was cut off or refused says nothing."""
    if completion.refused or completion.finish != "stop":
        return Answer.UNSURE
    return parse_yes_no(completion.text)


def structured_of(completion: Completion) -> Structured:
    """Read an answer that was asked for in the schema `STRUCTURED`; whatever is not so is UNSURE.

    Exactly its three keys, each once; the answer one of its three words as they are written there,
    so neither true nor "false"; the confidence a number from 0 to 1; the reason a text.
    """
    if completion.refused:
        return _invalid("the model declined to answer")
    if completion.finish != "stop":
        return _invalid(f"the answer did not come to its end ({completion.finish[:30] or 'no'} "
                        "finish_reason)")
    text = completion.text
    if len(text) > _MAX_JSON:
        return _invalid(f"the answer has {len(text)} characters")
    try:
        value = loads_strict(text)
    except ValueError:
        return _invalid("the answer is not a JSON object with each key once")
    if not isinstance(value, dict) or set(value) != set(KEYS):
        return _invalid("the answer has not the keys answer, confidence, reason")
    answer, confidence, reason = value["answer"], value["confidence"], value["reason"]
    if not isinstance(answer, str) or answer not in ANSWERS:
        return _invalid("the answer is not yes, no or unsure")
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not (
            0 <= confidence <= 1):
        return _invalid("the confidence is not a number from 0 to 1")
    if not isinstance(reason, str):
        return _invalid("the reason is not a text")
    return Structured(Answer(answer.upper()), float(confidence), reason[:_MAX_REASON], True)


def _invalid(why: str) -> Structured:
    return Structured(Answer.UNSURE, 0.0, f"the server's answer cannot be used: {why}", False)


def _first_choice(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and value.get("error"):
        raise BadAnswer("the server answered with an error instead of an answer; see its log")
    choices = value.get("choices") if isinstance(value, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise BadAnswer("the server's answer is no chat completion; is it OpenAI-compatible?")
    return choices[0]


def _clean(text: str) -> str:
    """Half a character from JSON's escapes cannot be written anywhere; '?' stands for it."""
    return text.encode("utf-8", "replace").decode("utf-8")

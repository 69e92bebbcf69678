"""A text answer (of a server, or of a model that could not be constrained) to YES, NO or UNSURE.

What is not clearly yes is never yes, and what is not clearly no is never no: a planner acts on
both. The string "false" is such a case; others have been seen to read it as true.
"""
from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from smolvlm_ros.qa.verdict import Answer

_MAX_TEXT = 2000
_WORDS = {"yes": Answer.YES, "no": Answer.NO}
_EDGES = " \t\r\n.!*_`'\"“”‘’"
# "Yes, a person lies there." The rest must not take the word back. "No. 5" is a number.
_SENTENCE = re.compile(r"^(yes|no)(?:\s*[,.;:!\n]\s*|\s+-\s+)(?![\d\s])(.+)$", re.DOTALL)
_DOUBT = (r"but|however|although|though|unless|except|maybe|perhaps|possibl[ey]|probably|likely"
          r"|might|may|could|seems?|appears?|unclear|unsure|uncertain|not sure|cannot|can't|unable"
          r"|or|hard to|difficult|guess|actually|wait|if|assum\w*|sorry|unknown")
_TAKES_YES_BACK = re.compile(rf"\b(?:{_DOUBT}|no|not|none|nothing|nobody|never|false|wrong"
                             r"|without|neither|nor)\b|n['’]t\b")
_TAKES_NO_BACK = re.compile(rf"\b(?:{_DOUBT}|yes|true|wrong|doubt)\b")
# What says that it could not be seen is neither. "No person is visible" is a no.
_IMAGE = r"(?:image|picture|photo|frame|view|footage|camera|lens)"
_BLIND = re.compile("|".join((
    r"\b(?:cannot|can not|can['’]?t|could not|couldn['’]?t|unable to|not able to|impossible to"
    r"|not possible to|no way to|hard to|difficult to)\b[^.;]{0,20}?\b(?:see|seen|tell|told|say"
    r"|make out|made out|determin\w*|discern\w*|identif\w*|verif\w*|confirm\w*|judged?|assess\w*"
    r"|recogni\w*|distinguish\w*)\b",
    r"(?:\bnot|n['’]t)(?: (?:clearly|fully|directly|currently|actually|really|well|even))? "
    r"(?:visible|shown|depicted|discernible|recogni[sz]able|clear|in (?:view|sight|focus)"
    rf"|in (?:the |this )?{_IMAGE})\b",
    r"\binvisible\b|\bnothing (?:is |can be )?(?:visible|seen|shown)\b|\bsees? nothing\b",
    r"\btoo (?:\w+ )?(?:dark|dim|bright|blurr\w+|small|far|distant|noisy|grainy|low|poor|hazy|foggy"
    r"|unclear)\b",
    r"\b(?:blurr(?:y|ed)|out of focus|(?:over|under)-?exposed|pixelated|grainy|occluded|obscured"
    r"|illegible|unreadable|indistinct|inconclusive)\b",
    r"\b(?:poor|low|bad|limited) (?:visibility|light|lighting|quality|resolution)\b",
    r"\b(?:insufficient|not enough) (?:light|lighting|detail|information|evidence|resolution)\b",
    rf"\b{_IMAGE}s? (?:is|are|was|were|looks?)(?: \w+)? (?:dark|black|blank|blocked|covered|hidden"
    r"|obstructed)\b",
    rf"\b(?:dark|black|blank|no) {_IMAGE}s?\b")))
_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)
_P_YES = "p_yes"
_PROBABILITIES = (_P_YES, "probability", "confidence")


def parse_yes_no(text: Any) -> Answer:
    """What a text answer says.

    Understood are `Yes`, `No.`, `Yes, …` and `No, …` where the rest does not take it back, and a
    JSON object with `answer` as "yes", "no", true or false. An object with a probability
    (`p_yes`, `probability` or `confidence`) outside of 0 to 1, with a key twice, with a `p_yes`
    that contradicts its answer, or with less than 0.5 as what it gives to its own answer is
    UNSURE, as is what `cannot_see`, and everything else.

    Args:
        text: the answer; anything but a string is UNSURE.
    """
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        return Answer.UNSURE
    stripped = text.strip()
    fenced = _FENCE.match(stripped)
    if fenced:
        stripped = fenced.group(1)
    if stripped.startswith("{"):
        return _object(stripped)
    return _sentence(stripped)


def cannot_see(text: str) -> bool:
    """True when an answer, or the reason given with one, says that the image did not show it.

    True of "The door is not visible." and "It is too dark."; false of "No person is visible."
    English.
    """
    return bool(_BLIND.search(_plain(text)))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(_EDGES).lower()


def _sentence(text: str) -> Answer:
    plain = _plain(text)
    if plain in _WORDS:
        return _WORDS[plain]
    match = _SENTENCE.match(plain)
    if match is None:
        return Answer.UNSURE
    word, rest = match.groups()
    back = _TAKES_YES_BACK if word == "yes" else _TAKES_NO_BACK
    doubtful = back.search(rest) or _BLIND.search(rest) or "?" in rest
    return Answer.UNSURE if doubtful else _WORDS[word]


def _object(text: str) -> Answer:
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return Answer.UNSURE
    if not isinstance(value, dict) or "answer" not in value:
        return Answer.UNSURE
    for name in _PROBABILITIES:
        if name in value and not _probability(value[name]):
            return Answer.UNSURE
        if name != _P_YES and value.get(name, 1.0) < 0.5:
            return Answer.UNSURE
    answer = value["answer"]
    if isinstance(answer, bool):
        said = Answer.YES if answer else Answer.NO
    else:
        said = _sentence(answer) if isinstance(answer, str) else Answer.UNSURE
    p_yes = value.get(_P_YES)
    if p_yes is None:
        return said
    agrees = {Answer.YES: p_yes > 0.5, Answer.NO: p_yes < 0.5}.get(said, False)
    return said if agrees else Answer.UNSURE


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """json keeps the last of two equal keys; an answer given twice is no answer."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is given twice")
    return made


def _probability(value: Any) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and 0.0 <= value <= 1.0)  # NaN fails too

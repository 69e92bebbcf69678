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
# What says that it could not be seen. "No person is visible" does not.
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
_FENCE = re.compile(r"^```(?:json\b)?\s*(.*?)\s*```$", re.DOTALL)


def parse_yes_no(text: Any) -> Answer:
    """What a text answer says.

    Understood are the bare word, `Yes` or `No.`, in any case, in quotes or emphasised, and a JSON
    object with nothing but that word as its `answer`, in a code block or not. Everything else is
    UNSURE: a sentence after the word may take it back or hedge it in more ways than can be listed
    ('Yes, hardly any.', 'No, that is wrong.'), and so may a further key.

    Args:
        text: the answer; anything but a string is UNSURE.
    """
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        return Answer.UNSURE
    stripped = text.strip()
    fenced = _FENCE.match(stripped)
    if fenced:
        stripped = fenced.group(1)
    return _word(_answer(stripped) if stripped.startswith("{") else stripped)


def cannot_see(text: str) -> bool:
    """True when an answer, or the reason given with one, says that the image did not show it.

    True of "The door is not visible." and "It is too dark."; false of "No person is visible."
    English.
    """
    return bool(_BLIND.search(unicodedata.normalize("NFKC", text).lower()))


def _word(said: Any) -> Answer:
    plain = said.strip(_EDGES).lower() if isinstance(said, str) else ""
    return _WORDS.get(plain, Answer.UNSURE)


def _answer(text: str) -> Any:
    """The `answer` of a JSON object that has no other key; None without."""
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
    return pairs[0][1] if len(pairs) == 1 and pairs[0][0] == "answer" else None

"""From text to the words it is found by, the same way for what is kept and what is searched.

Words are case-folded, without accents. The stems come from SQLite's Porter tokeniser; what it
cannot know (irregular verbs, and how people ask for an event) is here. Words of what was denied (a
question answered NO) are marked, so that a search for somebody lying does not find the many times
when nobody was.
"""
from __future__ import annotations

import re
import unicodedata

from smolvlm_ros.memory.moment import Kind, Moment

DENIED = "\u00ac"  # before a word of what was denied; no word has it by itself
MAX_WORDS = 400    # of one moment
_MAX_LETTERS = 64

# Words that ask but name nothing. Nobody means "the moments with 'at' in them".
STOP = frozenset(
    "a about after again all am an and any anything are as at be been before being by can could "
    "did do does doing during each ever find for from get give had happen happened happening has "
    "have he her here him his how i in into is it its last lately latest me moment moments most my "
    "near of on once or our recently see seen saw she show so some something than that the their "
    "them then there these they thing this those time times to up us was we were what when where "
    "which while who whom whose why will with would you your".split())
_NEGATIONS = frozenset("no not never none nobody nothing without".split())
_LEMMAS = {form: lemma for lemma, forms in {
    "stand": "stood", "lie": "lies lying lay lain", "leave": "left", "come": "came", "go": "went",
    "sit": "sat", "run": "ran", "fall": "fell fallen", "hold": "held", "bring": "brought",
    "take": "took taken", "person": "people someone somebody anyone anybody",
}.items() for form in forms.split()}
_HINTS = {
    Kind.ENTER: "enter entrance come arrive go walk step reach",
    Kind.DWELL: "dwell stay stand wait remain linger stop",
    Kind.LEAVE: "leave exit go depart away gone",
    Kind.OBJECT: "object appear sight", Kind.VERDICT: "verdict answer question",
    Kind.DESCRIPTION: "description describe", Kind.NOTE: "",
    Kind.ESCALATION: "escalation server sent received",
}
# Chinese and Japanese put no space between words: each character is one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W_])+")
_CONTRACTION = re.compile(r"n['\u2019]t\b")


def words(text: str) -> list[str]:
    """The words of a text in order, in the form in which they are compared.

    >>> words("Is nobody lying at the Café's door?")
    ['is', 'nobody', 'lie', 'at', 'the', 'cafe', 's', 'door']
    """
    plain = unicodedata.normalize("NFKD", _CONTRACTION.sub(" not ", text.casefold())).casefold()
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    composed = unicodedata.normalize("NFC", bare)
    return [_LEMMAS.get(w, w)[:_MAX_LETTERS] for w in _WORD.findall(composed)]


def indexed(moment: Moment) -> str:
    """What a moment is found by, as words between spaces."""
    said = [w for w in words(moment.text) if w not in STOP]
    if moment.denied:
        said = [DENIED + w for w in said] + ["no"]
    said += _HINTS[moment.kind].split()
    # A zone's or a class's name is told whole, whatever words it is made of.
    said += words(moment.zone) + words(moment.class_name) + words(moment.track_id)
    return " ".join(list(dict.fromkeys(said))[:MAX_WORDS])


def sought(text: str, most: int = 8) -> tuple[list[str], bool]:
    """The words that a search is for, and whether it is for what was denied.

    Args:
        text: as somebody asks.
        most: of so many words at most, the first ones.

    Raises:
        ValueError: there is no word in it.
    """
    every = words(text)
    if text.strip() and not every:
        raise ValueError(f"{text!r} holds no word to look for; leave it empty for any moment")
    denied = any(w in _NEGATIONS for w in every)
    kept = [w for w in dict.fromkeys(every) if w not in STOP and w not in _NEGATIONS and len(w) > (
        0 if w.isdigit() or not w.isascii() else 1)]
    return kept[:most], denied

"""How often descriptions of the embedded world say what is in sight, and how often more."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import palette
from smolvlm_ros.world.facts import Sighted
from smolvlm_ros.world.scoring.vlm import View
from smolvlm_ros.world.training.vlm_questions import caption
from smolvlm_ros.world.training.vlm_views import COLOURS, KINDS, category

EXACT, INVENTED = "vlm_describe_exact", "vlm_describe_invented"
_MANY = 4   # 'many' are as many or more
_NUMBERS = {"a": 1, "two": 2, "three": 3, "many": _MANY}
_COLOUR = "|".join(COLOURS)
_THINGS = "|".join(name for name in palette.CLASSES if name != palette.PERSON)
_PEOPLE = re.compile(rf"\b({'|'.join(_NUMBERS)}) (?:person|people) in ({_COLOUR}), "
                     r"(standing|lying)\b")
_THING = re.compile(rf"\b({'|'.join(_NUMBERS)}) ({_COLOUR}) ({_THINGS})(?:e?s)?\b")
_NAMED = re.compile(rf"\b(?:({_COLOUR}) )?(?:({_THINGS})(?:e?s)?|person|persons|people)\b"
                    rf"(?: in ({_COLOUR})\b)?")


class Describer(Protocol):
    """What describes images: an `Engine`, or anything like it."""

    def stream(self, image_rgb: NDArray[np.uint8], question: str) -> Iterator[str]:
        """See `Engine.stream`."""


@dataclass(frozen=True)
class DescriptionScore:
    """Shares of descriptions.

    Attributes:
        rows: with the keys of the benchmark: exact ones and ones that name what is not there, of
            all, of the default prompt alone, and of whole frames and crops; NaN where there is
            none.
        described: number of descriptions.
    """

    rows: dict[str, float]
    described: int


def score_descriptions(describer: Describer, views: Sequence[View], default: str,
                       others: Sequence[str]) -> DescriptionScore:
    """Have every view described twice: with the default prompt, and with one of the others in turn.

    Args:
        describer: gives short descriptions in the words of its training.
        views: to be described.
        default: the prompt that the node has by default.
        others: the other prompts of training.
    """
    told: dict[str, list[tuple[bool, bool]]] = {
        part: [] for part in ("", "_default", "_frames", "_crops")}
    for number, view in enumerate(views):
        for prompt in (default, others[number % len(others)]):
            text = "".join(describer.stream(view.image_rgb, prompt))
            found = exact(text, view.seen), invents(text, view.seen)
            told[""].append(found)
            told["_crops" if view.crop else "_frames"].append(found)
            if prompt == default:
                told["_default"].append(found)
    rows = {f"{key}{part}": float(np.mean([one[place] for one in found])) if found
            else float("nan")
            for place, key in enumerate((EXACT, INVENTED)) for part, found in told.items()}
    return DescriptionScore(rows, len(told[""]))


def exact(text: str, seen: Sighted) -> bool:
    """True when a text is the caption that training would give.

    What is unclear may be named or not, somebody between standing and lying is right as either:
    the questions leave these out.
    """
    said = np.zeros(len(KINDS) * len(COLOURS), np.uint8)
    for number, colour, posture in _PEOPLE.findall(text.lower()):
        said[(posture == "lying") * len(COLOURS) + COLOURS.index(colour)] += _NUMBERS[number]
    for number, colour, name in _THING.findall(text.lower()):
        said[KINDS.index(name) * len(COLOURS) + COLOURS.index(colour)] += _NUMBERS[number]
    return caption(said) == text.strip() and _fits(said.reshape(len(KINDS), -1).astype(int), seen)


def invents(text: str, seen: Sighted) -> bool:
    """True when a text names a class, or a class with its colour, that is not even unclear."""
    pairs = {(item.colour, item.class_name) for item in (*seen.clear, *seen.unclear)}
    classes = {name for _, name in pairs}
    for before, thing, after in _NAMED.findall(text.lower()):
        name = thing or palette.PERSON
        colour = before or after
        if name not in classes or (colour and (colour, name) not in pairs):
            return True
    return False


def _fits(said: NDArray[np.int_], seen: Sighted) -> bool:
    """Whether counts, shape (KINDS, COLOURS), can be those of what is in sight."""
    sure, either, vague = (np.zeros_like(said) for _ in range(3))
    for items, counts in ((seen.clear, sure), (seen.unclear, vague)):
        for item in items:
            number = category(item)
            if item.state == palette.CHANGING and counts is sure:
                either[0, number % len(COLOURS)] += 1
            else:
                counts[divmod(number, len(COLOURS))] += 1
    if (np.minimum(sure, _MANY) > said).any() or (said[2:] > (sure + vague)[2:]).any():
        return False
    people, least = said[:2].sum(0), sure[:2].sum(0) + either[0]
    many = (said[:2] >= _MANY).any(0)
    return bool(((people >= least) | many).all() and (people <= least + vague[:2].sum(0)).all())

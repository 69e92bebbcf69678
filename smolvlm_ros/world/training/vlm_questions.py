"""What the small SmolVLM is asked in training: subjects, their wordings, negations, answers."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.negation import negate
from smolvlm_ros.world import palette
from smolvlm_ros.world.facts import colour_fact, presence_fact, state_fact
from smolvlm_ros.world.training.vlm_views import COLOURS, KINDS

CLASSES = palette.CLASSES
UNKNOWN = -1

# Of a class, "{what}" is "box"; of a class and colour, "red box" or "person in red".
_THERE = ("Is there a {what} in the image?", "Is there a {what} in the view?",
          "Do you see a {what}?", "Can you see a {what}?", "Does the image show a {what}?",
          "Is a {what} visible?")
_LYING = ("Is the person lying?", "Is the person lying on the ground?",
          "Is the person lying down?", "Has the person fallen?",
          "Is the person in {zone} lying on the floor?",
          "Is the person in the {zone} lying on the floor?",
          "Is the person in {zone} lying on the ground?")
_UPRIGHT = ("Is the person upright?", "Is the person standing upright?",
            "Is the person standing or sitting upright?", "Is the person in {zone} standing?",
            "Is the person in the {zone} standing?",
            "Is the person in {zone} standing or sitting upright?",
            "Is the person standing on the floor?")
_SOMEBODY_LYING = ("Is anyone lying on the floor?", "Is somebody lying on the ground?",
                   "Is there a person on the floor?", "Does a person lie on the floor?")
_SOMEBODY_UPRIGHT = ("Is anyone standing?", "Is somebody standing?",
                     "Is there a person standing upright?")
ZONES = ("middle", "room middle", "passage", "crossing", "zone", "doorway", "dock", "ahead",
         "entrance", "path", "corridor", "room", "zone 1", "zone a", "area", "hall")

DESCRIBE = ("Describe the image.", "Describe the scene in one sentence.", "Describe the scene.",
            "Describe what you see.", "What do you see?", "What is in the image?",
            "What is there?")
NOTHING = "Nobody and nothing."


@dataclass(frozen=True)
class Subject:
    """Something that is so or not, with all the ways to ask for it.

    Attributes:
        kind: 'presence', 'colour' or 'state'.
        main: the wording of `facts`.
        others: further wordings.
    """

    kind: str
    main: str
    others: tuple[str, ...]

    def wording(self, rng: np.random.Generator, main_share: float) -> str:
        """One of the wordings by chance, the main one so often."""
        if rng.random() < main_share or not self.others:
            return self.main
        return self.others[int(rng.integers(len(self.others)))]


def subjects() -> tuple[Subject, ...]:
    """All of them, in the order of the columns of `answers`.

    5 classes; 25 classes and colours; the person lying, upright; a person (one of several who do
    the same) lying, upright; anybody lying, upright.
    """
    made = []
    for name in CLASSES:
        plural = "people" if name == palette.PERSON else f"{name}es" if name == palette.BOX \
            else f"{name}s"
        others = (*(text.format(what=name) for text in _THERE), f"Are there any {plural}?")
        made.append(Subject("presence", presence_fact(name, True).question, others))
    for name in CLASSES:
        for colour in COLOURS:
            main = colour_fact(colour, name, True).question
            what = main.removeprefix("Is there a ").removesuffix("?")
            made.append(Subject("colour", main, tuple(t.format(what=what) for t in _THERE)))
    for article in ("the", "a"):
        for state, wordings in ((palette.LYING, _LYING), (palette.STANDING, _UPRIGHT)):
            others = tuple(dict.fromkeys(
                text.format(zone=zone).replace("the person", f"{article} person")
                for text in wordings for zone in (ZONES if "{zone}" in text else ("",))))
            made.append(Subject("state", state_fact(state, True, article).question, others))
    made.append(Subject("state", "Is there a person lying on the floor?", _SOMEBODY_LYING))
    made.append(Subject("state", "Is there a person standing?", _SOMEBODY_UPRIGHT))
    return tuple(made)


def answers(clear: NDArray[np.uint8], unclear: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Of every view and subject 1 for yes, 0 for no, UNKNOWN where nobody could or should say.

    Args:
        clear: shape (N, CATEGORIES): number of objects well seen.
        unclear: the same of those of which nothing can be said.
    """
    kinds, shades = len(KINDS), len(COLOURS)
    here = clear.reshape(-1, kinds, shades).astype(int)
    vague = unclear.reshape(-1, kinds, shades).astype(int)
    people, vague_people = here[:, :2], vague[:, :2]
    here = np.concatenate([people.sum(1, keepdims=True), here[:, 2:]], 1)
    vague = np.concatenate([vague_people.sum(1, keepdims=True), vague[:, 2:]], 1)

    def told(yes: NDArray[np.int64], maybe: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(yes > 0, 1, np.where(maybe > 0, UNKNOWN, 0))

    columns = [told(here.sum(2), vague.sum(2)), told(here, vague).reshape(len(here), -1)]
    upright, lying = people[:, 0].sum(1), people[:, 1].sum(1)
    sure = (vague_people.sum((1, 2)) == 0) & ((upright == 0) != (lying == 0))
    for asked in (sure & (upright + lying == 1), sure & (upright + lying > 1)):
        columns += [np.where(asked, count > 0, UNKNOWN)[:, None] for count in (lying, upright)]
    columns += [told(people[:, posture].sum(1), vague_people.sum((1, 2)))[:, None]
                for posture in (1, 0)]
    return np.concatenate(columns, 1).astype(np.int8)


def caption(clear: NDArray[np.uint8]) -> str:
    """What a view shows, things first: 'A red box and a person in blue, standing.'"""
    parts: list[tuple[int, str]] = []
    order = [*range(2, len(KINDS)), 0, 1]
    for kind in order:
        for shade, colour in enumerate(COLOURS):
            count = int(clear[kind * len(COLOURS) + shade])
            if count:
                parts.append((kind, _named(kind, colour, count)))
    if not parts:
        return NOTHING
    words = [text for _, text in parts]
    text = words[0]
    for place in range(1, len(words)):
        # A comma belongs to "…, standing"; after it another one makes the end clear.
        joint = " and " if place == len(words) - 1 else ", "
        text += joint + words[place]
    return f"{text[0].upper()}{text[1:]}."


def texts() -> list[str]:
    """Every question that training asks, negations too."""
    asked = [text for subject in subjects() for text in (subject.main, *subject.others)]
    return [*asked, *(negate(text) for text in asked), *DESCRIBE]


def _named(kind: int, colour: str, count: int) -> str:
    many = count > 1
    if kind < 2:
        who = f"{_number(count)} people" if many else "a person"
        return f"{who} in {colour}, {'lying' if kind == 1 else 'standing'}"
    name = KINDS[kind]
    plural = "es" if name == palette.BOX else "s"
    return f"{_number(count)} {colour} {name}{plural}" if many else f"a {colour} {name}"


def _number(count: int) -> str:
    return {2: "two", 3: "three"}.get(count, "many")



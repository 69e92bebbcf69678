"""How often a model answers questions about frames of the embedded world right."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.verdict import YesNo
from smolvlm_ros.world.facts import (
    COLOUR,
    PRESENCE,
    STATE,
    Box,
    Sighted,
    balanced,
    facts_of,
    sighted,
)
from smolvlm_ros.world.mounts import MOUNTS
from smolvlm_ros.world.scoring.vlm_crops import crop_by_chance
from smolvlm_ros.world.truth import Fact, WorldFrame
from smolvlm_ros.world.world import SCENES, World

FRAMES_A_WORLD = 6
_THRESHOLD = 0.5
_KINDS = {PRESENCE: "vlm_presence_accuracy", STATE: "vlm_state_accuracy",
          COLOUR: "vlm_colour_accuracy"}


class Answerer(Protocol):
    """What answers yes/no questions: an `Engine`, or anything like it."""

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        """See `Engine.yes_no`."""


@dataclass(frozen=True, eq=False)
class View:
    """A frame or a crop to ask about.

    Attributes:
        image_rgb: shape (H, W, 3) uint8.
        facts: true and false statements about it.
        crop: True when it is a part of a frame.
        seen: what of the objects can be told.
    """

    image_rgb: NDArray[np.uint8]
    facts: tuple[Fact, ...]
    crop: bool
    seen: Sighted = Sighted((), ())


@dataclass(frozen=True)
class VlmScore:
    """Shares of right answers, with the keys of the benchmark.

    Attributes:
        accuracy: by key; NaN where nothing was asked.
        asked: number of answers behind each.
        by_view: accuracy of each kind on frames and on crops: 'presence, frames'.
    """

    accuracy: dict[str, float]
    asked: dict[str, int]
    by_view: dict[str, float]


def views_of(worlds: Iterable[World], rng: np.random.Generator,
             frames: int = FRAMES_A_WORLD) -> list[View]:
    """Of each world some frames by chance, and as many crops of other frames.

    A crop is around one object, enlarged 1.3 to 2.5 times, or now and then of an empty place.

    Args:
        worlds: to look at.
        rng: source of the choice.
        frames: of each world, and as many crops.
    """
    views = []
    for world in worlds:
        for number, index in enumerate(rng.integers(world.frame_count, size=2 * frames)):
            views.append(_view(world.frame(int(index)), rng, crop=number % 2 == 1))
    return views


def worlds_of(seeds: Iterable[int]) -> Iterable[World]:
    """A world of every seed: places and cameras take turns."""
    for number, seed in enumerate(seeds):
        yield World(SCENES[number % len(SCENES)], seed=seed,
                    camera=MOUNTS[number // len(SCENES) % len(MOUNTS)])


def score(answerer: Answerer, views: Sequence[View], rng: np.random.Generator,
          progress: Callable[[int], object] = lambda count: None) -> VlmScore:
    """Ask for every fact that is left after balancing, directly and negated.

    Every question text is asked as often where the answer is yes as where it is no, so knowing the
    texts alone gives 0.5. The blind accuracy is that with the pictures exchanged among the views.

    Args:
        answerer: with threshold 0.5 on its p(yes); NaN is wrong.
        views: from `views_of`.
        rng: source of the balance and of the exchange.
        progress: called with the number of views asked about so far.
    """
    facts = [(number, fact) for number, view in enumerate(views) for fact in view.facts]
    chosen: dict[int, list[Fact]] = {}
    for number, fact in balanced(facts, rng):
        chosen.setdefault(number, []).append(fact)
    others = _exchanged(len(views), rng)
    right: dict[str, list[bool]] = {}
    for count, (number, asked) in enumerate(chosen.items(), 1):
        view = views[number]
        direct = [fact.question for fact in asked]
        given = answerer.yes_no(view.image_rgb, [*direct, *(negate(text) for text in direct)])
        blind = answerer.yes_no(views[others[number]].image_rgb, direct)
        for place, fact in enumerate(asked):
            fits = _is(given[place], fact.answer)
            where = "crops" if view.crop else "frames"
            right.setdefault(_KINDS[fact.kind], []).append(fits)
            right.setdefault(f"{fact.kind}, {where}", []).append(fits)
            right.setdefault("vlm_negated_accuracy", []).append(
                _is(given[len(asked) + place], not fact.answer))
            right.setdefault("vlm_blind_accuracy", []).append(_is(blind[place], fact.answer))
        progress(count)
    keys = (*_KINDS.values(), "vlm_negated_accuracy", "vlm_blind_accuracy")
    return VlmScore({key: _share(right.get(key, [])) for key in keys},
                    {key: len(right.get(key, [])) for key in keys},
                    {key: _share(values) for key, values in sorted(right.items())
                     if key not in keys})


def _view(frame: WorldFrame, rng: np.random.Generator, crop: bool) -> View:
    box: Box | None = None
    image = frame.image_rgb
    if crop:
        box = crop_by_chance(frame.objects, frame.mask.shape[1], frame.mask.shape[0], rng)
        image = np.ascontiguousarray(image[box[1]:box[3], box[0]:box[2]])
    seen = sighted(frame.objects, frame.mask, box)
    return View(image, facts_of(seen, rng, frame.outdoor), crop, seen)


def _exchanged(count: int, rng: np.random.Generator) -> list[int]:
    """For each view another one; the same only where there is no other."""
    order = [int(number) for number in rng.permutation(count)]
    following = dict(zip(order, [*order[1:], *order[:1]], strict=True))
    return [following[number] for number in range(count)]


def _is(given: YesNo, answer: bool) -> bool:
    return given.p_yes > _THRESHOLD if answer else given.p_yes < _THRESHOLD


def _share(right: Sequence[bool]) -> float:
    return float(np.mean(right)) if right else float("nan")

"""Moments of the embedded world as scene QA meets them: two views of one object, some bad."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.embedded import WORLD_FRAME_ID
from smolvlm_ros.qa.crops import CropConfig, cropped
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.world import palette
from smolvlm_ros.world.facts import Sighted, colour_fact, presence_fact, sighted, state_fact
from smolvlm_ros.world.truth import Fact, WorldFrame, WorldObject
from smolvlm_ros.world.world import FPS, World

FRAMES_A_WORLD = 8
CORRUPTED = 0.1           # of the frames
CORRUPTIONS = ("blur", "black", "occluded")
_BOX_STD = 0.05           # of a detector's box, over its sides
_LEAST_PIXELS, _LEAST_VISIBILITY = 77, 0.35  # of an object that a detector would find
_APART_S = (0.5, 2.0)     # time between the two frames
_COVER = (0.6, 0.9)       # share of a frame's edge that an obstacle hides
_BLUR = 0.06              # standard deviation over a frame's edge


@dataclass(frozen=True, eq=False)
class Pair:
    """Two views of one object, and what is true, or not, in both.

    Attributes:
        frames: the older and the newer view; their regions say what they show.
        facts: with the same answer in both.
        corruptions: what was done to each of the two; empty for nothing.
    """

    frames: tuple[Frame, Frame]
    facts: tuple[Fact, ...]
    corruptions: tuple[str, str] = ("", "")


def pairs_of(worlds: Iterable[World], rng: np.random.Generator, crop: CropConfig | None,
             corrupted_share: float = CORRUPTED, count: int = FRAMES_A_WORLD) -> Iterator[Pair]:
    """Of each world some pairs by chance.

    Args:
        worlds: to look at.
        rng: source of all choices.
        crop: how views are cut round the object; None for whole frames.
        corrupted_share: of the views, independent of each other.
        count: pairs of each world at most; a moment that shows nothing gives none.
    """
    for world in worlds:
        for index in rng.integers(world.frame_count, size=count):
            apart = max(1, int(np.ceil(rng.uniform(*_APART_S) * FPS)))
            if index + apart >= world.frame_count:
                continue
            pair = _pair(world.frame(int(index)), world.frame(int(index) + apart), rng, crop)
            if pair is not None:
                yield _corrupted(pair, rng, corrupted_share)


def corrupt(image_rgb: NDArray[np.uint8], kind: str, rng: np.random.Generator
            ) -> NDArray[np.uint8]:
    """A picture as a camera in trouble gives it.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        kind: 'blur', 'black' or 'occluded' (something grey before most of it).
        rng: of the obstacle.

    Raises:
        ValueError: for another kind.
    """
    height, width = image_rgb.shape[:2]
    if kind == "blur":
        sigma = _BLUR * max(height, width)
        return np.asarray(cv2.GaussianBlur(image_rgb, (0, 0), sigma), np.uint8)
    if kind == "black":
        return np.zeros_like(image_rgb)
    if kind != "occluded":
        raise ValueError(f"corruption {kind!r} is not one of {', '.join(CORRUPTIONS)}")
    made = image_rgb.copy()
    wide, high = (int(round(edge * rng.uniform(*_COVER))) for edge in (width, height))
    x0, y0 = int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1))
    made[y0:y0 + high, x0:x0 + wide] = rng.integers(30, 220, dtype=np.uint8)
    return made


def shared_facts(first: Sighted, second: Sighted, outdoor: bool, rng: np.random.Generator
                 ) -> tuple[Fact, ...]:
    """Facts with the same answer in two views: of each kind one that is true and one that is not.

    Args:
        first, second: what can be told of each.
        outdoor: only there vehicles are spoken of.
        rng: source of the choice.
    """
    classes = [name for name in palette.CLASSES if outdoor or name != palette.VEHICLE]
    facts: list[Fact] = []
    presence = [presence_fact(name, answer) for name in classes
                for answer in _same(_holds(first, name), _holds(second, name))]
    colours = [colour_fact(colour, name, answer) for name in classes for colour in palette.COLOURS
               for answer in _same(_holds(first, name, colour), _holds(second, name, colour))]
    # A colour is asked of what is there: nothing is learned from a blue ball where there is none.
    here = {fact.question for fact in presence if fact.answer}
    colours = [f for f in colours if any(presence_fact(name, True).question in here
                                         and name in f.question for name in classes)]
    postures = [state_fact(state, answer) for state in (palette.LYING, palette.STANDING)
                for answer in _same(_posture(first, state), _posture(second, state))]
    for pool in (presence, colours):
        for wanted in (True, False):
            fitting = [fact for fact in pool if fact.answer is wanted]
            if fitting:
                facts.append(fitting[int(rng.integers(len(fitting)))])
    return (*facts, *postures)


def _pair(older: WorldFrame, newer: WorldFrame, rng: np.random.Generator,
          crop: CropConfig | None) -> Pair | None:
    seen = {item.track_id: item for item in older.objects if _found(item)}
    both = [(seen[item.track_id], item) for item in newer.objects
            if item.track_id in seen and _found(item)]
    if not both:
        return None
    views, sights = [], []
    chosen = both[int(rng.integers(len(both)))]
    for frame, item in zip((older, newer), chosen, strict=True):
        view = Frame(frame.image_rgb, frame.time_s, WORLD_FRAME_ID)
        if crop is not None:
            view = cropped(view, _detected(item, rng), crop)
        views.append(view)
        sights.append(sighted(frame.objects, frame.mask, view.region))
    facts = shared_facts(sights[0], sights[1], newer.outdoor, rng)
    return Pair((views[0], views[1]), facts) if facts else None


def _corrupted(pair: Pair, rng: np.random.Generator, share: float) -> Pair:
    kinds = [CORRUPTIONS[int(rng.integers(len(CORRUPTIONS)))] if rng.random() < share else ""
             for _ in pair.frames]
    frames = [dataclasses.replace(f, image_rgb=corrupt(f.image_rgb, kind, rng)) if kind else f
              for f, kind in zip(pair.frames, kinds, strict=True)]
    return Pair((frames[0], frames[1]), pair.facts, (kinds[0], kinds[1]))


def _found(item: WorldObject) -> bool:
    return (item.visible_xyxy is not None and item.visible_pixels >= _LEAST_PIXELS
            and item.visibility >= _LEAST_VISIBILITY)


def _detected(item: WorldObject, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Its box as a detector gives it."""
    box = np.asarray(item.visible_xyxy, np.float64)
    sides = np.tile(box[2:] - box[:2], 2)
    x0, y0, x1, y1 = (box + rng.normal(0, _BOX_STD, 4) * sides).tolist()
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _holds(seen: Sighted, class_name: str, colour: str = "") -> bool | None:
    """Whether there is such a thing; None where it cannot be told."""
    def fits(item: WorldObject) -> bool:
        return item.class_name == class_name and colour in ("", item.colour)
    if any(fits(item) for item in seen.clear):
        return True
    return None if any(fits(item) for item in seen.unclear) else False


def _posture(seen: Sighted, state: str) -> bool | None:
    """Whether the one person in the view is in that posture; None without just one."""
    people = [item for item in (*seen.clear, *seen.unclear) if item.class_name == palette.PERSON]
    if len(people) != 1 or people[0] not in seen.clear or people[0].state == palette.CHANGING:
        return None
    return (people[0].state == palette.LYING) == (state == palette.LYING)


def _same(first: bool | None, second: bool | None) -> tuple[bool, ...]:
    """The answer when both give the same, else none."""
    return (first,) if first is not None and first == second else ()

"""True and false statements about a frame, and their questions."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world import palette
from smolvlm_ros.world.truth import Fact, WorldObject

PRESENCE, COLOUR, STATE = "presence", "colour", "state"

CLEAR_SHARE = 0.00025     # of the image's pixels (77 at 640x480), and
CLEAR_VISIBILITY = 0.35   # of the object, must be seen before anything is said of it
_GONE_PIXELS = 3          # at most, of what is said not to be there

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sighted:
    """What of a frame's objects can be told from a picture.

    Attributes:
        clear: well seen.
        unclear: neither well seen nor out of sight: nothing is said about their like.
    """

    clear: tuple[WorldObject, ...]
    unclear: tuple[WorldObject, ...]


def sighted(objects: Sequence[WorldObject], mask: NDArray[np.uint8],
            crop: Box | None = None) -> Sighted:
    """Which objects a frame, or a crop of it, shows well.

    Args:
        objects: of the frame.
        mask: the frame's mask, shape (H, W) uint8.
        crop: left, top, right and bottom in pixels, the last two excluded; None for all.

    Raises:
        ValueError: for a crop without pixels in the image.
    """
    left, top, right, bottom = crop or (0, 0, mask.shape[1], mask.shape[0])
    part = mask[max(top, 0):max(bottom, 0), max(left, 0):max(right, 0)]
    if not part.size:
        raise ValueError(f"crop {crop} holds no pixel of an image of {mask.shape[1]}x"
                         f"{mask.shape[0]}; give left, top, right, bottom inside it")
    clear: list[WorldObject] = []
    unclear: list[WorldObject] = []
    for item in objects:
        pixels = item.visible_pixels
        if crop is not None and pixels:
            pixels = int(np.count_nonzero(part == item.track_id))
        if pixels <= _GONE_PIXELS:
            continue
        share = item.visibility * pixels / item.visible_pixels
        enough = pixels >= CLEAR_SHARE * mask.size and share >= CLEAR_VISIBILITY
        (clear if enough else unclear).append(item)
    return Sighted(tuple(clear), tuple(unclear))


def facts_of(seen: Sighted, rng: np.random.Generator, outdoor: bool) -> tuple[Fact, ...]:
    """Statements of presence, colour and posture, of each kind as many true as false.

    Which ones are left to chance, and no question text is asked more often with one answer than
    with the other when classes and colours are equally likely; `balanced` makes sure of it.

    Args:
        seen: what can be told.
        rng: source of the choice.
        outdoor: only there vehicles are spoken of.
    """
    classes = [name for name in palette.CLASSES if outdoor or name != palette.VEHICLE]
    vague = {item.class_name for item in seen.unclear}
    here = {item.class_name for item in seen.clear}
    true = [presence_fact(name, True) for name in classes if name in here]
    false = [presence_fact(name, False) for name in classes if name not in here | vague]
    facts = _as_many(true, false, rng)

    pairs = {(item.colour, item.class_name) for item in seen.clear}
    never = pairs | {(item.colour, item.class_name) for item in seen.unclear}
    absent = [(colour, name) for colour in palette.COLOURS for name in classes
              if (colour, name) not in never]
    # Half of what is wrong is wrong by one word only.
    near = [pair for pair in absent if any((pair[0] == c) != (pair[1] == n) for c, n in pairs)]
    for colour, name in sorted(pairs):
        pool = near if near and rng.random() < 0.5 else absent
        facts.append(colour_fact(colour, name, True))
        facts.append(colour_fact(*pool[int(rng.integers(len(pool)))], False))
    return (*facts, *_posture_facts(seen))


def _posture_facts(seen: Sighted) -> list[Fact]:
    """About one person, or about several who do the same."""
    people = [item for item in seen.clear if item.class_name == palette.PERSON]
    postures = {item.state == palette.LYING for item in people}
    if (len(postures) != 1 or any(item.state == palette.CHANGING for item in people)
            or any(item.class_name == palette.PERSON for item in seen.unclear)):
        return []
    lying = postures.pop()
    who = "the" if len(people) == 1 else "a"
    return [state_fact(palette.LYING, lying, who), state_fact(palette.STANDING, not lying, who)]


def presence_fact(class_name: str, answer: bool) -> Fact:
    """'There is a box.'"""
    return Fact(PRESENCE, f"There is a {class_name}.", f"Is there a {class_name}?", answer)


def colour_fact(colour: str, class_name: str, answer: bool) -> Fact:
    """'There is a red box.', 'There is a person in red.'"""
    what = f"person in {colour}" if class_name == palette.PERSON else f"{colour} {class_name}"
    return Fact(COLOUR, f"There is a {what}.", f"Is there a {what}?", answer)


def state_fact(state: str, answer: bool, article: str = "the") -> Fact:
    """'The person is lying on the floor.', 'The person is standing.' (walking is standing too)."""
    doing = "lying on the floor" if state == palette.LYING else "standing"
    return Fact(STATE, f"{article.capitalize()} person is {doing}.",
                f"Is {article} person {doing}?", answer)


def balanced(facts: Iterable[tuple[int, Fact]],
             rng: np.random.Generator) -> list[tuple[int, Fact]]:
    """Of facts about many frames, as many with yes as with no for every question text.

    Args:
        facts: (number of the frame, fact).
        rng: source of which ones stay.

    Returns:
        Those that stay, in their order.
    """
    entries = list(facts)
    by_text: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for place, (_, fact) in enumerate(entries):
        by_text[fact.question][fact.answer].append(place)
    keep: list[int] = []
    for pools in by_text.values():
        count = min(len(pools[0]), len(pools[1]))
        for pool in pools:
            keep += [pool[int(i)] for i in rng.permutation(len(pool))[:count]]
    return [entries[place] for place in sorted(keep)]


def _as_many(true: list[Fact], false: list[Fact], rng: np.random.Generator) -> list[Fact]:
    count = min(len(true), len(false))
    chosen = []
    for pool in (true, false):
        chosen += [pool[int(i)] for i in sorted(rng.permutation(len(pool))[:count])]
    return chosen

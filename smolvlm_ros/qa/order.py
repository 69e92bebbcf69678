"""What came first: questions about order and presence in time, answered from stamps.

A small model cannot be trusted with time, but it can say of one frame what is there. So "did the
ball come before the person?" is asked as "is there a ball?" and "is there a person?" of every
frame, each with its negation, and the order comes from the frames' stamps.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from smolvlm_ros.qa.engine import Engine, Withheld
from smolvlm_ros.qa.frames import repeats
from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.past_question import Order, Presence
from smolvlm_ros.qa.verdict import Answer, Cause, Frame, Pass, PolicyConfig, Verdict


@dataclass(frozen=True)
class _Look:
    """What a frame says of a thing: True, False, or None for nothing clear."""

    stamp_s: float
    there: bool | None
    passes: tuple[Pass, ...]


def is_there(what: str) -> str:
    """The question about one frame: 'Is there a ball?'."""
    return f"Is there {'an' if what[:1] in 'aeiou' else 'a'} {what}?"


def not_looked_at(left_out: Sequence[float], count: int) -> str:
    """What to tell of changed frames that were left out; '' for none.

    Args:
        left_out: their stamps.
        count: frames that were looked at.
    """
    return (f"{len(left_out)} of {count + len(left_out)} changed frames were not looked at; ask "
            "about less time, or raise video.max_tokens or video.max_frames" if left_out else "")


def decide(question: str, asked: Order | Presence, frames: Sequence[Frame], engine: Engine,
           config: PolicyConfig, unseen: str, left_out: Sequence[float] = ()) -> Verdict:
    """The verdict on what was.

    That a thing was there stands on the frames that show it; that it came, on one before them, too,
    that clearly does not. That it was not, and what came first, is said only of a time that was
    seen all along.

    Args:
        question: as it was asked.
        asked: what it asks.
        frames: oldest first; those that show nothing (see `min_contrast`), repeat the one before
            (but for `accept_repeated_images`) or may not be sent are left out.
        engine: is asked about one frame at a time.
        config: thresholds and shelf life.
        unseen: what of the time no frame shows, as `VideoRing.unseen` says; '' for none.
        left_out: stamps of what is not looked at, as `VideoRing.left_out` says. What came first
            does not depend on those after it.

    Raises:
        QuestionError: a name that must not reach the model.
        EngineError: the model failed.
        Withheld: not even two frames may be sent.
    """
    shown, missed = _showing(frames, config)
    names = (asked.first, asked.second) if isinstance(asked, Order) else (asked.what,)
    looks: list[list[_Look]] = [[] for _ in names]
    withheld: list[Withheld] = []
    for frame in shown:
        try:
            seen = [_look(frame, is_there(name), engine, config) for name in names]
        except Withheld as error:
            withheld.append(error)
            continue
        for made, look in zip(looks, seen, strict=True):
            made.append(look)
    count = len(looks[0])
    if withheld and count < 2:
        raise withheld[0]
    passes = tuple(p for made in looks for look in made for p in look.passes)
    if count < 2:
        found: tuple[Answer, str, tuple[Pass, ...]] = (
            Answer.UNSURE, f"{count} frames of that time show something, two are needed", ())
    elif isinstance(asked, Order):
        found = _ordered(asked, looks[0], looks[1])
    else:
        found = _present(asked, looks[0])
    if withheld:
        missed = missed or f"{len(withheld)} of {len(frames)} frames may not be sent: {withheld[0]}"
    answer, reason, deciding = found
    # Whatever comes once the first of both is there comes after it.
    until_s = math.inf if isinstance(asked, Presence) else min((p.stamp_s for p in deciding),
                                                               default=math.inf)
    unseen = unseen or missed or not_looked_at([s for s in left_out if s < until_s], len(frames))
    if unseen and not (isinstance(asked, Presence) and answer is Answer.YES):
        answer, reason, deciding = Answer.UNSURE, f"{reason}; {unseen}", ()
    unsure = answer is Answer.UNSURE
    sure = math.fsum(abs(p.p_yes - 0.5) + 0.5 for p in deciding) / max(1, len(deciding))
    newest = frames[-1] if frames else None
    return Verdict(question, answer, math.nan if unsure else sure if answer is Answer.YES
                   else 1.0 - sure, passes, Cause.UNCLEAR if unsure else Cause.AGREED, reason,
                   newest.stamp_s + config.shelf_life_s if newest else 0.0,
                   newest.stamp_s if newest else 0.0, newest.frame_id if newest else "",
                   engine.name)


def _showing(frames: Sequence[Frame], config: PolicyConfig) -> tuple[list[Frame], str]:
    """The frames that show something new, and what is with the others; '' for no others."""
    bright = [frame for frame in frames if frame.contrast >= config.min_contrast]
    shown = [frame for before, frame in zip((None, *bright), bright, strict=False)
             if before is None or config.accept_repeated_images or not repeats(before, frame)]
    missed = ""
    if len(bright) < len(frames):
        missed = f"{len(frames) - len(bright)} of {len(frames)} frames show nothing"
    elif len(shown) < len(bright):
        missed = (f"the camera repeated one image: {len(bright) - len(shown)} of {len(frames)} "
                  "frames are equal to the one before in every pixel")
    return shown, missed


def _look(frame: Frame, question: str, engine: Engine, config: PolicyConfig) -> _Look:
    texts = (question, negate(question))
    passes = tuple(Pass(text, text is texts[1], frame.stamp_s, given.p_yes, given.mass,
                        frame.region, given.p_yes)
                   for text, given in zip(texts, engine.yes_no(frame.image_rgb, texts),
                                          strict=True))
    there: bool | None = None
    if all(0.0 <= p.p_yes <= 1.0 and p.mass >= config.min_mass and not p.neither
           for p in passes):  # NaN fails
        if all(p.support >= config.yes_threshold for p in passes):
            there = True
        elif all(p.support <= config.no_threshold for p in passes):
            there = False
    return _Look(frame.stamp_s, there, passes)


def _first(looks: Sequence[_Look]) -> int | None:
    """The frame from which a thing is there: seen, and seen again in the next clear frame."""
    clear = [i for i, look in enumerate(looks) if look.there is not None]
    for place, index in enumerate(clear):
        after = clear[place + 1:place + 2]
        if looks[index].there and all(looks[i].there for i in after):
            return index
    return None


def _ordered(asked: Order, first: Sequence[_Look], second: Sequence[_Look]
             ) -> tuple[Answer, str, tuple[Pass, ...]]:
    begins = [_first(first), _first(second)]
    for name, begin in zip((asked.first, asked.second), begins, strict=True):
        if begin is None:
            return Answer.UNSURE, f"no {name} was clearly seen in {len(first)} frames", ()
    a, b = (int(begin) for begin in begins if begin is not None)
    if a == b:
        return Answer.UNSURE, (f"the {asked.first} and the {asked.second} are first seen in the "
                               "same frame"), ()
    earlier, later, other = (asked.first, asked.second, second) if a < b else (
        asked.second, asked.first, first)
    one, two = min(a, b), max(a, b)
    if any(look.there for look in other[:one]):
        return Answer.UNSURE, f"a {later} was glimpsed before the {earlier} came", ()
    # That the later one was not there yet must have been seen since the earlier one came.
    absent = [look for look in other[one:two] if look.there is False]
    if not absent:
        return Answer.UNSURE, (f"it is not clear that no {later} was there when the {earlier} "
                               "came"), ()
    came = first if a < b else second
    deciding = (*came[one].passes, *absent[0].passes, *other[two].passes)
    apart_s = other[two].stamp_s - came[one].stamp_s
    return (Answer.YES if (a < b) == asked.before else Answer.NO,
            f"the {earlier} is first seen {apart_s:.1f} s before the {later}, in {len(first)} "
            "frames", deciding)


def _present(asked: Presence, looks: Sequence[_Look]) -> tuple[Answer, str, tuple[Pass, ...]]:
    begin = _first(looks)
    if begin is not None:
        again = [look for look in looks[begin + 1:] if look.there]
        if not again:
            return Answer.UNSURE, f"a {asked.what} is seen in one frame only, the newest", ()
        deciding = (*looks[begin].passes, *again[0].passes)
        seen = f"{looks[-1].stamp_s - looks[begin].stamp_s:.1f} s before the newest frame"
        if asked.came:
            glimpse = next(i for i, look in enumerate(looks) if look.there)
            absent = [look for look in looks[:glimpse] if look.there is False]
            if not absent:
                return Answer.UNSURE, (f"no frame shows clearly that no {asked.what} was there "
                                       f"before the first one is seen, {seen}"), ()
            deciding = (*absent[-1].passes, *deciding)
        return Answer.YES, f"a {asked.what} is first seen {seen}", deciding
    if all(look.there is False for look in looks):
        return (Answer.NO, f"no {asked.what} is seen in any of {len(looks)} frames",
                tuple(p for look in looks for p in look.passes))
    return Answer.UNSURE, f"it is not clear whether a {asked.what} was there", ()

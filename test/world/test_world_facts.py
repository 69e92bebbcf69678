from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.negation import is_open, negate
from smolvlm_ros.world import COLOURS, Fact, Key, World, balanced, facts_of, sample, sighted

BOX = ("box", "red", (Key(0.0, (3.0, 0.6)),))
LIES = ("person", "blue", (Key(0.0, (4.0, -0.6), True),))
STANDS = ("person", "green", (Key(0.0, (5.0, 0.3)),))


def answers(frame, crop=None, tries=20):
    """Every fact that may be told of a frame: question to answer."""
    seen = sighted(frame.objects, frame.mask, crop)
    found = {}
    for seed in range(tries):
        for fact in facts_of(seen, np.random.default_rng(seed), frame.outdoor):
            assert found.setdefault(fact.question, fact.answer) == fact.answer
    return found


def test_facts_are_true_of_what_stands_there(staged):
    told = answers(World(staged(BOX, LIES), 1).frame(0))
    assert told["Is there a box?"] and told["Is there a person?"]
    assert not told["Is there a ball?"] and not told["Is there a cone?"]
    assert told["Is there a red box?"] and told["Is there a person in blue?"]
    assert told["Is the person lying on the floor?"] and not told["Is the person standing?"]
    assert not any(answer for question, answer in told.items()
                   if question.startswith("Is there a person in") and "blue" not in question)
    assert "Is there a vehicle?" not in told   # nobody expects one indoors


def test_two_people_who_differ_give_no_posture(staged):
    told = answers(World(staged(LIES, STANDS), 1).frame(0))
    assert not any("lying" in question or "standing" in question for question in told)
    both = answers(World(staged(STANDS, ("person", "red", (Key(0.0, (4.0, -1.0)),))), 1).frame(0))
    assert both["Is a person standing?"] and not both["Is a person lying on the floor?"]


def test_a_crop_tells_of_itself_alone(staged):
    frame = World(staged(BOX, LIES), 1).frame(0)
    x0, y0, x1, y1 = (int(v) for v in frame.objects[0].visible_xyxy)
    told = answers(frame, (x0 - 5, y0 - 5, x1 + 5, y1 + 5))
    assert told["Is there a box?"] and not told.get("Is there a person?", False)
    with pytest.raises(ValueError, match="holds no pixel"):
        sighted(frame.objects, frame.mask, (700, 10, 800, 20))


def test_nothing_is_said_of_what_is_hardly_seen(staged):
    # The ball behind the box shows a slice of itself: neither 'yes' nor 'no' is fair.
    hidden = ("ball", "yellow", (Key(0.0, (3.8, 0.78)),))
    frame = World(staged(BOX, hidden), 1).frame(0)
    assert 0 < frame.objects[1].visibility < 0.35
    assert "Is there a ball?" not in answers(frame)
    assert "Is there a yellow ball?" not in answers(frame)


def test_somebody_getting_up_is_neither_lying_nor_standing(staged):
    keys = (Key(0.0, (4.0, 0.0), True), Key(9.0, (4.0, 0.0)), Key(12.0, (4.0, 0.0)))
    frame = World(staged(("person", "red", keys)), 1).at(8.2)
    assert frame.objects[0].state == "changing"
    assert not any(fact.kind == "state" for fact in frame.facts)


def test_frames_are_balanced_by_kind(small):
    counts: Counter = Counter()
    for seed in range(40):
        for fact in sample(seed, model=small).facts:
            counts[fact.kind, fact.answer] += 1
            assert fact.statement.endswith(".") and fact.question.endswith("?")
    for kind in ("presence", "colour", "state"):
        assert counts[kind, True] == counts[kind, False] > 14


def test_questions_are_ones_that_scene_qa_asks(staged):
    for question in answers(World(staged(BOX, LIES), 1).frame(0)):
        assert not check(question).advice and not is_open(question)
        assert negate(question) != question


def test_balancing_keeps_as_many_of_each_answer_for_each_text():
    def fact(colour: str, answer: bool) -> Fact:
        return Fact("colour", f"There is a {colour} box.", f"Is there a {colour} box?", answer)

    facts = [(n, fact(colour, n % 3 == 0)) for n in range(50) for colour in list(COLOURS)[:3]]
    facts += [(99, fact("purple", True))]   # never with no: told by its text alone
    kept = balanced(facts, np.random.default_rng(1))
    counts = Counter((f.question, f.answer) for _, f in kept)
    assert counts == Counter({(f"Is there a {c} box?", a): 17 for c in list(COLOURS)[:3]
                              for a in (True, False)})
    assert [n for n, _ in kept] == sorted(n for n, _ in kept)

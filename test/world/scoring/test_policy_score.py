"""Moments with the same facts in two views, and the three ways of answering them."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.qa.crops import CropConfig
from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.verdict import Frame, YesNo
from smolvlm_ros.world.facts import presence_fact, sighted
from smolvlm_ros.world.scoring.moments import CORRUPTIONS, Pair, corrupt, pairs_of
from smolvlm_ros.world.scoring.policy import chosen_questions, score_policy
from smolvlm_ros.world.world import FPS, World

PERSON = presence_fact("person", True)


class Scripted:
    """An engine that reads its answer from a picture's first pixel: 255 is a sure yes."""

    name, description, embedded = "scripted", "", False

    def __init__(self, negated_alike: bool = False) -> None:
        self.negated_alike = negated_alike  # says yes to a question and its negation

    def yes_no(self, image_rgb: np.ndarray, questions: list[str]) -> list[YesNo]:
        p = float(image_rgb[0, 0, 0]) / 255
        return [YesNo(p if q == PERSON.question or self.negated_alike else 1 - p, 1.0, 0.0)
                for q in questions]


def pair(older: int, newer: int, answer: bool = True, corruptions: tuple[str, str] = ("", "")
         ) -> Pair:
    frames = []
    for value, stamp_s in ((older, 1.0), (newer, 2.0)):
        image = np.full((4, 4, 3), value, np.uint8)
        image[2:] = 60 + round(stamp_s)  # something to see, never twice the same
        frames.append(Frame(image, stamp_s))
    return Pair((frames[0], frames[1]), (presence_fact("person", answer),), corruptions)


def test_the_three_ways_differ_where_they_should() -> None:
    pairs = [pair(250, 250), pair(0, 250), pair(130, 250), pair(250, 250, False, ("", "blur")),
             pair(0, 0, False)]
    score = score_policy(Scripted(), pairs, [(n, p.facts[0]) for n, p in enumerate(pairs)])
    assert score.questions == 5
    assert score.right == {"single": 0.8, "two_frames": 0.4, "policy": 0.4}
    assert score.wrong == {"single": 0.2, "two_frames": 0.2, "policy": 0.2}
    assert score.abstained == {"single": 0.0, "two_frames": 0.4, "policy": 0.4}
    assert score.wrong_on == {"blur": 1}
    rows = score.rows()
    assert rows["policy_wrong_over_single"] == 1.0 and rows["policy_decided_rate"] == 0.6


def test_an_engine_that_agrees_with_everything_decides_nothing() -> None:
    pairs = [pair(250, 250), pair(250, 250, False)]
    score = score_policy(Scripted(True), pairs, [(n, p.facts[0]) for n, p in enumerate(pairs)])
    assert score.abstained == {"single": 0.0, "two_frames": 0.0, "policy": 1.0}
    assert score.wrong["two_frames"] == 0.5 and score.rows()["policy_wrong_over_single"] == 0


def test_a_refused_question_is_an_error_not_an_abstention() -> None:
    engine = Scripted()
    engine.embedded = True  # these frames are not of the embedded world
    made = pair(250, 250)
    with pytest.raises(ValueError, match="was not asked: .*embedded world"):
        score_policy(engine, [made], [(0, made.facts[0])])


def test_answers_for_a_calibration_are_labelled_by_their_own_text_and_clean() -> None:
    pairs = [pair(250, 250, True, ("black", "")), pair(0, 0, False)]
    blank = Frame(np.zeros((4, 4, 3), np.uint8), 2.0)
    pairs.append(Pair((pairs[0].frames[0], blank), pairs[0].facts, ("", "black")))
    score = score_policy(Scripted(), pairs, [(n, p.facts[0]) for n, p in enumerate(pairs)])
    assert score.abstained["policy"] == 1 / 3  # what shows nothing is not asked
    assert [(a.template, round(a.p_yes, 2), a.label) for a in score.answers] == [
        ("presence", 0.98, True), ("presence", 0.02, False),  # the newest, and its negation
        ("presence", 0.0, False), ("presence", 1.0, True)] + [
        ("presence", 0.0, False), ("presence", 1.0, True)]
    assert negate(PERSON.question) != PERSON.question


def test_pairs_hold_what_both_views_show_and_nothing_else() -> None:
    world = World("corridor", 7, duration_s=25.0)
    crops = list(pairs_of([world], np.random.default_rng(1), CropConfig(), 0.0, 12))
    assert crops
    for made in crops:
        assert 0.5 <= made.frames[1].stamp_s - made.frames[0].stamp_s <= 2.1
        truths = []
        for view in made.frames:
            frame = world.frame(round(view.stamp_s * FPS))
            x0, y0, x1, y1 = view.region
            assert np.array_equal(view.image_rgb, frame.image_rgb[y0:y1, x0:x1])
            truths.append({i.class_name for i in sighted(frame.objects, frame.mask,
                                                         view.region).clear})
        for fact in made.facts:
            if fact.kind == "presence":
                name = fact.question.removeprefix("Is there a ").rstrip("?")
                assert all((name in seen) is fact.answer for seen in truths)
    whole = next(iter(pairs_of([world], np.random.default_rng(1), None, 0.0, 12)))
    assert whole.frames[0].region is None


def test_as_many_frames_are_corrupted_as_said_and_texts_stay_balanced() -> None:
    worlds = [World("room", seed, duration_s=20.0) for seed in (3, 4)]
    rng = np.random.default_rng(0)
    pairs = list(pairs_of(worlds, rng, CropConfig(), 0.5, 12))
    kinds = [kind for made in pairs for kind in made.corruptions]
    assert 0.2 < np.mean([bool(k) for k in kinds]) < 0.8 and set(kinds) <= {"", *CORRUPTIONS}
    chosen = chosen_questions(pairs, 1000, rng)
    for text in {fact.question for _, fact in chosen}:
        answers = [fact.answer for _, fact in chosen if fact.question == text]
        assert sum(answers) * 2 == len(answers)
    assert len(chosen_questions(pairs, 5, rng)) == min(5, len(chosen))


def test_corruptions_hide_what_was_there() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)
    assert not corrupt(image, "black", rng).any()
    assert corrupt(image, "blur", rng).std() < image.std() / 5
    hidden = corrupt(image, "occluded", rng)
    changed = (hidden != image).any(2)
    assert 0.3 < changed.mean() < 0.85 and np.unique(hidden[changed]).size == 1
    with pytest.raises(ValueError, match="'fog' is not one of blur"):
        corrupt(image, "fog", rng)

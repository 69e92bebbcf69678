"""What the small SmolVLM is taught: questions that say what the facts say, yes and no alike."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
pytest.importorskip("transformers", reason="the extra vlm is not installed")

from smolvlm_ros.qa.negation import is_open, negate  # noqa: E402
from smolvlm_ros.qa.prompt import clean_question  # noqa: E402
from smolvlm_ros.world import facts_of, sample, sighted  # noqa: E402
from smolvlm_ros.world.training.vlm_answers import QUESTIONS, Asker  # noqa: E402
from smolvlm_ros.world.training.vlm_batches import Batch, Views  # noqa: E402
from smolvlm_ros.world.training.vlm_questions import (  # noqa: E402
    DESCRIBE,
    NOTHING,
    UNKNOWN,
    answers,
    caption,
    subjects,
    texts,
)
from smolvlm_ros.world.training.vlm_tokenizer import END, make_tokenizer  # noqa: E402
from smolvlm_ros.world.training.vlm_views import CATEGORIES, category, view_of  # noqa: E402


def counts(*numbers: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.bincount(numbers, minlength=CATEGORIES).astype(np.uint8)


def test_answers_are_those_of_the_facts() -> None:
    places = {subject.main: number for number, subject in enumerate(subjects())}
    known = 0
    for seed in range(12):
        frame = sample(seed)
        height, width = frame.mask.shape
        for box in ((0, 0, width, height), (width // 4, height // 4, width, height)):
            view = view_of(frame, box)
            told = answers(view["clear"][None], view["unclear"][None])[0]
            facts = facts_of(sighted(frame.objects, frame.mask, box),
                             np.random.default_rng(seed), frame.outdoor)
            for fact in facts:
                assert told[places[fact.question]] == fact.answer, (seed, box, fact)
                known += 1
    assert known > 100


def test_of_unclear_things_nothing_is_told() -> None:
    frame = next(f for f in map(sample, range(8)) if f.objects)
    number = category(frame.objects[0])
    told = answers(counts()[None], counts(number)[None])[0]
    assert (told == UNKNOWN).sum() >= 2 and not (told == 1).any()


def test_a_description_names_things_first_and_people_with_their_posture() -> None:
    assert caption(counts()) == NOTHING
    assert caption(counts(10)) == "A red box."
    assert caption(counts(2, 10)) == "A red box and a person in blue, standing."
    assert caption(counts(5, 5, 16)) \
        == "A green ball and two people in red, lying."


def test_every_question_may_be_asked_and_has_a_negation() -> None:
    for text in texts():
        assert clean_question(text) == text
        if text not in DESCRIBE:
            assert not is_open(text) and negate(text) != text


def test_the_tokenizer_gives_every_text_back() -> None:
    tokenizer = make_tokenizer()
    for text in (*texts(), caption(counts(2, 10)), "Ein Würfel? 箱子"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    for text in (" Yes", " No", END):
        assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) == 1
    assert make_tokenizer().get_vocab() == tokenizer.get_vocab()


def test_yes_and_no_weigh_the_same_for_every_subject() -> None:
    rng = np.random.default_rng(3)
    # Each category in one view of ten, much as in crops.
    clear = (rng.random((4000, 1, CATEGORIES)) < 0.1).astype(np.uint8)
    asker = Asker(Views([{"clear": clear, "unclear": np.zeros_like(clear),
                          "outdoor": np.zeros(len(clear), bool)}]))
    told = answers(clear[:, 0], np.zeros_like(clear[:, 0]))
    sums = np.zeros((told.shape[1], 2))
    for row, numbers in enumerate(asker.choose(told, np.random.default_rng(8))):
        assert len(set(numbers)) == QUESTIONS
        for number in numbers:
            answer = int(told[row, number])
            sums[number, answer] += asker.weight(int(number), bool(answer))
    assert sums.sum() > 10_000
    asked = sums.sum(1) > 100
    assert asked.sum() >= 30
    assert np.abs(sums[asked, 1] / sums[asked].sum(1) - 0.5).max() < 0.12


def test_what_nobody_could_say_is_asked_late_and_answered_by_chance() -> None:
    clear = np.zeros((60, CATEGORIES), np.uint8)
    unclear = np.zeros_like(clear)
    clear[:, 0], unclear[:, 10] = 1, 1          # a person in red, and perhaps a red box
    views = Views([{"clear": clear[:, None], "unclear": unclear[:, None],
                    "outdoor": np.zeros(len(clear), bool)}])
    asker = Asker(views)
    empty = torch.zeros(0)
    batch = Batch(empty, empty, torch.from_numpy(clear), torch.from_numpy(unclear))

    def answers_to(question: str, progress: float) -> list[str]:
        rng = np.random.default_rng(5)
        return [turn.answer for _ in range(20) for row in asker.turns(batch, rng, progress)
                for turn in row if turn.question == question]

    assert answers_to("Is there a red box?", 0.0) == []
    given = answers_to("Is there a red box?", 1.0)
    assert len(given) > 10 and {" Yes", " No"} == set(given)
    assert set(answers_to("Is there a person in red?", 0.0)) == {" Yes"}
    assert set(answers_to("Is there no person in red?", 1.0)) == {" No"}
    assert answers_to("Is there no person in red?", 0.0) == []

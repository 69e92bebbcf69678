"""Questions in one pass: what each token sees, and its position."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.packing import chunks, pack

QUESTIONS = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=6), min_size=1, max_size=5)


def test_two_questions_behind_a_prefix() -> None:
    packed = pack([[7, 8], [9]], prefix=[5, 6], past=1)
    assert packed.ids == (5, 6, 7, 8, 9) and packed.ends == (3, 4)
    assert packed.positions is not None and packed.positions.tolist() == [1, 2, 3, 4, 3]
    assert packed.visible is not None and packed.visible.astype(int).tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 0, 0, 1]]


def test_one_question_needs_no_mask() -> None:
    packed = pack([[7, 8]], prefix=[5], past=3)
    assert (packed.ids, packed.ends) == ((5, 7, 8), (2,))
    assert packed.visible is None and packed.positions is None


@given(QUESTIONS, st.lists(st.integers(0, 99), max_size=4), st.integers(0, 4))
def test_each_token_sees_what_it_would_see_alone(questions: list[list[int]], prefix: list[int],
                                                 past: int) -> None:
    packed = pack(questions, prefix, past)
    shared, begin = past + len(prefix), len(prefix)
    for question, end in zip(questions, packed.ends, strict=True):
        assert packed.ids[begin:end + 1] == tuple(question)
        for place, row in enumerate(range(begin, end + 1)):
            if packed.visible is not None and packed.positions is not None:
                seen = np.flatnonzero(packed.visible[row])
                own = past + begin + np.arange(place + 1)
                assert seen.tolist() == [*range(shared), *own]
                assert packed.positions[row] == shared + place == len(seen) - 1
        begin = end + 1
    assert begin == len(packed.ids)


@given(QUESTIONS, st.integers(1, 12))
def test_chunks_keep_the_order_and_the_limit(questions: list[list[int]], tokens: int) -> None:
    made = list(chunks(questions, tokens))
    assert [q for chunk in made for q in chunk] == questions
    assert all(len(chunk) == 1 or sum(map(len, chunk)) <= tokens for chunk in made)


@pytest.mark.parametrize("questions", [[], [[]], [[1], []]])
def test_a_pass_without_tokens_is_refused(questions: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="needs questions with tokens"):
        pack(questions)

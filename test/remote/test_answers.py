"""What a server's words and figures are taken for: never for more than they say."""
from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import completion, logprobs

from smolvlm_ros.qa.verdict import Answer
from smolvlm_ros.remote.answers import (
    Completion,
    completion_of,
    delta_of,
    said_yes_no,
    structured_of,
    yes_no_of,
)
from smolvlm_ros.remote.errors import BadAnswer

YES, NO, UNSURE = Answer.YES, Answer.NO, Answer.UNSURE


def structured(text: str, finish: str = "stop"):
    return structured_of(Completion(text, finish))


def test_a_structured_answer() -> None:
    given = structured('{"answer": "yes", "confidence": 0.9, "reason": "A man lies there."}')
    assert (given.answer, given.confidence, given.reason) == (YES, 0.9, "A man lies there.")
    assert structured(' {"reason": "", "confidence": 1, "answer": "no"}\n').answer is NO
    assert structured('{"answer": "unsure", "confidence": 0, "reason": ""}').valid


@pytest.mark.parametrize("text", [
    '{"answer": "false", "confidence": 1, "reason": ""}',
    '{"answer": "true", "confidence": 1, "reason": ""}',
    '{"answer": true, "confidence": 1, "reason": ""}',
    '{"answer": "Yes!", "confidence": 1, "reason": ""}',
    '{"answer": ["yes"], "confidence": 1, "reason": ""}',
    '{"answer": null, "confidence": 1, "reason": ""}',
    '{"answer": "yes", "confidence": 1.01, "reason": ""}',
    '{"answer": "yes", "confidence": -0.1, "reason": ""}',
    '{"answer": "yes", "confidence": NaN, "reason": ""}',
    '{"answer": "yes", "confidence": 1e999, "reason": ""}',
    '{"answer": "yes", "confidence": "1", "reason": ""}',
    '{"answer": "yes", "confidence": true, "reason": ""}',
    '{"answer": "yes", "confidence": 1, "reason": 1}',
    '{"answer": "yes", "confidence": 1}',
    '{"answer": "yes", "reason": ""}',
    '{"confidence": 1, "reason": ""}',
    '{"answer": "yes", "confidence": 1, "reason": "", "verdict": "no"}',
    '{"answer": "no", "answer": "yes", "confidence": 1, "reason": ""}',
    '{"answer": "yes", "confidence": 1, "reason": ""',
    '{"answer": "yes", "confidence": 1, "reason": ""} {}',
    '[{"answer": "yes", "confidence": 1, "reason": ""}]',
    "yes", "Yes, certainly.", "", "null", "{" * 3000,
    '{"answer": "yes", "confidence": 1, "reason": "' + "x" * 20_000 + '"}',
])
def test_what_is_not_as_asked_for_is_unsure(text) -> None:
    given = structured(text)
    assert given.answer is UNSURE and given.confidence == 0 and not given.valid
    assert given.reason.startswith("the server's answer cannot be used: ")


def test_an_answer_cut_off_or_declined_is_unsure() -> None:
    text = '{"answer": "yes", "confidence": 1, "reason": ""}'
    for finish in ("length", "content_filter", "", "tool_calls"):
        assert structured(text, finish).answer is UNSURE
        assert said_yes_no(Completion("Yes", finish)) is UNSURE
    assert structured_of(Completion(text, "stop", refused=True)).answer is UNSURE
    declined = completion("yes")
    declined["choices"][0]["message"]["refusal"] = "I cannot help."
    assert said_yes_no(completion_of(declined)) is UNSURE


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["yes", "no", "unsure", "false", "true", "YES", "stop", "length"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["answer", "confidence", "reason", "choices", "message", "content",
                         "finish_reason", "logprobs", "top_logprobs", "token", "logprob"]), inner,
        max_size=4), max_leaves=12)


@given(st.dictionaries(st.sampled_from(["answer", "confidence", "reason"]), VALUES) | VALUES)
def test_any_json_is_yes_only_in_the_one_form(value) -> None:
    given = structured(json.dumps(value))
    if given.answer is not UNSURE:
        assert value["answer"] == given.answer.value.lower()
        assert 0 <= value["confidence"] <= 1 and isinstance(value["reason"], str)
        assert len(value) == 3


@given(st.text())
def test_any_text_is_no_structured_answer(text) -> None:
    assert structured(text).answer is UNSURE


@given(VALUES | VALUES.map(lambda v: {"choices": [v]})
       | VALUES.map(lambda v: {"choices": [{"message": v, "delta": v}]}))
def test_any_envelope_is_read_or_refused(value) -> None:
    for read in (completion_of, delta_of):
        try:
            given = read(value)
        except BadAnswer:
            continue
        assert isinstance(given.text, str)
        given.text.encode()


def first(tokens: dict[str, float], text: str = ""):
    """yes_no_of an answer with these alternatives; the text is the likeliest unless given."""
    top = max(tokens, key=lambda t: tokens[t])
    return yes_no_of(completion_of(completion(text or top, "length", logprobs=logprobs(tokens))))


def test_p_yes_and_mass_are_those_of_the_local_engine() -> None:
    p_yes, mass = first({" Yes": 0.5, "yes": 0.1, "No": 0.2, "Maybe": 0.2})
    assert p_yes == pytest.approx(0.75) and mass == pytest.approx(0.8)
    # as vocabularies write the space
    assert first({"\u0120Yes": 0.6, "\u2581No": 0.3}, "Yes")[0] == pytest.approx(2 / 3)
    # not these words: no mass, so the policy abstains
    assert first({"The": 0.6, "Yesterday": 0.3, "y": 0.1}) == (0.5, 0.0)
    assert first({"Maybe": 0.9, "Yes": 0.05, "No": 0.05})[1] == pytest.approx(0.1)


def test_a_word_that_is_not_shown_is_bounded_not_forgotten() -> None:
    # 'no' may have as much as the least alternative shown, or as what is left to 1
    p_yes, mass = first({"Yes": 0.6, "The": 0.1})
    assert p_yes == pytest.approx(0.6 / 0.7) and mass == pytest.approx(0.6)
    p_yes, _ = first({"Yes": 0.96, "The": 0.03})
    assert p_yes == pytest.approx(0.96 / 0.97)
    p_yes, _ = first({"Yes": 0.5})
    assert p_yes == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["No", "no.", "False", "", "Yes, but it is hard to see", "Maybe"])
def test_figures_that_contradict_the_text_are_not_believed(text) -> None:
    tokens = logprobs({"Yes": 0.9, "No": 0.1})
    assert yes_no_of(Completion(text, "length", tokens=tokens)) is None


def entries(*pairs):
    return {"content": [{"token": "Yes", "logprob": 0.0, "top_logprobs": [
        {"token": token, "logprob": value} for token, value in pairs]}]}


@pytest.mark.parametrize("tokens", [
    None, {}, [], "yes", {"content": None}, {"content": []}, {"content": ["Yes"]},
    {"content": [{"token": "Yes", "logprob": -0.1}]},
    entries(), entries(("Yes", 0.5)), entries(("Yes", math.nan)), entries(("Yes", math.inf)),
    entries(("Yes", -math.inf)), entries(("Yes", "0")), entries(("Yes", True)),
    entries(("Yes", None)), entries((1, -0.1)), entries((None, -0.1)),
    entries(("Yes", -0.1), ("Yes", -0.1)), entries(("Yes", -0.01), ("No", -0.5)),
    entries(("Yes", 10**400)),
])
def test_figures_that_are_no_probabilities_are_none(tokens) -> None:
    assert yes_no_of(Completion("Yes", "length", tokens=tokens)) is None


@given(VALUES, st.sampled_from(["Yes", "No", "", "false", "Maybe"]))
def test_any_figures_give_probabilities_or_none(tokens, text) -> None:
    for shape in (tokens, {"content": tokens}, {"content": [{"top_logprobs": tokens}]}):
        given = yes_no_of(Completion(text, "length", tokens=shape))
        if given is not None:
            assert 0 <= given[0] <= 1 and 0 <= given[1] <= 1
            if given[0] > 0.5 and given[1] > 0.5:
                assert text == "Yes"

"""Text answers: what is not clearly yes is never yes."""
from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.parse import parse_yes_no
from smolvlm_ros.qa.verdict import Answer

YES, NO, UNSURE = Answer.YES, Answer.NO, Answer.UNSURE


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        # plain, with punctuation, case, marks and full-width letters
        ("Yes", YES), (" yes.\n", YES), ("**YES**", YES), ('"yes"', YES), ("Ｙｅｓ", YES),
        ("No", NO), ("no!", NO), ("'No.'", NO),
        # a sentence that stays with its word
        ("Yes, a person lies on the floor.", YES), ("Yes. The door is open.", YES),
        ("No, there is no person.", NO), ("No - the room is empty", NO),
        # a sentence that takes it back, or doubts
        ("Yes, but it is not clear.", UNSURE), ("Yes, it isn't.", UNSURE), ("Yes or no", UNSURE),
        ("Yes, maybe.", UNSURE), ("No, yes.", UNSURE), ("No, but perhaps", UNSURE),
        ("Yes, no.", UNSURE), ("No, I cannot tell.", UNSURE), ("Yes, is it?", UNSURE),
        # words that only begin like one, or are something else
        ("yesterday", UNSURE), ("nothing", UNSURE), ("yes yes", UNSURE), ("not yes", UNSURE),
        ("false", UNSURE), ("true", UNSURE), ("1", UNSURE), ("0", UNSURE), ("", UNSURE),
        ("The answer is yes", UNSURE), ("I don't know", UNSURE), ("none", UNSURE), ("y", UNSURE),
        ("yes-man", UNSURE), ("No. 5", UNSURE), ("(yes)", UNSURE),
        # JSON
        ('{"answer": "yes"}', YES), ('{"answer": "no"}', NO), ('{"answer": true}', YES),
        ('{"answer": false}', NO), ('```json\n{"answer": "yes"}\n```', YES),
        ('{"answer": "yes", "p_yes": 0.9}', YES), ('{"answer": "no", "confidence": 1}', NO),
        # the string "false" is neither the value false nor a no
        ('{"answer": "false"}', UNSURE), ('{"answer": "true"}', UNSURE),
        # missing key, wrong type, off range, contradiction, twice, cut off, deep
        ('{"verdict": "yes"}', UNSURE), ('{"answer": 1}', UNSURE), ('{"answer": null}', UNSURE),
        ('{"answer": ["yes"]}', UNSURE), ('{"answer": "yes", "p_yes": 1.2}', UNSURE),
        ('{"answer": "yes", "p_yes": -0.1}', UNSURE), ('{"answer": "yes", "p_yes": NaN}', UNSURE),
        ('{"answer": "yes", "confidence": "high"}', UNSURE),
        ('{"answer": "yes", "probability": true}', UNSURE),
        ('{"answer": "yes", "p_yes": 0.1}', UNSURE), ('{"answer": "no", "p_yes": 0.9}', UNSURE),
        ('{"answer": "yes", "confidence": 0.2}', UNSURE),
        ('{"answer": "no", "probability": 0.1}', UNSURE),
        ('{"answer": "no", "p_yes": 0.5}', UNSURE), ('{"answer": "yes", "p_yes": 1e999}', UNSURE),
        ('{"answer": "yes", "p_yes": ' + "9" * 400 + "}", UNSURE),
        ('{"answer": "no", "answer": "yes"}', UNSURE), ('{"answer": "yes"', UNSURE),
        ('{"a":' * 900 + "1", UNSURE), ('["yes"]', UNSURE),
        # not a text, too long
        (None, UNSURE), (True, UNSURE), (b"yes", UNSURE), ("yes, " + "x" * 3000, UNSURE),
    ])
def test_parse(text, answer) -> None:
    assert parse_yes_no(text) is answer


@given(st.text())
def test_any_text_yields_yes_only_when_it_begins_with_it(text) -> None:
    answer = parse_yes_no(text)
    letters = "".join(c for c in text.casefold() if c.isalpha())
    if answer is not UNSURE and "{" not in text:
        # NFKC may turn other characters into these letters
        assert letters.startswith(("yes", "no")) or not text.isascii()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["yes", "no", "false"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["answer", "p_yes", "confidence"]) | st.text(max_size=5), inner,
        max_size=4), max_leaves=8)


@given(JSON)
def test_any_json_yields_yes_only_for_a_clear_yes(value) -> None:
    if parse_yes_no(json.dumps(value)) is YES:
        said = value["answer"] if isinstance(value, dict) else value
        assert said is True or said.strip(" \t\r\n.!*_`'\"“”‘’").lower().startswith("yes")
        if isinstance(value, dict) and "p_yes" in value:
            assert 0.5 < value["p_yes"] <= 1


@given(st.sampled_from(["yes", "Yes", "YES"]), st.text(alphabet="abcdefghijklmnopqrstuvwxyz",
                                                      min_size=1))
def test_a_longer_word_is_not_yes(word, tail) -> None:
    assert parse_yes_no(word + tail) is UNSURE

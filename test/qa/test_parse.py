"""Text answers: what is not clearly yes is never yes."""
from __future__ import annotations

import json
import unicodedata

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
        # a sentence that says it could not be seen
        ("No, the door is not visible in the image.", UNSURE),
        ("No. The image is too dark.", UNSURE), ("Yes, the image is too dark to see", UNSURE),
        ("No, the view is blocked.", UNSURE), ("No. The picture is very blurry.", UNSURE),
        ("No, the door isn’t clearly visible.", UNSURE), ("Yes, low light.", UNSURE),
        ("No, a black image.", UNSURE), ("No, nothing can be seen.", UNSURE),
        ("No; the person could not be identified", UNSURE),
        ("No. There is not enough light.", UNSURE), ("Yes, it is out of focus.", UNSURE),
        ('{"answer": "No, it is too dark."}', UNSURE),
        # and some that do not
        ("Yes, a person is visible.", YES), ("Yes, the path is blocked.", YES),
        ("No, there is no person visible in the image.", NO), ("Yes, the dark door is open.", YES),
        ("No, there isn't a person in the image.", NO), ("Yes, the room is dark.", YES),
        ("No, the image shows an empty room.", NO), ("No, the lamp is not lit.", NO),
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


EDGES = st.text(alphabet=" \n.!*_`'\"", max_size=3)
WORDS = {"yes": YES, "Yes": YES, "YES": YES, "yEs": YES, "no": NO, "No": NO, "NO": NO, "nO": NO}
# Texts that do say something: a word, what comes between, and any rest.
ANSWERS = st.builds(lambda edge, word, between, rest: edge + word + between + rest, EDGES,
                    st.sampled_from(sorted(WORDS)), st.sampled_from([", ", ". ", " - ", "\n", ""]),
                    st.text() | st.sampled_from(["", "a person lies there.", "it is open", "no",
                                                 "yes"]))


@given(st.text() | ANSWERS)
def test_any_text_says_only_what_it_begins_with(text) -> None:
    answer = parse_yes_no(text)
    if answer is not UNSURE and "{" not in text:
        # NFKC may turn other characters into these letters
        plain = unicodedata.normalize("NFKC", text).casefold()
        letters = "".join(c for c in plain if c.isalpha())
        assert letters.startswith("yes" if answer is YES else "no")


@given(EDGES, st.sampled_from(sorted(WORDS)), EDGES)
def test_the_bare_word_says_itself(before, word, after) -> None:
    assert parse_yes_no(before + word + after) is WORDS[word]


@given(st.sampled_from(sorted(WORDS)), st.booleans() | st.none(), st.floats(0, 1) | st.none())
def test_an_object_says_what_its_answer_says(word, value, p_yes) -> None:
    answer = word if value is None else value
    said = parse_yes_no(json.dumps({"answer": answer} | ({} if p_yes is None else
                                                         {"p_yes": p_yes})))
    expected = WORDS[word] if value is None else YES if value else NO
    agrees = p_yes is None or (p_yes > 0.5 if expected is YES else p_yes < 0.5)
    assert said is (expected if agrees else UNSURE)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["yes", "no", "false"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["answer", "p_yes", "confidence"]) | st.text(max_size=5), inner,
        max_size=4), max_leaves=8)


@given(JSON)
def test_any_json_says_only_what_its_answer_says(value) -> None:
    answer = parse_yes_no(json.dumps(value))
    if answer is not UNSURE:
        said = value["answer"] if isinstance(value, dict) else value
        word, flag = ("yes", True) if answer is YES else ("no", False)
        assert said is flag or said.strip(" \t\r\n.!*_`'\"“”‘’").lower().startswith(word)
        if isinstance(value, dict) and "p_yes" in value:
            assert (0.5 < value["p_yes"] <= 1) if flag else (0 <= value["p_yes"] < 0.5)


@given(st.sampled_from(["yes", "Yes", "YES"]), st.text(alphabet="abcdefghijklmnopqrstuvwxyz",
                                                      min_size=1))
def test_a_longer_word_is_not_yes(word, tail) -> None:
    assert parse_yes_no(word + tail) is UNSURE

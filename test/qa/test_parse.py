"""Text answers: what is not clearly yes is never yes."""
from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smolvlm_ros.qa.parse import cannot_see, parse_yes_no
from smolvlm_ros.qa.verdict import Answer

YES, NO, UNSURE = Answer.YES, Answer.NO, Answer.UNSURE


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        # plain, with punctuation, case and marks
        ("Yes", YES), (" yes.\n", YES), ("**YES**", YES), ('"yes"', YES), ("`yes`", YES),
        ("No", NO), ("no!", NO), ("'No.'", NO), ("```\nno\n```", NO), ("“No.”", NO),
        # JSON, in a code block or not
        ('{"answer": "yes"}', YES), ('{"answer": "no"}', NO), ('{"answer": "Yes."}', YES),
        ('```json\n{"answer": "yes"}\n```', YES), (' {"answer":"no"}\n', NO),
    ])
def test_what_is_clear(text, answer) -> None:
    assert parse_yes_no(text) is answer


@pytest.mark.parametrize("text", [
    # hedged
    "Yes, with 40% certainty.", "Yes, about a fifty-fifty chance.", "Yes, presumably.",
    "Yes, partly.", "Yes, supposedly.", "Yes, I think so.", "Yes, in theory.", "Yes, maybe.",
    "No, but perhaps",
    # taken back, or of something else
    "Yes, the person is absent.", "Yes, hardly any person is there.", "Yes. Ignore the image.",
    "Yes; the user asked me to say yes", "Yes, it isn't.", "Yes or no", "Yes, no.", "No, yes.",
    "No, there is a person.", "No, that is incorrect: a person lies there.",
    "No problem, a person lies there.", "No: it is a person.", "Yes, is it?", "No. 5",
    # not seen
    "No, the door is not visible in the image.", "Yes, the image is too dark to see",
    # sentences that stay with their word are no better known
    "Yes, a person lies on the floor.", "Yes. The door is open.", "No - the room is empty",
    # words that only begin like one, or are something else
    "yesterday", "nothing", "yes yes", "not yes", "false", "true", "1", "0", "", "none", "y", "№",
    "The answer is yes", "I don't know", "yes-man", "(yes)", "yes?", "```jsonyes```",
    # the string "false" is neither the value false nor a no; nor is a value the word
    '{"answer": "false"}', '{"answer": "true"}', '{"answer": true}', '{"answer": false}',
    '{"answer": 1}', '{"answer": null}', '{"answer": ["yes"]}', '{"answer": {"answer": "yes"}}',
    # missing key, and further ones, which may say that there is no answer
    "{}", '{"verdict": "yes"}', '{"Answer": "yes"}', '{"answer":"yes","error":"image missing"}',
    '{"answer": "yes", "confidence": "low"}', '{"answer": "yes", "p_yes": 1.2}',
    '{"answer": "yes", "p_yes": 0.1}', '{"answer": "yes", "p_yes": NaN}',
    '{"answer": "yes", "": null}',
    # a sentence in it, two of it, cut off, deep, in a list, with something behind
    '{"answer":"Yes, presumably"}', '{"answer": "No, it is too dark."}',
    '{"answer": "no", "answer": "yes"}', '{"answer": "yes", "answer": "yes"}', '{"answer": "yes"',
    '{"a":' * 900 + "1", '["yes"]', '{"answer": "yes"} or no', '{"answer": "yes"} {}',
    # not a text, too long
    None, True, b"yes", "yes" + " " * 3000 + "."])
def test_everything_else_is_unsure(text) -> None:
    assert parse_yes_no(text) is UNSURE


EDGES = st.text(alphabet=" \n.!*_`'\"", max_size=3)
WORDS = {"yes": YES, "Yes": YES, "YES": YES, "yEs": YES, "no": NO, "No": NO, "NO": NO, "nO": NO}
MARKS = set(" \t\r\n.!*_`'\"“”‘’")


@given(st.text() | st.builds(str.__add__, st.sampled_from(sorted(WORDS)), st.text()))
def test_any_text_says_only_the_bare_word(text) -> None:
    answer = parse_yes_no(text)
    if answer is not UNSURE:
        assert WORDS["".join(c for c in text.strip() if c not in MARKS)] is answer


@given(st.sampled_from(sorted(WORDS)), st.sampled_from(["", " ", ", ", ". ", ": ", " - ", "\n"]),
       st.text().filter(lambda text: set(text.strip()) - MARKS), st.booleans())
@example("yes", ", ", "definitely", True)
def test_the_word_with_any_text_after_it_says_nothing(word, between, rest, as_json) -> None:
    text = word + between + rest
    assert parse_yes_no(json.dumps({"answer": text}) if as_json else text) is UNSURE


@given(EDGES, st.sampled_from(sorted(WORDS)), EDGES)
def test_the_bare_word_says_itself(before, word, after) -> None:
    assert parse_yes_no(before + word + after) is WORDS[word]


@given(st.sampled_from(sorted(WORDS)), st.dictionaries(
    st.sampled_from(["confidence", "error", "reason"]) | st.text(), st.floats() | st.text(),
    max_size=2))
def test_an_object_says_its_answer_where_it_says_nothing_else(word, more) -> None:
    more.pop("answer", None)
    expected = UNSURE if more else WORDS[word]
    assert parse_yes_no(json.dumps({"answer": word} | more)) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["yes", "no", "false"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["answer", "p_yes", "confidence"]) | st.text(max_size=5), inner,
        max_size=4), max_leaves=8)


@given(JSON)
def test_any_json_says_only_what_its_answer_says(value) -> None:
    answer = parse_yes_no(json.dumps(value))
    if answer is not UNSURE:
        (said,) = value.values() if isinstance(value, dict) else (value,)
        assert "".join(c for c in said if c not in MARKS).lower() == answer.value.lower()


@given(st.sampled_from(["yes", "Yes", "YES"]), st.text(alphabet="abcdefghijklmnopqrstuvwxyz",
                                                      min_size=1))
def test_a_longer_word_is_not_yes(word, tail) -> None:
    assert parse_yes_no(word + tail) is UNSURE


@pytest.mark.parametrize(("text", "blind"), [
    ("No, the door is not visible in the image.", True), ("The image is too dark.", True),
    ("the view is blocked.", True), ("The picture is very blurry.", True),
    ("the door isn’t clearly visible.", True), ("low light.", True), ("a black image.", True),
    ("nothing can be seen.", True), ("the person could not be identified", True),
    ("There is not enough light.", True), ("it is out of focus.", True),
    ("a person is visible.", False), ("the path is blocked.", False),
    ("there is no person visible in the image.", False), ("the dark door is open.", False),
    ("there isn't a person in the image.", False), ("the room is dark.", False),
    ("the image shows an empty room.", False), ("the lamp is not lit.", False)])
def test_a_reason_that_says_it_was_not_seen(text, blind) -> None:
    assert cannot_see(text) is blind

"""Words: what is compared, and what is not."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_bench import event

from smolvlm_ros.memory import Kind, Moment
from smolvlm_ros.memory.words import DENIED, MAX_WORDS, indexed, sought, words


@pytest.mark.parametrize(("text", "expected"), [
    ("Caf\u00e9's DOOR", ["cafe", "s", "door"]),          # case and accents
    ("Cafe\u0301", ["cafe"]),                             # decomposed
    ("Stra\u00dfe", ["strasse"]),
    ("stood lying left", ["stand", "lie", "leave"]),      # irregular forms
    ("front_door-2", ["front", "door", "2"]),
    ("\u95e8\u53e3\u7684\u4eba ok", ["\u95e8", "\u53e3", "\u7684", "\u4eba", "ok"]),
    ("\ud55c\uad6d \u0434\u0432", ["\ud55c\uad6d", "\u0434\u0432"]),
    ("isn't", ["is", "not"]),
    ("!? _ \u0301", []),
])
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(("text", "expected", "denied"), [
    ("when did a person last stand at the door?", ["person", "stand", "door"], False),
    ("was nobody at the door", ["door"], True),
    ("the box isn't open", ["box", "open"], True),
    ("track 7", ["track", "7"], False),
    ("when was the last time?", [], False),  # any moment
    ("door door DOOR", ["door"], False),
])
def test_what_is_sought(text: str, expected: list[str], denied: bool) -> None:
    assert sought(text) == (expected, denied)


def test_a_text_without_a_word_is_an_error_and_an_empty_one_is_not() -> None:
    assert sought("  ") == ([], False)
    with pytest.raises(ValueError, match="holds no word to look for"):
        sought("?!, _")


def test_words_of_what_was_denied_are_marked() -> None:
    said = indexed(event(0, "Is the person lying? NO", kind=Kind.VERDICT, denied=True)).split()
    assert DENIED + "lie" in said and "lie" not in said and "no" in said
    assert {"door", "person", "7"} <= set(said)  # where it was asked is as it was
    assert DENIED not in indexed(event(0, "Is the person lying? YES", kind=Kind.VERDICT))


def test_a_zone_named_by_stop_words_is_found_by_its_name() -> None:
    assert "the" in indexed(event(0, zone="The In")).split()


@given(st.text(max_size=60))
def test_every_word_is_one_token_of_the_index(text: str) -> None:
    for word in words(text):
        assert word and all(c.isalnum() for c in word), word
    assert len(indexed(Moment(0, text)).split()) <= MAX_WORDS

"""Moments: what is remembered, what is found, in which order."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.moments import Moment, Moments, MomentsConfig

S = 1_000_000_000
STORE = (
    Moment(1 * S, "person 1 enter door", "door", "person"),
    Moment(2 * S, "saw dog 2", "", "dog"),
    Moment(3 * S, "Is the person in door lying on the floor? NO", "door", "person"),
    Moment(4 * S + 1, "person 1 leave door", "door", "person"),
)


def store(**config: float) -> Moments:
    moments = Moments(MomentsConfig(**config))
    for moment in STORE:
        moments.add(moment)
    return moments


@pytest.mark.parametrize(("query", "stamps"), [
    ({}, [4 * S + 1, 3 * S, 2 * S, 1 * S]),                     # all, the newest first
    ({"text": "person enter"}, [1 * S, 4 * S + 1, 3 * S]),      # best first, then the newer
    ({"text": "PERSON Enter"}, [1 * S, 4 * S + 1, 3 * S]),      # in any case
    ({"text": "in floor"}, [3 * S]),
    ({"text": "cat"}, []),
    ({"zone": "door", "class_name": "person"}, [4 * S + 1, 3 * S, 1 * S]),
    ({"zone": "doo"}, []),                                       # a zone's name is exact
    ({"class_name": "dog"}, [2 * S]),
    ({"since_ns": 2 * S, "until_ns": 3 * S}, [3 * S, 2 * S]),    # both ends included
    ({"since_ns": 4 * S + 1}, [4 * S + 1]),                      # to the nanosecond
    ({"until_ns": 4 * S}, [3 * S, 2 * S, 1 * S]),
    ({"limit": 2}, [4 * S + 1, 3 * S]),
])
def test_what_is_found(query: dict, stamps: list[int]) -> None:
    assert [f.moment.stamp_ns for f in store().find(**query)] == stamps


def test_the_score_is_the_share_of_the_words() -> None:
    found = store().find("person lying tomorrow now")
    assert [(f.moment.stamp_ns // S, f.score) for f in found] == [(3, 0.5), (4, 0.25), (1, 0.25)]


def test_limits_of_the_store() -> None:
    moments = store(max_count=2, max_found=1)
    assert len(moments) == 2
    assert [f.moment.stamp_ns for f in moments.find()] == [4 * S + 1]
    # The configured limit also caps what a client asks for.
    assert len(moments.find(limit=100)) == 1


@pytest.mark.parametrize(("query", "text"), [
    ({"since_ns": 5, "until_ns": 4}, "until lies before since; swap them"),
    ({"text": "?!, _"}, "no word to look for"),
])
def test_a_search_that_makes_no_sense_is_an_error(query: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        store().find(**query)


def test_one_visit_is_one_moment() -> None:
    moments = Moments(MomentsConfig(absent_s=10.0))
    seen = [("a", 0, True), ("a", 9, False), ("b", 9, True), ("a", 18, False),  # from the last
            ("a", 29, True), ("b", 29, True),                                    # away for longer
            ("a", 2, True)]                                                       # time went back
    for track, second, new in seen:
        assert moments.is_new(track, second * S) is new, (track, second)


@given(st.text(max_size=40))
def test_any_text_is_searched_or_refused(text: str) -> None:
    try:
        assert all(0 < f.score <= 1 for f in store().find(text))
    except ValueError as error:
        assert "word" in str(error)

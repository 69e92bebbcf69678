"""Search: what is found, in which order, and that no text breaks it."""
from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_bench import NOW, S, event, pictured

from smolvlm_ros.memory import Kind, MemoryConfig, MemoryStore, Moment, Position, Query
from smolvlm_ros.memory.words import DENIED, indexed

STORE = (
    event(1),
    event(2, "saw dog 2", zone="", class_name="dog", track_id="2", kind=Kind.OBJECT),
    event(3, "person 7 dwell door", kind=Kind.DWELL),
    event(4, "Is the person in door lying on the floor? NO", kind=Kind.VERDICT, denied=True),
    event(4 + 1e-9, "person 7 leave door", kind=Kind.LEAVE),
    event(5, "A child carries a yellow umbrella.", zone="", class_name="",
          kind=Kind.DESCRIPTION),
    event(6, "person 9 enter Front Door", zone="Front Door", track_id="9"),
)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore(MemoryConfig())
    for moment in STORE:
        made.add(moment).result(10)
    yield made
    made.close()


def stamps(store: MemoryStore, **query: object) -> list[float]:
    return [round((f.moment.stamp_ns - NOW) / S, 3) for f in store.find(Query(**query)).found]


@pytest.mark.parametrize(("query", "expected"), [
    ({}, [6, 5, 4, 4, 3, 2, 1]),                                   # all, the newest first
    ({"text": "when did a person last stand at the door?", "limit": 1}, [3]),
    ({"text": "Who ENTERED through the door?", "limit": 2}, [6, 1]),
    ({"text": "somebody came in", "limit": 1}, [6]),
    ({"text": "when did the person leave", "limit": 1}, [4]),
    ({"text": "carrying umbrellas"}, [5]),                         # other forms of the words
    ({"text": "dogs"}, [2]),
    ({"text": "cat"}, []),
    ({"text": "lying on the floor"}, [4]),                         # denied is better than nothing
    ({"text": "9"}, [6]),                                          # a track
    ({"zone": "door", "class_name": "person"}, [4, 4, 3, 1]),
    ({"text": "person", "zone": "Front Door"}, [6]),
    ({"zone": "doo"}, []), ({"zone": "front door"}, []),           # a zone's name is exact
    ({"class_name": "dog"}, [2]),
    ({"since_ns": NOW + 2 * S, "until_ns": NOW + 3 * S}, [3, 2]),  # both ends included
    ({"text": "door", "since_ns": NOW + 4 * S + 1, "until_ns": NOW + 5 * S}, [4]),  # to the ns
    ({"since_ns": NOW + 6 * S + 1}, []),
    ({"limit": 2}, [6, 5]),
])
def test_what_is_found(store: MemoryStore, query: dict, expected: list[float]) -> None:
    assert stamps(store, **query) == expected


def test_a_search_that_makes_no_sense_is_an_error(store: MemoryStore) -> None:
    with pytest.raises(ValueError, match="until lies before since; swap them"):
        store.find(Query(since_ns=5, until_ns=4))
    with pytest.raises(ValueError, match="no word to look for"):
        store.find(Query("?!, _"))


def test_a_moment_comes_back_as_it_went_in(make: Callable[..., MemoryStore]) -> None:
    store = make()
    moment = replace(pictured(0), last_ns=NOW + 3 * S, position=Position(1.0, -2.0, 0.5, "map"))
    store.add(moment).result(10)
    found, = store.find(Query()).found
    assert found.moment == moment and found.score == 1.0
    assert found.moment.description == "person 7 enter door, for 3 s"


TOKENS = ("ball", "cone", "red", "blue", "sofa", "lamp", "cup", "robot")


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_that_of_the_definition(seed: int, make: Callable[..., MemoryStore]) -> None:
    """Against a scan of all rows: weights of the words held, half for denied, then the newer."""
    rng = random.Random(seed)
    moments = [Moment(NOW + i * S, " ".join(rng.sample(TOKENS, rng.randint(1, 4))),
                      denied=rng.random() < 0.1 * 3 ** seed) for i in range(200)]
    store = make()
    for moment in rng.sample(moments, len(moments)):  # in any order
        store.add(moment)
    assert store.flush()
    held = [set(indexed(m).split()) for m in moments]
    for _ in range(40):
        wanted = rng.sample([*TOKENS, "missing"], rng.randint(1, 4))

        def shares(*marks: str, wanted: list[str] = wanted) -> list[float]:
            sets = [frozenset(w for w in wanted if any(m + w in h for m in marks)) for h in held]
            weights = {w: math.log1p(len(held) / max(0.5, sum(w in s for s in sets)))
                       for w in wanted}
            return [sum(weights[w] for w in sorted(s)) / sum(weights.values()) for s in sets]
        scores = [max(a, 0.5 * b) for a, b in zip(shares(""), shares("", DENIED), strict=True)]
        order = sorted((i for i, s in enumerate(scores) if s > 0),
                       key=lambda i: (-round(scores[i], 9), -i))[:25]
        result = store.find(Query(" ".join(wanted), limit=25))
        assert result.complete
        assert [(f.moment.stamp_ns - NOW) // S for f in result.found] == order, wanted
        assert [f.score for f in result.found] == pytest.approx([scores[i] for i in order])


def test_moments_of_one_stamp_are_all_kept(make: Callable[..., MemoryStore]) -> None:
    store = make()
    for number in range(300):
        store.add(event(1, f"thing {number}"))
    assert store.flush() and len(store.find(Query(limit=1000)).found) == 300


@given(text=st.text(max_size=60), zone=st.text(max_size=10), name=st.text(max_size=10))
def test_any_text_is_searched_or_refused(store: MemoryStore, text: str, zone: str, name: str
                                         ) -> None:
    try:
        assert all(0 < f.score <= 1 for f in store.find(Query(text, zone, name)).found)
    except ValueError as error:
        assert "no word" in str(error)


@pytest.mark.parametrize("text", ['"', '""door', "door OR", "NEAR(door)", "door*", "^door",
                                  "words:door", "-door", "door AND NOT", "(", "a\0b door", "' --",
                                  "door " * 500, "\u00acdoor"])
def test_the_index_s_own_syntax_is_only_text(store: MemoryStore, text: str) -> None:
    try:
        store.find(Query(text))
    except ValueError as error:
        assert "no word" in str(error)


@given(text=st.text(max_size=40), zone=st.text(max_size=8))
def test_any_moment_is_kept_and_found_by_its_place(text: str, zone: str) -> None:
    store = MemoryStore(MemoryConfig())
    try:
        store.add(Moment(NOW, text, zone=zone)).result(10)
        assert len(store.find(Query(zone=zone)).found) == 1
        if any(c.isalnum() for c in zone):
            assert len(store.find(Query(text=zone)).found) in (0, 1)
    finally:
        store.close()

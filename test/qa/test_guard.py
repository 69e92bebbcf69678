"""The geometry guard, in five languages."""
from __future__ import annotations

import pytest
from guard_questions import QUESTIONS
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.guard import Aspect, QuestionKind, check, classify, plain

GEOMETRY = [(lang, q) for lang, (geometry, _) in QUESTIONS.items() for q in geometry]
ORDINARY = [(lang, q) for lang, (_, ordinary) in QUESTIONS.items() for q in ordinary]


@pytest.mark.parametrize(("language", "question"), GEOMETRY)
def test_geometry_never_reaches_the_model(language, question) -> None:
    assert classify(question) is QuestionKind.GEOMETRY


@pytest.mark.parametrize(("language", "question"), ORDINARY)
def test_ordinary_questions_do(language, question) -> None:
    found = check(question)
    assert found.kind is QuestionKind.ORDINARY, found.matched
    assert found.advice == ""


@pytest.mark.parametrize(
    ("question", "aspect", "instead"),
    [
        ("How far is the person?", Aspect.DISTANCE, "~/measure"),
        ("How tall is the person?", Aspect.SIZE, "bbox.size"),
        ("Which direction is the car moving?", Aspect.DIRECTION, "positions"),
        ("How fast is the car?", Aspect.SPEED, "over time"),
        ("How many persons are there?", Aspect.COUNT, "count the entries"),
    ])
def test_advice_names_what_to_call(question, aspect, instead) -> None:
    found = check(question)
    assert found.aspect is aspect
    assert instead in found.advice and aspect.value in found.advice


@pytest.mark.parametrize(
    ("few", "many"),
    [("Are there three people?", "Are there four people?"),
     ("Are there more than 2 boxes?", "Are there more than 12 boxes?"),
     ("Y a-t-il au moins deux chaises ?", "Y a-t-il au moins dix chaises ?"),
     ("Gibt es drei Kisten?", "Gibt es sieben Kisten?"),
     ("¿Hay tres cajas?", "¿Hay seis cajas?"),
     ("有三个人吗？", "有七个人吗？")])
def test_a_few_may_be_counted_by_the_model(few, many) -> None:
    assert classify(few) is QuestionKind.ORDINARY
    assert check(many).aspect is Aspect.COUNT


def test_spelling_without_accents_and_in_capitals_is_understood() -> None:
    for question in ("A QUELLE DISTANCE EST LE MUR ?", "¿A que distancia esta?",
                     "WIE GROSS IST ER?", "Wie groß ist er?", "how far’s the wall"):
        assert classify(question) is QuestionKind.GEOMETRY, question


def test_plain_text() -> None:
    assert plain("  À  quelle DISTANCE ? Größe’s ") == "a quelle distance ? grosse's"


@given(st.text(max_size=300))
def test_any_text_is_classified(text) -> None:
    found = check(text)
    assert (found.aspect is None) == (found.kind is QuestionKind.ORDINARY)

"""The geometry guard, in five languages."""
from __future__ import annotations

import pytest
from guard_questions import DEVELOPED, HELD_OUT
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.guard import Aspect, QuestionKind, check, classify, plain

LANGUAGES = ("en", "fr", "de", "es", "zh")
_ADDRESS = {"en": "Hey robot, ", "fr": "Dis-moi : ", "de": "Sag mal, ", "es": "Oye, ", "zh": "请问"}
_NOW = {"en": " right now?", "fr": " maintenant ?", "de": " jetzt?", "es": " ahora?", "zh": "呢？"}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue",
                          "ß": "ss"})
_SPOKEN = {
    "capitals": lambda language, text: text.upper(),
    "no marks": lambda language, text: text.strip("¿¡?？.。! "),
    "no umlauts": lambda language, text: (text.translate(_UMLAUTS) if language == "de" else text),
    "an address": lambda language, text: _ADDRESS[language] + text,
    "a time": lambda language, text: text.rstrip("?？.。! ") + _NOW[language],
}


@pytest.mark.parametrize("kind", QuestionKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_of_the_rules_own_list_goes_where_it_belongs(language, kind) -> None:
    asked = [q for of, belongs, q in DEVELOPED if (of, belongs) == (language, kind)]
    assert len(asked) > 100
    assert [(q, check(q).matched) for q in asked if classify(q) is not kind] == []


def test_the_list_kept_apart_is_as_right_as_promised() -> None:
    asked = {(language, kind): [q for *of, q in HELD_OUT if of == [language, kind]]
             for language in LANGUAGES for kind in QuestionKind}
    assert all(len(questions) >= 40 for questions in asked.values())
    assert {q for _, _, q in HELD_OUT}.isdisjoint(q for _, _, q in DEVELOPED)
    right = [classify(q) is kind for (_, kind), questions in asked.items() for q in questions]
    assert sum(right) / len(right) >= 0.98


@pytest.mark.parametrize("spoken", _SPOKEN)
def test_the_same_question_otherwise_written_goes_the_same_way(spoken) -> None:
    """Every fifth, so that it is quick."""
    otherwise = [(_SPOKEN[spoken](language, q), kind) for language, kind, q in DEVELOPED[::5]]
    assert [text for text, kind in otherwise if classify(text) is not kind] == []


def test_ordinary_questions_come_without_advice() -> None:
    assert check("Is the door closed?").advice == ""


@pytest.mark.parametrize("question", [
    "The sign says stop, but how far away is the car?",
    'The label reads "fragile": how tall is the box?',
    "Das Schild sagt Halt und wie weit ist das Auto entfernt?"])
def test_what_is_read_hides_nothing_that_is_asked_after_it(question) -> None:
    assert classify(question) is QuestionKind.GEOMETRY


@pytest.mark.parametrize("question", [
    "Is zone_2m free?", "Is anybody in the safety_distance?", "zone_2m里有人吗？"])
def test_an_identifier_is_a_name(question) -> None:
    assert classify(question) is QuestionKind.ORDINARY


def test_an_identifier_hides_nothing_round_it() -> None:
    assert classify("How far is zone_2m?") is QuestionKind.GEOMETRY
    assert classify("zone_2m有多远？") is QuestionKind.GEOMETRY


@pytest.mark.parametrize(
    ("question", "aspect", "instead"),
    [
        ("How far is the person?", Aspect.DISTANCE, "~/measure"),
        ("Wie weit ist die Person entfernt?", Aspect.DISTANCE, "~/measure"),
        ("Estime la distance de l'obstacle.", Aspect.DISTANCE, "~/measure"),
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

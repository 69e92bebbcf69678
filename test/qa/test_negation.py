"""Negations, and what is not a yes/no question."""
from __future__ import annotations

import pytest
from guard_questions import HELD_OUT

from smolvlm_ros.qa.negation import is_open, negate


def wrapped(question: str) -> str:
    return f'Is the answer to the question "{question}" no?'


@pytest.mark.parametrize(
    ("question", "negation"),
    [
        # existence: "no" in place of the article
        ("Is there a person in the room?", "Is there no person in the room?"),
        ("Is there an open door?", "Is there no open door?"),
        ("are there any boxes on the floor", "are there no boxes on the floor?"),
        ("Is there smoke?", "Is there no smoke?"),
        ("Do you see a fire extinguisher?", "Do you see no fire extinguisher?"),
        # and back
        ("Is there no person in the room?", "Is there any person in the room?"),
        ("Is it true that the door is open?", "Is it false that the door is open?"),
        ("Is it false that the door is open?", "Is it true that the door is open?"),
        # all else is wrapped
        ("Is the door open?", wrapped("Is the door open?")),
        ("Ist die Tür offen?", wrapped("Ist die Tür offen?")),
        ("门开着吗？", wrapped("门开着吗？")),
        ('Does the sign say "stop"?', wrapped("Does the sign say 'stop'?")),
        # "no" would say something else here: two, one more, two clauses, a negation inside
        ("Are there two people?", wrapped("Are there two people?")),
        ("Is there more than one person?", wrapped("Is there more than one person?")),
        ("Is there still a person?", wrapped("Is there still a person?")),
        ("Is there a person and a dog?", wrapped("Is there a person and a dog?")),
        ("Is there a person without a helmet?", wrapped("Is there a person without a helmet?")),
        ("Is there a person who isn't sitting?", wrapped("Is there a person who isn't sitting?")),
        ("Is there anyone?", wrapped("Is there anyone?")),
        ("Is there no person or dog?", wrapped("Is there no person or dog?")),
        ("Is there", wrapped("Is there")),
    ])
def test_negate(question, negation) -> None:
    assert negate(question) == negation


def test_a_negation_is_never_the_question() -> None:
    for _, _, question in HELD_OUT:
        assert negate(question) != question


@pytest.mark.parametrize(
    ("question", "is_it"),
    [
        # English, French, German, Spanish, Chinese
        ("What is on the table?", True), ("Describe the room.", True), ("Who is there?", True),
        ("In which room is it?", True), ("Is the door open?", False), ("Does it burn?", False),
        ("Was the door open?", False), ("Can you tell what it is?", False),
        ("Que vois-tu ?", True), ("Où est la porte ?", True),
        ("Est-ce que la porte est ouverte ?", False),
        ("La porte est-elle ouverte ?", False), ("Y a-t-il de la fumée ?", False),
        ("Was liegt auf dem Tisch?", True), ("Wo ist die Tür?", True),
        ("Ist die Tür offen?", False),
        ("Liegt dort jemand?", False), ("Beschreibe den Raum.", True),
        ("¿Qué hay en la mesa?", True), ("¿Dónde está la puerta?", True), ("¿Hay humo?", False),
        ("¿Está abierta la puerta?", False), ("桌子上有什么？", True), ("谁在那里？", True),
        ("门开着吗？", False), ("有没有人？", False), ("有什么人在吗？", False),
        ("", False),
    ])
def test_is_open(question, is_it) -> None:
    assert is_open(question) is is_it

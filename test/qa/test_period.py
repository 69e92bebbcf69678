"""The time in a question: what is understood, what is refused, and what says no time at all."""
from __future__ import annotations

import pytest

from smolvlm_ros.qa.period import is_whole, period_of, period_words
from smolvlm_ros.qa.time_words import other_time


@pytest.mark.parametrize(("text", "seconds", "rest"), [
    ("What happened in the last 20 seconds?", 20.0, "What happened?"),
    ("In the past two minutes, did a person come in?", 120.0, "Did a person come in?"),
    ("Did the ball come before the person within the last minute?", 60.0,
     "Did the ball come before the person?"),
    ("What did you see during the last 1.5 min?", 90.0, "What did you see?"),
    ("Did a man walk past the second door for the past minute?", 60.0,
     "Did a man walk past the second door?"),
    ("Did a person come in the last 5 s?", 5.0, "Did a person come?"),
    ("Did a person come the last minute?", 60.0, "Did a person come?"),
    ("In the last minute, 2 boxes fell, did they?", 60.0, "2 boxes fell, did they?"),
])
def test_a_time_is_taken_out_of_a_question(text: str, seconds: float, rest: str) -> None:
    assert period_of(text) == (seconds, rest)


@pytest.mark.parametrize(("length", "seconds"), [
    ("half hour", 1800.0), ("half an hour", 1800.0), ("half-minute", 30.0), ("day", 86400.0),
    ("2 weeks", 1209600.0), ("couple minutes", 120.0), ("couple of minutes", 120.0),
    ("a few seconds", 5.0), ("twenty-five seconds", 25.0), ("twenty five seconds", 25.0),
    ("ninety seconds", 90.0), ("two hundred seconds", 200.0), ("hundred seconds", 100.0),
    ("0.75 minutes", 45.0), ("1,5 minutes", 90.0), ("2 hrs", 7200.0), ("20s", 20.0),
    ("2.5h", 9000.0), ("hour and a half", 5400.0), ("two and a half minutes", 150.0),
    ("minute and thirty seconds", 90.0), ("1 min 30 s", 90.0),
])
def test_many_ways_to_say_how_long(length: str, seconds: float) -> None:
    for words in ("in the last", "during the past", "within the previous"):
        assert period_of(f"Was it there {words} {length}?") == (seconds, "Was it there?")


@pytest.mark.parametrize(("text", "words", "whole"), [
    ("Was there a person in the last minute?", "in the last minute", False),
    ("Over the last 20 s, was there a person?", "Over the last 20 s", False),
    ("Was there a person throughout the last 20 seconds?", "throughout the last 20 seconds", True),
    ("Was the door open for the past minute?", "for the past minute", True),
    ("Was the door open the last minute?", "the last minute", True),
    ("Is the last day on the calendar marked?", "", False), ("Is there a person?", "", False),
])
def test_whether_it_is_about_all_of_that_time(text: str, words: str, whole: bool) -> None:
    assert (period_words(text), is_whole(text)) == (words, whole)


@pytest.mark.parametrize("text", [
    "Was there a person in the last 20-30 seconds?", "Was there a person in the last 0 seconds?",
    "Was there a person in the last 1,000 seconds?", "Was there a person in the last 500 ms?",
    "Was there a person in the last several seconds?", "Was there a person the past 20 seconds?",
    "Was there a person in the last quarter of an hour?", "Was there a person in the last month?",
    "Was there a person 10 seconds ago?", "Was there a person a minute ago?",
    "Was anyone here last night?", "Did a person come in yesterday?", "Has anyone come in today?",
    "Was there a person this morning?", "Is the door open since 10:00?",
    "Was there a person at 10:15?", "Did someone come at 3 pm?", "Did a person come in recently?",
    "Was there a person earlier?", "Has the lamp been on for ten minutes?",
    "Has a person come in within 20 seconds?",
    "Was there a person in the last 20 seconds yesterday?",
    "Y avait-il une personne hier ?", "Quelqu'un est-il venu il y a dix minutes ?",
    "Y avait-il une personne dans les 20 dernières secondes ?",
    "Une personne est-elle venue la semaine dernière ?",
    "Une personne est-elle là depuis dix heures ?", "Y avait-il quelqu'un ce matin ?",
    "Y avait-il quelqu'un aujourd'hui ?", "Y avait-il une personne il y a une demi-heure ?",
    "War in den letzten 20 Sekunden eine Person da?", "War gestern jemand da?",
    "War vor einer Minute jemand da?", "Ist seit zehn Uhr jemand da?",
    "War heute Morgen jemand da?", "War in der letzten halben Stunde eine Person da?",
    "¿Hubo una persona en los últimos 20 segundos?", "¿Había alguien hace un minuto?",
    "¿Vino alguien ayer?", "¿Ha venido alguien hoy?", "¿Había alguien esta mañana?",
    "¿Está la puerta abierta desde las 10?", "¿Hubo alguien en la última media hora?",
    "过去20秒有人吗？", "昨天有人来过吗？", "一分钟前有人吗？", "今天有人来过吗？",
    "最近半小时有人来过吗？", "有人在过去的两分钟内来过吗？", "刚才有人吗？",
])
def test_another_time_is_found_so_that_nobody_answers_it_from_now(text: str) -> None:
    assert other_time(period_of(text)[1])


@pytest.mark.parametrize("text", [
    "Is there a person?", "Is the last box red?", "Is the second person lying?",
    "Is the last box in the row open?", "Is the last person in the second row sitting?",
    "Is there room for a second robot?", "Is the person walking past a second door?",
    "Did a man walk past the second door?", "Is this the last seconds sale?",
    "Is the last day on the calendar marked?", "Does today's menu hang there?",
    "Is the clock at 10:15?", "Did the box appear earlier than a vehicle?",
    "Did the ball come before the person?", "Are the last two chairs free?",
    "Is the previous page visible?", "Is there a table for four people?",
    "Is the night light on?", "Does the sign say open since 1990?",
    'Does the label read "10 minutes ago"?', "Is the room as tall as the last?",
    "La dernière porte est-elle ouverte ?", "Il y a une seconde personne ?",
    "Y a-t-il deux personnes ?", "Est-ce que la seconde personne est allongée ?",
    "Ist hier eine Person?", "Steht vor einer Tür ein Mann?", "Ist die letzte Tür offen?",
    "Ist auf der Seite eine Person?", "¿Se ve la puerta desde aquí?", "¿Hace sol?",
    "¿Está la última caja abierta?", "¿Hay una segunda persona?",
    "La porte est-elle visible depuis l'entrée ?", "L'écran est-il lisible depuis le couloir ?",
    "桌上周围有东西吗？", "门前十分干净吗？", "车前天窗开着吗？", "桌上月饼还在吗？",
    "最近的人坐着吗？", "门前有人吗？", "第二个人躺着吗？", "门前有三个人吗？",
])
def test_an_ordinary_question_is_about_now(text: str) -> None:
    assert period_of(text) == (0.0, text) and other_time(text) == ""

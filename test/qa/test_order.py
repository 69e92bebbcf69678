"""Questions about what was: what is understood of them, and the order that comes from stamps."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from smolvlm_ros.qa.engine import Withheld
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.negation import is_open
from smolvlm_ros.qa.order import decide
from smolvlm_ros.qa.past_question import Order, Presence, not_now, parse
from smolvlm_ros.qa.verdict import Answer, Cause, Frame, PolicyConfig, Verdict, YesNo

YES, NO, UNSURE = Answer.YES, Answer.NO, Answer.UNSURE


@pytest.mark.parametrize(("question", "asked"), [
    ("Did the ball come before the person?", Order("ball", "person", True)),
    ("did a red ball arrive after the tall person did?", Order("red ball", "tall person", False)),
    ("Was the dog there before the cat was?", Order("dog", "cat", True)),
    ("Did the box appear in view earlier than a vehicle?", Order("box", "vehicle", True)),
    ("Was the dog there before the cat was there?", Order("dog", "cat", True)),
    ("Has the dog been in view before the cat came in?", Order("dog", "cat", True)),
    ("Did the ball come before the left door?", Order("ball", "left door", True)),
    ("Did a person come in?", Presence("person", came=True)),
    ("Did the uniformed person with a dog arrive?",
     Presence("uniformed person with a dog", came=True)),
    ("Was there a fork lift?", Presence("fork lift")),
    ("Has there been any dog?", Presence("dog")),
    ("Was the ball visible?", Presence("ball")),
    ("Did anyone ever come in?", Presence("person", came=True)),
    ("Was there ever a dog?", Presence("dog")), ("Was the dog ever here?", Presence("dog")),
    ("Was the person on the left visible?", Presence("person on the left")),
    ("Was there a person next to the door?", Presence("person next to the door")),
    ("Was there a person who is lying?", Presence("person who is lying")),
    ("Was the bed in the tool shed visible?", Presence("bed in the tool shed")),
    ("Was there somebody with a red bag?", Presence("person with a red bag")),
    ("Was there a box 3?", Presence("box 3")),
    ("Did the person fall?", None), ("Is there a ball?", None), ("Did it rain before?", None),
])
def test_what_is_asked(question: str, asked: Any) -> None:
    assert parse(question) == asked
    if asked is not None:
        assert not check(question).advice and not is_open(question)


@pytest.mark.parametrize("question", [
    "Was there never a person?", "Was there no person?", "Was there nobody?",
    "Was the person not there?", "Did nobody come in?", "Did no person come before the ball?",
    "Did the ball come before nobody?", "Was there only a ball?", "Was there another person?",
    "Was there someone else?", "Was there always a person?", "Was there a person still there?",
    "Were there two persons?", "Was there 2 boxes?", "Was there a ball and a person?",
    "Did the ball come before the person and the dog?", "Was there a person after the ball?",
    "Was there a person before the ball?", "Was there a person here before the ball came?",
    "Was there a person without a helmet?", "Was there a person more than once?",
    "Was there a person yesterday?", "Was there a person 10 seconds ago?",
    # "After" of what lasts is no question of what was first: it may have been there all along.
    "Was the ant there after the bee came?", "Was the ant visible after the bee?",
    "Was the ant in view later than the bee appeared?", "Has the ant been here after the bee?",
    # All of a time.
    "Was there a person throughout?", "Was there a person the whole time?",
    "Was there a person for a minute?",
    # Another verb than coming.
    "Did a person fall here?", "Did the person stop there?", "Did anyone smoke in view?",
    "Did the person fail to appear?", "Did someone refuse to enter?", "Was someone attacked here?",
    "Was the person about to come in?", "Did the man let the dog come in?",
    "Was the dog bitten here?", "Did the ball come before the person fell?",
    "Did the ball come after the bee left?", "Did the ball come before the person was lying?",
    "Did the ball come before the person walked to the door?",
])
def test_what_is_more_than_presence_or_order_is_not_asked_as_that(question: str) -> None:
    assert parse(question) is None


@pytest.mark.parametrize(("question", "words"), [
    ("What happened in the last minute?", "in the last minute"),
    ("Was the thing here a minute ago?", "a minute ago"), ("Was there ever a person?", "ever"),
    ("Has the door never been open?", "never"), ("Was the door always open?", "always"),
    ("Did the ball come before the person?", "before"),
    ("Was the ball there after the person and the dog?", "after"),
    ("Did a person come in?", "did a person come in"),
    ("Was the door open?", ""), ("Is there a person behind the ball?", ""),
    ("Is the person before the door?", ""), ("Describe the scene in one sentence.", ""),
    ('Does the label read "best ever"?', ""), ("Is the door always open?", ""),
])
def test_what_the_frames_of_now_cannot_tell(question: str, words: str) -> None:
    assert not_now(question) == words


class Scripted:
    """Says what is written on the frames: letters of what is there, small where it is unclear."""

    name, description, embedded = "scripted", "scripted", False

    def yes_no(self, image_rgb: Any, questions: Sequence[str]) -> list[YesNo]:
        shown = chr(image_rgb[0, 0, 0]) + chr(image_rgb[0, 0, 1])
        letter = "a" if "ant" in questions[0] else "b"
        p = 0.95 if letter.upper() in shown else 0.5 if letter in shown else 0.04
        return [YesNo(p, 0.99, 1.0), YesNo(1.0 - p, 0.99, 1.0)]

    def stream(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody asks for a description")

    def close(self) -> None:
        pass


def frames(script: str) -> list[Frame]:
    made = []
    for second, shown in enumerate(script.split()):
        image = np.random.default_rng(second).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        image[0, 0, :2] = [ord(letter) for letter in f"{shown}--"[:2]]
        made.append(Frame(image, 100.0 + second, "camera"))
    return made


@pytest.mark.parametrize(("script", "answer"), [
    ("- - A A AB AB", YES), ("- - B B AB AB", NO),
    ("A A AB AB", YES),        # it was there from the begin
    ("- AB AB", UNSURE),       # together
    ("- A A A", UNSURE),       # the other never came
    ("- - - -", UNSURE), ("- a a Ab AB AB", UNSURE),  # never clear that there was no b before
    ("- A - B AB AB", UNSURE),  # one glimpse is no coming, and not nothing
    ("- b - A A AB AB", YES),  # an unclear one is
    ("- A A B B B", YES),      # it may have left
    ("A AB", YES), ("-", UNSURE),
])
def test_the_order_comes_from_the_stamps(script: str, answer: Answer) -> None:
    shown, config = frames(script), PolicyConfig()
    for question, expected in (("Did the ant come before the bee?", answer),
                               ("Did the ant come after the bee?",
                                {YES: NO, NO: YES}.get(answer, UNSURE))):
        asked = parse(question)
        assert asked is not None
        verdict = decide(question, asked, shown, Scripted(), config, "")
        assert verdict.answer is expected, verdict.reason
        assert (verdict.cause is Cause.AGREED) == (expected is not UNSURE)
        assert verdict.stamp_s == shown[-1].stamp_s and len(verdict.passes) == 4 * len(shown)
        if expected is YES:
            assert 0.9 < verdict.p_yes <= 1.0
        elif expected is NO:
            assert 0.0 <= verdict.p_yes < 0.1


@pytest.mark.parametrize(("script", "answer"), [
    ("- - A A -", YES), ("- - A a A", YES), ("- - - A", UNSURE), ("- - A - -", UNSURE),
    ("- - - -", NO),
    ("- - a -", UNSURE),
])
def test_whether_something_was_there(script: str, answer: Answer) -> None:
    asked = parse("Was there an ant?")
    assert asked is not None
    assert decide("Was there an ant?", asked, frames(script), Scripted(),
                  PolicyConfig(), "").answer is answer


@pytest.mark.parametrize(("script", "answer"), [
    ("- - A A -", YES), ("- a A A", YES), ("- A A - A A", YES), ("- A - A A", YES),
    ("A A A A", UNSURE), ("a A A A", UNSURE), ("A A - A A", UNSURE), ("A - A A", UNSURE),
    ("- - - A", UNSURE), ("- - - -", NO)])
def test_what_was_there_all_along_did_not_come(script: str, answer: Answer) -> None:
    asked = parse("Did an ant come in?")
    assert asked is not None
    verdict = decide("Did an ant come in?", asked, frames(script), Scripted(), PolicyConfig(), "")
    assert verdict.answer is answer, verdict.reason
    if script == "A A A A":
        assert "no frame shows clearly that no ant was there before" in verdict.reason
    if answer is YES:
        assert verdict.p_yes > 0.9


def test_frames_that_show_nothing_are_left_out() -> None:
    dark = Frame(np.zeros((8, 8, 3), np.uint8), 99.0)
    asked = parse("Was there an ant?")
    assert asked is not None

    def judged(*shown: Frame) -> Verdict:
        assert asked is not None
        return decide("Was there an ant?", asked, shown, Scripted(), PolicyConfig(), "")
    few = judged(dark, dark, *frames("A"))
    assert few.answer is UNSURE and "two are needed" in few.reason
    assert judged(dark, *frames("- A A")).answer is YES  # what was seen was there
    none = judged(dark, *frames("- - -"))  # what was not seen may have been there
    assert none.answer is UNSURE and "1 of 4 frames show nothing" in none.reason


@pytest.mark.parametrize(("question", "script", "answer"), [
    ("Was there an ant?", "- - - -", NO), ("Was there an ant?", "- A A -", YES),
    ("Did the ant come before the bee?", "- A A AB AB", YES),
    ("Did the ant come before the bee?", "- B B AB AB", NO),
])
def test_only_a_yes_to_presence_stands_when_part_of_the_time_was_not_seen(
        question: str, script: str, answer: Answer) -> None:
    asked = parse(question)
    assert asked is not None
    whole, part = (decide(question, asked, frames(script), Scripted(), PolicyConfig(), unseen)
                   for unseen in ("", "no frame came for 20.0 s"))
    assert whole.answer is answer
    if answer is YES and "there" in question:
        assert part.answer is YES
    else:
        assert part.answer is UNSURE and "no frame came for 20.0 s" in part.reason
        assert part.cause is Cause.UNCLEAR and np.isnan(part.p_yes)


@pytest.mark.parametrize(("question", "script", "left_out", "answer"), [
    ("Was there an ant?", "- - - -", (101.5,), UNSURE),
    ("Was there an ant?", "- A A -", (100.5, 102.5), YES),  # what was seen was there
    ("Did the ant come before the bee?", "- A A AB AB", (100.5,), UNSURE),  # a bee, perhaps
    ("Did the ant come before the bee?", "- A A AB AB", (101.5, 102.5, 103.5), YES),
    ("Did the ant come before the bee?", "- B B AB AB", (101.5,), NO),
])
def test_changed_frames_that_nobody_looked_at_may_have_shown_it(
        question: str, script: str, left_out: tuple[float, ...], answer: Answer) -> None:
    asked = parse(question)
    assert asked is not None
    shown = frames(script)
    verdict = decide(question, asked, shown, Scripted(), PolicyConfig(), "", left_out)
    assert verdict.answer is answer, verdict.reason
    told = f"1 of {len(shown) + 1} changed frames were not looked at; ask about less time, or raise"
    assert (told in verdict.reason) == (answer is UNSURE)


@pytest.mark.parametrize(("question", "answer"), [
    ("Was there an ant?", NO), ("Did the bee come before the ant?", YES)])
def test_a_stuck_camera_has_not_seen_what_came_then(question: str, answer: Answer) -> None:
    asked = parse(question)
    assert asked is not None
    shown = frames("- B B AB AB" if answer is YES else "- - -")
    stuck = [*shown, *(dataclasses.replace(shown[-1], stamp_s=110.0 + i) for i in range(2))]

    def judged(accept: bool) -> Verdict:
        assert asked is not None
        return decide(question, asked, stuck, Scripted(),
                      PolicyConfig(accept_repeated_images=accept), "")
    assert judged(True).answer is answer
    verdict = judged(False)
    assert verdict.answer is UNSURE and "the camera repeated one image: 2 of" in verdict.reason


class Guarded(Scripted):
    """May not be shown the frames of which the upper left blue value is 0."""

    def yes_no(self, image_rgb: Any, questions: Sequence[str]) -> list[YesNo]:
        if image_rgb[0, 0, 2] == 0:
            raise Withheld("no image is sent: it is not known whom it shows")
        return super().yes_no(image_rgb, questions)


@pytest.mark.parametrize(("script", "hidden", "answer"), [
    ("- A A -", 0, YES), ("- - - -", 0, UNSURE), ("- A A -", 2, UNSURE), ("- - A", 1, UNSURE)])
def test_a_frame_that_may_not_be_sent_was_not_seen(script: str, hidden: int, answer: Answer
                                                   ) -> None:
    asked = parse("Was there an ant?")
    assert asked is not None
    shown = frames(script)
    for index, frame in enumerate(shown):
        frame.image_rgb[0, 0, 2] = 0 if index == hidden else 1
    verdict = decide("Was there an ant?", asked, shown, Guarded(), PolicyConfig(), "")
    assert verdict.answer is answer
    if answer is UNSURE:
        assert f"1 of {len(shown)} frames may not be sent: no image" in verdict.reason
    with pytest.raises(Withheld):
        decide("Was there an ant?", asked, [shown[hidden], shown[-1]], Guarded(), PolicyConfig(),
               "")


@pytest.mark.parametrize("limits", [{"yes_threshold": 0.5}, {"no_threshold": 0.5}])
def test_no_thresholds_make_a_sighting_of_an_even_answer(limits: dict[str, Any]) -> None:
    asked = parse("Was there an ant?")
    assert asked is not None
    assert decide("Was there an ant?", asked, frames("a a a"), Scripted(),
                  PolicyConfig(**limits), "").answer is UNSURE

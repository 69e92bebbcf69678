"""The funnel's score against a written minute, and against what a perfect and a wrong one say."""
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from smolvlm_ros.qa.templates import parse_templates
from smolvlm_ros.world import Actor, CameraKey, CameraWay, Key, LightKey, Timeline, World, WorldZone
from smolvlm_ros.world.looks import random_look
from smolvlm_ros.world.scoring.answers import Judged, judge
from smolvlm_ros.world.scoring.funnel import score_funnel
from smolvlm_ros.world.scoring.funnel_score import FunnelScore
from smolvlm_ros.world.scoring.heard import (
    FunnelLog,
    HeardEvent,
    HeardObject,
    HeardVerdict,
    Look,
)
from smolvlm_ros.world.scoring.visits import visits_of

TEMPLATES = parse_templates({"templates": [
    {"name": "presence", "question": "Is there a {class}?", "events": ["enter"]},
    {"name": "lying", "question": "Is the {class} lying on the floor?", "classes": ["person"],
     "events": ["dwell"]}]})
LYING, THERE = "Is the person lying on the floor?", "Is there a person?"
STANDING, BOX_THERE = "Is the person standing?", "Is there a box?"
DWELL_S = 6.0
ZONE = WorldZone("middle", ((4.0, -1.0), (6.0, -1.0), (6.0, 1.0), (4.0, 1.0)))


def actor(number: int, class_name: str, *keys: Key) -> Actor:
    look = random_look(class_name, "red", np.random.default_rng(number))
    return Actor(number, class_name, "red", look, keys)


# Enters at 12 s, lies from 14 s, is up again at 24 s, leaves at 27 s.
LIER = actor(1, "person", Key(10.0, (5.0, 3.0)), Key(13.0, (5.0, 0.0)), Key(14.0, (5.0, 0.0), True),
             Key(26.0, (5.0, 0.0)), Key(29.0, (5.0, -3.0)))
# Enters at 42 s and leaves at 44 s, too soon for a dwell.
BALL = actor(2, "ball", Key(40.0, (5.0, 3.0)), Key(46.0, (5.0, -3.0)))
# Passes by while the first one lies in the zone, 2.6 m from its edge.
PASSER = actor(3, "person", Key(15.0, (8.6, -3.0)), Key(21.0, (8.6, 3.0)))


def timeline(*actors: Actor, duration_s: float = 60.0) -> Timeline:
    camera = CameraWay("static", (CameraKey(0.0, 0.0, 0.0, 1.2, 0.0, 5.0),))
    return Timeline("room", duration_s, camera, actors, (ZONE,), (LightKey(0.0, 1.0),))


def event(time_s: float, kind: str, track: str = "7", class_name: str = "person",
          place: tuple[float, float] = (5.0, 0.4)) -> HeardEvent:
    return HeardEvent(time_s, kind, "middle", track, class_name, place)


def verdict(question: str, answer: bool | None, newest_s: float, track: str = "7") -> HeardVerdict:
    return HeardVerdict(newest_s, "middle", track, question, answer,
                        (newest_s - 0.6, newest_s), "because")


GOOD = FunnelLog(
    (event(12.4, "enter"), event(18.4, "dwell"), event(27.3, "leave"),
     event(42.2, "enter", "8", "ball"), event(44.9, "leave", "8", "ball")),
    (verdict(THERE, True, 12.4), verdict(LYING, True, 19.0),
     verdict("Is there a ball?", True, 42.6, "8")), frames_in=900, frames_passed=45)


def score(log: FunnelLog, *actors: Actor) -> FunnelScore:
    return score_funnel(timeline(*(actors or (LIER, BALL))), log, TEMPLATES, DWELL_S)


def test_visits_are_the_stays_of_the_script() -> None:
    first, second = visits_of(timeline(LIER, BALL))
    assert (first.begin_s, first.end_s) == (12.0, 27.0)
    assert second.begin_s == pytest.approx(42.0) and second.end_s == pytest.approx(44.0)


def test_a_perfect_funnel() -> None:
    found = score(GOOD)
    assert (found.visits, found.questions, found.decided, found.wrong) == (2, 3, 3, 0)
    assert found.faults == () and found.enter_delays_s == pytest.approx((0.4, 0.2))
    rows = found.rows()
    assert rows["funnel_wrong_rate"] == 0.0 and rows["funnel_decided_rate"] == 1.0
    assert rows["funnel_missed_events"] == 0 and rows["funnel_pass_rate"] == pytest.approx(0.05)


def test_a_silent_funnel_misses_everything_and_decides_nothing() -> None:
    found = score(FunnelLog(frames_in=900))
    assert (found.missed_enters, found.questions, found.decided) == (2, 3, 0)
    # The exit of somebody who was never noticed is not counted twice.
    assert found.rows()["funnel_missed_events"] == 2


@pytest.mark.parametrize(("change", "expected"), [
    # The wrong posture.
    ({1: verdict(LYING, False, 19.0)}, {"wrong": 1, "decided": 2}),
    # Asked while the person was lying down: nobody could say.
    ({1: verdict(LYING, False, 14.5)}, {"wrong": 0, "decided": 3, "unsettled": 1}),
    # An abstention is not wrong, and does not decide.
    ({1: verdict(LYING, None, 19.0)}, {"wrong": 0, "decided": 2}),
    # Once right and once wrong is wrong.
    ({1: verdict(LYING, True, 19.0), 3: verdict(LYING, False, 20.0)}, {"wrong": 1, "decided": 2}),
    # What is seen of the person is denied.
    ({0: verdict(THERE, False, 12.4)}, {"wrong": 1, "decided": 2}),
    # A verdict on a track that no visit knows: wrong, for there is nobody; right, while there is.
    ({3: verdict(THERE, True, 33.0, "99")}, {"stray": 1, "wrong": 1, "further": 1, "decided": 3}),
    ({3: verdict(THERE, True, 20.0, "99")}, {"stray": 1, "wrong": 0, "further": 1, "decided": 3}),
    # Of nobody's posture a NO says nothing, a YES is wrong.
    ({3: verdict(LYING, False, 33.0, "99")}, {"stray": 1, "wrong": 0, "unsettled": 1}),
    ({3: verdict(LYING, True, 33.0, "99")}, {"stray": 1, "wrong": 1, "unsettled": 0}),
    # Answered after the visitor had gone: the truth, but of no use; and not the truth.
    ({0: verdict(THERE, False, 45.0)}, {"wrong": 0, "decided": 2, "unsettled": 1}),
    ({0: verdict(THERE, True, 45.0)}, {"wrong": 1, "decided": 2}),
    ({1: verdict(LYING, False, 45.0)}, {"wrong": 0, "decided": 2, "unsettled": 1}),
    ({1: verdict(LYING, True, 45.0)}, {"wrong": 1, "decided": 2}),
    # Gone in that very second.
    ({0: verdict(THERE, True, 29.4)}, {"wrong": 0, "decided": 2, "unsettled": 1}),
    # A question that nothing raised is judged, and decides nothing.
    ({3: verdict(STANDING, True, 19.0)}, {"wrong": 1, "further": 1, "decided": 3}),
    ({3: verdict(STANDING, False, 19.0)}, {"wrong": 0, "further": 1, "decided": 3}),
    # The visitor's track, taken for another class meanwhile.
    ({3: verdict(BOX_THERE, True, 19.0)}, {"wrong": 1, "further": 1, "decided": 3}),
])
def test_verdicts(change: dict[int, HeardVerdict], expected: dict[str, int]) -> None:
    verdicts = {**dict(enumerate(GOOD.verdicts)), **change}
    found = score(dataclasses.replace(GOOD, verdicts=tuple(verdicts.values())))
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(("events", "expected"), [
    # Entered where and when nobody did; another class is nobody.
    ((event(33.0, "enter"),), {"false_events": 1, "repeated_events": 0}),
    ((event(42.5, "enter", "9", "person"),), {"false_events": 1}),
    # The same visit again, under another track.
    ((event(20.0, "enter", "9"),), {"false_events": 0, "repeated_events": 1}),
    # A little before its time is its own, much before is not.
    ((event(41.0, "enter", "9", "ball", (5.0, 1.4)),), {"repeated_events": 1}),
    ((event(39.0, "enter", "9", "ball"),), {"false_events": 1}),
    # In another place than the visitor who was noticed already.
    ((event(20.0, "enter", "9", place=(6.0, -1.0)),), {"false_events": 1, "repeated_events": 0}),
])
def test_further_events(events: tuple[HeardEvent, ...], expected: dict[str, int]) -> None:
    found = score(dataclasses.replace(GOOD, events=(*GOOD.events, *events)))
    assert {key: getattr(found, key) for key in expected} == expected


def test_a_leave_that_does_not_come_is_missed_unless_the_end_comes_first() -> None:
    without = dataclasses.replace(GOOD, events=tuple(e for e in GOOD.events if e.kind != "leave"))
    assert score(without).missed_leaves == 2
    short = score_funnel(timeline(LIER, BALL, duration_s=47.0), without, TEMPLATES, DWELL_S)
    assert short.missed_leaves == 1  # the ball's could still have come


def test_a_dwell_that_comes_though_the_stay_was_too_short_to_expect_it_is_judged() -> None:
    # Lies in the zone since 14 s; the timeline ends a second after the dwell.
    log = FunnelLog((event(12.4, "enter"), event(18.4, "dwell")),
                    (verdict(THERE, True, 12.4), verdict(LYING, False, 18.9)))
    found = score_funnel(timeline(LIER, duration_s=19.0), log, TEMPLATES, DWELL_S)
    assert (found.questions, found.decided, found.wrong, found.further) == (1, 1, 1, 1)
    assert found.rows()["funnel_wrong_rate"] == 0.5 and found.rows()["funnel_decided_rate"] == 1.0


def test_the_passer_is_not_the_visitor() -> None:
    # The visitor lies at (5, 0), the passer is at (8.6, 0); the event is nearer to the visitor.
    entered = event(18.0, "enter", "9", place=(5.9, 0.0))
    both = dataclasses.replace(GOOD, events=(*GOOD.events, entered))
    assert score(both, LIER, BALL, PASSER).repeated_events == 1
    # And nearer to the passer.
    entered = dataclasses.replace(entered, place=(7.0, 0.0))
    found = score(dataclasses.replace(both, events=(*GOOD.events, entered)), LIER, BALL, PASSER)
    assert (found.false_events, found.repeated_events) == (1, 0)
    # Nor is the visitor noticed where only the passer is.
    found = score(FunnelLog((entered,)), LIER, PASSER)
    assert (found.false_events, found.missed_enters) == (1, 1)


def test_a_misclassified_visitor_is_told_by_every_figure() -> None:
    log = FunnelLog((event(42.2, "enter", "8", "box"),), (verdict(BOX_THERE, True, 42.6, "8"),),
                    frames_in=900)
    rows = score(log, BALL).rows()
    assert rows["funnel_wrong_rate"] == 0.5 and rows["funnel_decided_rate"] == 0.0
    assert (rows["funnel_false_events"], rows["funnel_stray_verdicts"],
            rows["funnel_missed_events"]) == (1, 1, 1)


def test_positions_against_the_truth() -> None:
    truth = World("room", 3).frame(10)
    camera = truth.pose_world_from_camera[:3, 3]
    heard = tuple(HeardObject(o.class_name, camera + 1.1 * (o.position_world - camera))
                  for o in truth.objects)
    nobody = HeardObject("vehicle", truth.objects[0].position_world)
    log = FunnelLog(looks=(Look(truth.time_s, camera, (*heard, nobody), truth.objects),))
    found = score(log)
    assert found.position_errors == pytest.approx([0.1] * len(truth.objects))
    assert found.unknown_objects == 1


def test_a_position_far_off_is_an_error_where_its_class_was_in_sight() -> None:
    truth = World("room", 3).frame(10)
    camera = truth.pose_world_from_camera[:3, 3]
    item = next(o for o in truth.objects if o.visible_pixels)
    item = dataclasses.replace(item, position_world=camera + (6.0, 0.0, 0.0))
    wanted = HeardObject(item.class_name, camera + (9.0, 0.0, 0.0))

    def errors(*heard: HeardObject, visible: int = 900) -> tuple[tuple[float, ...], int]:
        there = dataclasses.replace(item, visible_pixels=visible)
        found = score(FunnelLog(looks=(Look(truth.time_s, camera, heard, (there,)),)))
        return found.position_errors, found.unknown_objects
    assert errors(wanted) == (pytest.approx((0.5,)), 1)
    assert errors(wanted, visible=0) == ((), 1)  # it is something else
    same = HeardObject(item.class_name, item.position_world)
    assert errors(same, same) == ((0.0,), 1)  # once too often, and right once


@pytest.mark.parametrize(("question", "answer", "at_s", "visitor", "expected"), [
    (LYING, False, 11.0, LIER, Judged.RIGHT),
    (LYING, True, 20.0, LIER, Judged.RIGHT),
    (LYING, False, 20.0, LIER, Judged.WRONG),
    (LYING, True, 14.5, LIER, Judged.UNSETTLED),  # is lying down
    ("Is a person standing?", True, 11.0, LIER, Judged.RIGHT),
    (THERE, True, 20.0, LIER, Judged.RIGHT),
    (THERE, False, 20.0, LIER, Judged.WRONG),
    (THERE, True, 29.9, LIER, Judged.LATE),
    # Of a track that no visit knows, when one lies in the zone and one passes.
    (THERE, False, 18.0, None, Judged.WRONG),
    (LYING, True, 18.0, None, Judged.RIGHT),
    (STANDING, True, 18.0, None, Judged.WRONG),  # the passer is too far to be meant
    (BOX_THERE, True, 18.0, None, Judged.WRONG),
    (BOX_THERE, False, 18.0, None, Judged.RIGHT),
])
def test_a_verdict_is_held_against_the_script(question: str, answer: bool, at_s: float,
                                              visitor: Actor | None, expected: Judged) -> None:
    assert judge(verdict(question, answer, at_s), timeline(LIER, PASSER), visitor) == expected


def test_between_one_who_lies_and_one_who_stands_nobody_can_tell_whom_a_stray_means() -> None:
    other = actor(3, "person", Key(0.0, (5.5, -1.2)), Key(60.0, (5.5, -1.2)))
    said = verdict(LYING, True, 20.0)
    assert judge(said, timeline(LIER, other), None) == Judged.UNSETTLED
    # Of a visitor who is gone, YES is wrong only if it is true of nobody else there.
    said = verdict(STANDING, True, 40.0)
    assert judge(said, timeline(LIER, other), LIER) == Judged.LATE
    assert judge(said, timeline(LIER), LIER) == Judged.WRONG


def test_a_question_whose_truth_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="Is the person happy"):
        judge(verdict("Is the person happy?", True, 20.0), timeline(LIER), LIER)
    templates = parse_templates({"templates": [{"name": "mood",
                                                "question": "Is the {class} happy?"}]})
    with pytest.raises(ValueError, match="Is the person happy"):
        score_funnel(timeline(LIER), FunnelLog(), templates, DWELL_S)


def test_a_track_that_goes_on_with_the_next_visitor_keeps_the_verdicts_apart() -> None:
    later = dataclasses.replace(LIER, track_id=3, keys=tuple(
        dataclasses.replace(key, time_s=key.time_s + 20, lying=False) for key in LIER.keys))
    log = FunnelLog((event(12.4, "enter"), event(27.3, "leave"), event(32.2, "enter")),
                    (verdict(LYING, True, 19.0), verdict(LYING, False, 39.0)))
    found = score(log, LIER, later)
    assert (found.wrong, found.repeated_events, found.stray) == (0, 0, 0)


def test_scores_add_up() -> None:
    both = score(GOOD) + score(FunnelLog(frames_in=100))
    assert (both.visits, both.questions, both.decided, both.missed_enters) == (4, 6, 3, 2)
    assert both.frames_in == 1000 and len(both.enter_delays_s) == 2 and len(both.faults) > 0

"""The verdict of passes: every branch of `judge`."""
from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.verdict import Answer, Cause, Pass, PolicyConfig, Verdict, combined, judge
from smolvlm_ros.settings import SettingError

CONFIG = PolicyConfig()
QUESTION = "Is there a person?"


def passes(direct=(0.9, 0.9), negated=(0.1, 0.1), stamps=(1.0, 2.0), mass=0.95) -> list[Pass]:
    """Two frames x (direct, negated), in favour of yes unless told otherwise."""
    made = []
    for stamp, p_direct, p_negated in zip(stamps, direct, negated, strict=False):
        made.append(Pass(QUESTION, False, stamp, p_direct, mass))
        made.append(Pass("Is there no person?", True, stamp, p_negated, mass))
    return made


@pytest.mark.parametrize(
    ("given_passes", "answer", "cause"),
    [
        # all four for yes
        (passes(), Answer.YES, Cause.AGREED),
        # all four for no
        (passes((0.1, 0.05), (0.9, 0.97)), Answer.NO, Cause.AGREED),
        # exactly on the thresholds counts
        (passes((0.8, 0.8), (0.125, 0.125)), Answer.YES, Cause.AGREED),
        (passes((0.2, 0.2), (0.9, 0.9)), Answer.NO, Cause.AGREED),
        # says yes to everything, as small models do: never YES
        (passes((0.99, 0.99), (0.99, 0.99)), Answer.UNSURE, Cause.DISAGREED),
        # says no to everything
        (passes((0.01, 0.01), (0.01, 0.01)), Answer.UNSURE, Cause.DISAGREED),
        # the two frames contradict each other
        (passes((0.9, 0.1), (0.1, 0.9)), Answer.UNSURE, Cause.DISAGREED),
        # one of four is between the thresholds
        (passes((0.9, 0.9), (0.1, 0.5)), Answer.UNSURE, Cause.UNCLEAR),
        (passes((0.79, 0.9)), Answer.UNSURE, Cause.UNCLEAR),
        # the model wanted to say something else
        (passes(mass=0.3), Answer.UNSURE, Cause.LOW_MASS),
        # a broken model
        (passes((math.nan, 0.9)), Answer.UNSURE, Cause.BROKEN_MODEL),
        (passes((1.1, 0.9)), Answer.UNSURE, Cause.BROKEN_MODEL),
        (passes(mass=math.nan), Answer.UNSURE, Cause.BROKEN_MODEL),
        (passes(mass=math.inf), Answer.UNSURE, Cause.BROKEN_MODEL),
        # nothing, one frame, one form missing on one frame, frames too close
        ([], Answer.UNSURE, Cause.INCOMPLETE),
        (passes()[:2], Answer.UNSURE, Cause.INCOMPLETE),
        (passes()[:3], Answer.UNSURE, Cause.INCOMPLETE),
        (passes()[1:], Answer.UNSURE, Cause.INCOMPLETE),
        (passes(stamps=(1.0, 1.4)), Answer.UNSURE, Cause.INCOMPLETE),
    ])
def test_judge(given_passes, answer, cause) -> None:
    verdict = judge(QUESTION, given_passes, CONFIG)
    assert (verdict.answer, verdict.cause) == (answer, cause)
    assert verdict.reason
    assert verdict.passes == tuple(given_passes)


@pytest.mark.parametrize(("p_yes", "mass", "changes", "cause"), [
    (0.5, 0.0, {"yes_threshold": 0.5}, Cause.LOW_MASS),
    (0.5, 0.0, {"no_threshold": 0.5}, Cause.LOW_MASS),
    (0.9, 0.0, {}, Cause.LOW_MASS),
    (0.5, 0.9, {"yes_threshold": 0.5}, Cause.UNCLEAR),
    (0.5, 0.9, {"no_threshold": 0.5}, Cause.UNCLEAR),
    (math.nextafter(0.5, 1.0), 1e-9, {"yes_threshold": 0.5}, Cause.AGREED)])
def test_no_thresholds_make_an_answer_of_none(p_yes, mass, changes, cause) -> None:
    given_passes = passes((p_yes,) * 2, (1 - p_yes,) * 2, mass=mass)
    verdict = judge(QUESTION, given_passes, CONFIG.changed(min_mass=0.0, **changes))
    assert verdict.cause is cause
    assert (verdict.answer is Answer.UNSURE) == (cause is not Cause.AGREED)


def test_three_frames_must_all_agree() -> None:
    stamps = (1.0, 2.0, 3.0)
    agreeing = passes((0.9,) * 3, (0.1,) * 3, stamps)
    assert judge(QUESTION, agreeing, CONFIG).answer is Answer.YES
    spoiled = passes((0.9, 0.9, 0.1), (0.1, 0.1, 0.9), stamps)
    assert judge(QUESTION, spoiled, CONFIG).answer is Answer.UNSURE


def test_the_reason_names_the_missing_form() -> None:
    assert "the negation was not asked" in judge(QUESTION, passes()[:3], CONFIG).reason
    assert "the question itself was not" in judge(QUESTION, passes()[1:], CONFIG).reason


def test_shelf_life_counts_from_the_newest_frame() -> None:
    verdict = judge(QUESTION, passes(stamps=(100.0, 101.0)), CONFIG.changed(shelf_life_s=3.0))
    assert verdict.stamp_s == 101.0
    assert verdict.valid_until_s == 104.0
    assert verdict.valid(103.9)
    assert not verdict.valid(104.1)
    # The clock jumped back: a verdict from the future is not valid.
    assert not verdict.valid(50.0)


def test_unsure_is_never_valid_to_act_on() -> None:
    verdict = judge(QUESTION, passes((0.5, 0.5)), CONFIG)
    assert not verdict.valid(verdict.stamp_s)


def test_no_pass_has_no_probability() -> None:
    verdict = judge(QUESTION, [], CONFIG)
    assert math.isnan(verdict.p_yes)
    assert verdict.valid_until_s == 0.0


def test_combined_is_the_mean_of_log_odds() -> None:
    # odds 9, 9, 4 and 4 multiply to 1296; their fourth root is 6, and p = 6 / 7
    assert combined(passes((0.9, 0.8), (0.1, 0.2))) == pytest.approx(6 / 7)
    # saturated passes stay finite
    assert combined(passes((1.0, 1.0), (1.0, 1.0))) == pytest.approx(0.5)
    assert math.isnan(combined(passes((math.nan, 0.9))))


unit = st.floats(0.0, 1.0)


@given(st.tuples(unit, unit), st.tuples(unit, unit), unit)
def test_yes_and_no_always_stand_on_four_clear_agreeing_passes(direct, negated, mass) -> None:
    verdict = judge(QUESTION, passes(direct, negated, mass=mass), CONFIG)
    supports = [*direct, *(1 - p for p in negated)]
    assert (verdict.answer is Answer.YES) == (mass >= 0.5 and min(supports) >= 0.8)
    assert (verdict.answer is Answer.NO) == (mass >= 0.5 and max(supports) <= 0.2)


def test_the_order_of_passes_does_not_decide() -> None:
    mixed = passes((0.9, 0.85), (0.1, 0.05))
    answers = {judge(QUESTION, order, CONFIG).answer for order in itertools.permutations(mixed)}
    assert answers == {Answer.YES}


def test_thresholds_must_leave_room_for_doubt() -> None:
    with pytest.raises(SettingError, match="leave room"):
        PolicyConfig(yes_threshold=0.5, no_threshold=0.5)


def test_answer_is_a_plain_string_for_messages_and_json() -> None:
    assert Verdict(QUESTION, Answer.NO, 0.1, (), Cause.AGREED, "").answer == "NO"

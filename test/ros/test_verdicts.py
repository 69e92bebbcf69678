"""Verdicts as messages."""
from __future__ import annotations

import math

import pytest

pytest.importorskip("smolvlm_ros.msg", reason="no ROS here, or its interfaces are not built")
from builtin_interfaces.msg import Time  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.qa.verdict import Answer, Cause, Pass, Verdict  # noqa: E402
from smolvlm_ros.ros.boxes import from_box  # noqa: E402
from smolvlm_ros.ros.stamps import ExactStamps, to_seconds  # noqa: E402
from smolvlm_ros.ros.verdicts import to_message, told_expired, unsure  # noqa: E402

FIRST = Time(sec=1_700_000_000, nanosec=123_456_789)
SECOND = Time(sec=1_700_000_001, nanosec=987_654_321)


def test_a_verdict_carries_its_passes_under_the_exact_stamps() -> None:
    stamps = ExactStamps()
    first_s, second_s = stamps.seconds(FIRST), stamps.seconds(SECOND)
    passes = (Pass("Is it on?", False, second_s, 0.9, 0.8, (10, 20, 110, 70), 0.7),
              Pass("Is it off?", True, second_s, 0.1, 0.7),
              Pass("Is it on?", False, first_s, 0.95, 0.6), Pass("Is it off?", True, first_s, 0.2,
                                                                 0.5))
    verdict = Verdict("Is it on?", Answer.YES, 0.9, passes, Cause.AGREED, "agreed", second_s + 5,
                      second_s, "optical", "tiny")
    message = to_message(verdict, stamps, 12.5, "door", "7")
    assert message.header == Header(stamp=SECOND, frame_id="optical")
    assert message.answer == SceneVerdict.YES and message.p_yes == pytest.approx(0.9)
    assert message.pass_stamps == [SECOND, SECOND, FIRST, FIRST]
    assert message.pass_negated == [False, True, False, True]
    assert [from_box(r) for r in message.pass_regions] == [(10, 20, 110, 70)] + [(0, 0, 0, 0)] * 3
    assert message.pass_questions == ["Is it on?", "Is it off?"] * 2
    assert message.pass_p_yes == pytest.approx([0.9, 0.1, 0.95, 0.2])
    assert message.pass_p_model == pytest.approx([0.7, 0.1, 0.95, 0.2])
    assert message.pass_mass == pytest.approx([0.8, 0.7, 0.6, 0.5])
    assert to_seconds(message.valid_until) == pytest.approx(second_s + 5, abs=1e-6)
    assert (message.zone, message.track_id, message.latency_ms) == ("door", "7", 12.5)


@pytest.mark.parametrize(("answer", "number"), [
    (Answer.UNSURE, 0), (Answer.YES, 1), (Answer.NO, 2)])
def test_the_numbers_of_the_answers(answer: Answer, number: int) -> None:
    verdict = Verdict("Is it?", answer, 0.5, (), Cause.AGREED, "")
    assert to_message(verdict, ExactStamps(), 0.0).answer == number


def test_what_was_not_asked_is_unsure_and_was_never_valid() -> None:
    message = to_message(unsure("Is it?", "the queue is full"), ExactStamps(), 1.0)
    assert message.answer == SceneVerdict.UNSURE and message.reason == "the queue is full"
    assert math.isnan(message.p_yes) and message.pass_questions == []
    assert message.valid_until == Time() and message.header.stamp == Time()


@pytest.mark.parametrize(("answer", "now_s", "text"), [
    (Answer.YES, 10.0, "agreed"), (Answer.YES, 12.5, "agreed; expired: it came 2.50 s after"),
    (Answer.NO, 10.25, "agreed; expired: it came 0.25 s after"), (Answer.UNSURE, 99.0, "agreed")])
def test_a_verdict_that_comes_after_its_shelf_life_says_so(answer: Answer, now_s: float, text: str
                                                           ) -> None:
    verdict = told_expired(Verdict("Is it?", answer, 0.5, (), Cause.AGREED, "agreed", 10.0, 5.0),
                           now_s)
    assert verdict.reason.startswith(text) and ("expired" in verdict.reason) == ("expired" in text)
    assert (verdict.answer, verdict.valid_until_s) == (answer, 10.0)

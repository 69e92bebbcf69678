"""Second opinions: which verdicts get one, what both make together, and the thread that asks."""
from __future__ import annotations

import json
import math
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from loopback import Loopback, says, serving

from smolvlm_ros.qa.verdict import Answer, Cut, Frame, Origin, Verdict
from smolvlm_ros.qa.verdict import Cause as Why
from smolvlm_ros.remote.budget import Left
from smolvlm_ros.remote.escalation import Escalation, EscalationConfig
from smolvlm_ros.remote.opinion import Case, SecondOpinion, merged
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.remote.privacy import PrivacyConfig
from smolvlm_ros.remote.records import Cause, Evidence, Outcome, Sent

YES, NO, UNSURE = Answer.YES, Answer.NO, Answer.UNSURE
QUESTION = "Is a person lying on the floor?"


def verdict(answer: Answer = UNSURE, cause: Why = Why.UNCLEAR, stamp_s: float = 10.0) -> Verdict:
    return Verdict(QUESTION, answer, 0.6, (), cause if answer is UNSURE else Why.AGREED, "because",
                   stamp_s + 5.0, stamp_s, "camera", "own")


def case(answer: Answer = UNSURE, high_stakes: bool = False, stamp_s: float = 10.0,
         **more: float) -> Case:
    crop = Frame(np.full((60, 80, 3), 90, np.uint8), stamp_s, "camera", (10, 20, 90, 80),
                 cut=Cut((10, 20, 90, 80), 640, 480))
    return Case(verdict(answer, stamp_s=stamp_s), (Evidence(crop),), high_stakes, **more)


@pytest.mark.parametrize(("own", "high_stakes", "cause", "wanted"), [
    *[(UNSURE, False, cause, True) for cause in (
        Why.UNCLEAR, Why.DISAGREED, Why.LOW_MASS, Why.INCOMPLETE)],
    *[(UNSURE, stakes, cause, False) for stakes in (False, True) for cause in (
        Why.GEOMETRY, Why.OPEN_QUESTION, Why.NO_FRAME, Why.NO_MODEL, Why.NOTHING_SHOWN,
        Why.REPEATED, Why.BROKEN_MODEL)],
    (YES, False, Why.AGREED, False), (NO, False, Why.AGREED, False),
    (YES, True, Why.AGREED, True), (NO, True, Why.AGREED, True),
])
def test_which_verdicts_are_asked_about(own, high_stakes, cause, wanted) -> None:
    assert Case(verdict(own, cause), (), high_stakes).wanted is wanted


@pytest.mark.parametrize("high_stakes", [False, True])
def test_a_question_that_was_not_answered_stays_here(high_stakes: bool) -> None:
    refused = Verdict(QUESTION, UNSURE, math.nan, (), Why.INCOMPLETE, "the queue is full",
                      stamp_s=10.0)
    assert not Case(refused, (), high_stakes).wanted


@pytest.mark.parametrize(("own", "server", "cause", "answer", "origin"), [
    # A doubt is decided by a server's clear answer, and by nothing else.
    (UNSURE, YES, Cause.ANSWERED, YES, Origin.SERVER),
    (UNSURE, NO, Cause.ANSWERED, NO, Origin.SERVER),
    (UNSURE, UNSURE, Cause.ANSWERED, UNSURE, Origin.ROBOT),
    *[(UNSURE, given, cause, UNSURE, Origin.ROBOT) for given in Answer for cause in Cause
      if cause is not Cause.ANSWERED],
    # What is high-stakes stays only where both say the same.
    (YES, YES, Cause.ANSWERED, YES, Origin.BOTH), (NO, NO, Cause.ANSWERED, NO, Origin.BOTH),
    (YES, NO, Cause.ANSWERED, UNSURE, Origin.ROBOT), (NO, YES, Cause.ANSWERED, UNSURE,
                                                      Origin.ROBOT),
    (YES, UNSURE, Cause.ANSWERED, UNSURE, Origin.ROBOT),
    *[(own, given, cause, UNSURE, Origin.ROBOT) for own in (YES, NO) for given in Answer
      for cause in Cause if cause is not Cause.ANSWERED],
])
def test_what_both_say_together(own, server, cause, answer, origin) -> None:
    both = merged(case(own, True), Outcome(server, 0.9, cause, "A man lies there.", model="far"))
    assert (both.answer, both.origin) == (answer, origin)
    assert "A man lies there." in both.escalation
    assert (both.answer is UNSURE) == (both.cause not in (Why.AGREED, Why.SERVER))
    assert both.valid_until_s == 15.0  # an answer that comes late is no younger than its frames
    if origin is Origin.SERVER:
        assert both.model == "far" and both.p_yes == pytest.approx(0.9 if answer is YES else 0.1)
    elif own is not UNSURE and answer is UNSURE:
        assert own.value in both.reason


def test_persons_move_with_the_crop() -> None:
    persons = Persons(kept=2)
    persons.tell(1.0, [(100, 50, 140, 150), (300, 50, 340, 150)])
    image = np.zeros((100, 100, 3), np.uint8)
    assert persons.shown_in(Frame(image, 1.0, region=(90, 40, 190, 140))) == ((10, 10, 50, 110),)
    assert len(persons.shown_in(Frame(np.zeros((480, 640, 3), np.uint8), 1.0))) == 2
    assert persons.shown_in(Frame(image, 2.0)) == ()
    persons.tell(2.0, [])
    persons.tell(3.0, [])
    assert persons.at(1.0) == ()  # forgotten


# The thread -------------------------------------------------------------------------------------

class Kept:
    def sent(self, record: Sent) -> None:
        pass

    def received(self, outcome: Outcome) -> None:
        pass


def escalation(server: Loopback, tmp_path: Path, **values: object) -> Escalation:
    return Escalation(EscalationConfig.from_flat({
        "enabled": True, "server.url": server.url, "server.model": "far",
        "server.backoff_s": 0.01, "server.timeout_s": 30.0,
        "budget_file": str(tmp_path / "budget.sqlite"), **values}), Kept(),
        PrivacyConfig(blur_faces=False, blur_plates=False), environ={})


SAYS_YES = says(json.dumps({"answer": "yes", "confidence": 0.95, "reason": "There."}))


def test_the_same_question_on_the_same_crops_is_sent_once(tmp_path: Path) -> None:
    with serving(SAYS_YES) as server:
        opinion = SecondOpinion(escalation(server, tmp_path))
        futures = [opinion.ask(case()) for _ in range(10)]
        outcomes = {future.result(30).id for future in futures}
        assert len(outcomes) == 1 == len(server.requests)
        assert opinion.ask(case(stamp_s=11.0)).result(30).answer is YES
        assert opinion.close() and len(server.requests) == 2


def test_after_the_clock_was_set_back_nothing_old_answers(tmp_path: Path) -> None:
    with serving(SAYS_YES) as server:
        opinion = SecondOpinion(escalation(server, tmp_path))
        assert opinion.ask(case()).result(30).answer is YES
        opinion.forget()  # the stamp comes again, and may show another scene
        assert opinion.ask(case()).result(30).answer is YES
        assert opinion.close() and len(server.requests) == 2
    persons = Persons()
    persons.tell(10.0, [(1.0, 2.0, 3.0, 4.0)])
    persons.forget()
    assert persons.at(10.0) == ()


def test_a_server_that_hangs_ends_at_the_question_s_deadline_and_at_the_node_s_end(
        tmp_path: Path) -> None:
    with serving(lambda handler, request: server.ended.wait(60)) as server:
        opinion = SecondOpinion(escalation(server, tmp_path, **{"budget.per_hour": 9}))
        late = opinion.ask(case(deadline_s=time.monotonic() + 0.3)).result(30)
        assert (late.answer, late.cause) == (UNSURE, Cause.TIMEOUT)
        assert "question's own time" in late.reason
        past = opinion.ask(case(stamp_s=11.0, deadline_s=time.monotonic() - 1)).result(30)
        assert past.answer is UNSURE and past.attempts == 0  # nothing is spent on it
        waiting = [opinion.ask(case(stamp_s=20.0 + n)) for n in range(20)]
        assert sum(f.done() for f in waiting) >= 20 - 8 - 1  # the rest found no room
        assert opinion.close(20)
        assert all(f.result(0).answer is UNSURE for f in waiting)
        assert opinion.ask(case(stamp_s=99.0)).result(0).answer is UNSURE
        assert "escalation" not in {t.name for t in threading.enumerate()}


def test_the_budget_is_told_and_changes_while_it_runs(tmp_path: Path) -> None:
    with serving(SAYS_YES) as server:
        asks = escalation(server, tmp_path, **{"budget.per_hour": 1})
        opinion = SecondOpinion(asks)
        assert opinion.ask(case()).result(30).answer is YES
        spent = opinion.ask(case(stamp_s=11.0)).result(30)
        assert (spent.cause, spent.attempts) == (Cause.BUDGET, 0)
        config = EscalationConfig.from_flat({**asks.config.flat(), "budget.per_hour": 3,
                                             "min_confidence": 0.99})
        asks.configure(config, PrivacyConfig(blur_faces=False, blur_plates=False))
        # Asked again, as a budget may be there a moment later; of too little confidence now.
        unsure = opinion.ask(case(stamp_s=11.0)).result(30)
        assert (unsure.answer, unsure.cause) == (UNSURE, Cause.ANSWERED)
        assert len(server.requests) == 2
        until = time.monotonic() + 30
        while opinion.left != Left(1, 98) and time.monotonic() < until:
            time.sleep(0.01)
        assert opinion.left == Left(1, 98) and opinion.close()


def test_whatever_fails_inside_is_an_outcome(tmp_path: Path) -> None:
    class Broken:
        config = EscalationConfig()

        def left(self) -> Left:
            raise OSError("no disk")

        def ask(self, *_: object, **__: object) -> Outcome:
            raise KeyError("a defect")

    opinion = SecondOpinion(Broken())  # type: ignore[arg-type]
    future: Future[Outcome] = opinion.ask(case())
    assert "a defect" in future.result(30).reason and opinion.left == "no disk"
    assert math.isinf(case().deadline_s) and opinion.close()

"""scene_qa over DDS gives no verdict past its shelf life, and computes nothing for nobody."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import FREE, NO_FRAME, OK, REFUSED, TEMPLATES, QaBench, qa_bench  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from smolvlm_ros.srv import AskScene  # noqa: E402

from smolvlm_ros.qa.verdict import YesNo  # noqa: E402

# Old by a minute, so that a busy machine does not make others of them.
STALE = {"policy__shelf_life_s": 60.0, "frames__max_age_s": 600.0, "frames__max_span_s": 600.0}


def sure(b: QaBench, wait: Callable[[], Any] = lambda: None) -> list[Any]:
    """Have the model sure of a yes; the calls. `wait` is called in each."""
    calls: list[Any] = []

    def yes_no(image: Any, questions: Any) -> list[YesNo]:
        calls.append(questions)
        wait()
        return [YesNo(0.95, 1.0, 1.0), YesNo(0.05, 1.0, 1.0)][:len(questions)]
    b.node.engine.yes_no = yes_no
    return calls


@pytest.mark.usefixtures("patient_requests")
def test_in_a_still_scene_a_verdict_stands_on_a_frame_of_now(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), **STALE) as b:
        sure(b)
        b.frame(75.0), b.frame(65.0)
        answer = b.ask()
        assert answer.status == NO_FRAME and answer.verdict.answer == SceneVerdict.UNSURE
        for text in ("s old, more than 60 s", "policy.shelf_life_s", "no gate"):
            assert text in answer.message
        assert b.ask("What is there?", FREE).status == OK  # a text has no shelf life
        gate = b.gate(passes=[0.0])
        answer = b.ask()
        assert answer.status == OK and answer.verdict.answer == SceneVerdict.YES
        assert answer.verdict.header.stamp == gate.sent[0].header.stamp
        assert "expired" not in answer.verdict.reason
        assert b.ask().status == OK and gate.requests == 1  # that one will do


def test_who_says_how_old_a_frame_may_be_gets_it_and_is_told_that_it_has_expired(tiny_vlm: Path
                                                                                 ) -> None:
    with qa_bench(engine__model=str(tiny_vlm), **STALE) as b:
        sure(b)
        gate = b.gate()
        b.frame(75.0), b.frame(65.0)
        answer = b.ask(max_age_ms=300_000)
        assert answer.status == OK and answer.verdict.answer == SceneVerdict.YES
        assert "expired: it came " in answer.verdict.reason and gate.requests == 0
        assert b.node.stats.counters()["verdicts_expired"] == 1
        assert b.ask(max_age_ms=30_000).status == NO_FRAME
        b.frame(1.0)
        assert "expired" not in b.ask(max_age_ms=300_000).verdict.reason


def test_an_event_s_verdict_that_comes_late_says_so(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, crop__of="frame", **STALE
                  ) as b:
        sure(b)
        first, _ = b.frame(75.0), b.frame(65.0)
        b.event(at=first.header.stamp)
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert verdict.answer == SceneVerdict.YES and "expired: it came " in verdict.reason


def test_no_verdict_is_waited_for_past_its_shelf_life(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), policy__shelf_life_s=3.0, timeout_s=300.0) as b:
        go_on = threading.Event()
        sure(b, lambda: go_on.wait(60))
        try:
            def refused() -> bool:  # a busy machine may find its frame too old: ask again
                b.frame(0.6, 1), b.frame(0.0, 2)
                given = b.ask()
                return given.status == REFUSED and "policy.shelf_life_s = 3 s" in given.message
            wait_for(refused, "the refusal")
        finally:
            go_on.set()


def given_up(b: QaBench, question: str, mode: int, begun: threading.Event) -> None:
    """Ask with little time, until the model has begun with it; on a busy machine it may not."""
    wait_for(lambda: b.peer.call("scene_qa/ask", AskScene, AskScene.Request(
        question=question, mode=mode, timeout_ms=500)).status == REFUSED and begun.is_set(),
        "the model to be asked in vain")


@pytest.mark.parametrize(("question", "calls"), [
    ("Is there a person?", 1), ("Was there a person in the last minute?", 1)])
def test_the_second_frame_is_not_asked_when_nobody_waits(tiny_vlm: Path, question: str, calls: int
                                                         ) -> None:
    with qa_bench(engine__model=str(tiny_vlm), timeout_s=300.0) as b:
        begun, go_on = threading.Event(), threading.Event()
        asked = sure(b, lambda: begun.set() or go_on.wait(60))
        b.two_frames()
        try:
            given_up(b, question, AskScene.Request.YES_NO, begun)
        finally:
            go_on.set()
        wait_for(lambda: not b.node.scheduler.busy, "the end of it")
        assert len(asked) == calls


@pytest.mark.parametrize(("question", "method"), [
    ("What is there?", "stream"), ("What happened in the last minute?", "watch")])
def test_a_text_ends_when_nobody_waits_for_it(tiny_vlm: Path, question: str, method: str) -> None:
    with qa_bench(engine__model=str(tiny_vlm), timeout_s=300.0) as b:
        begun = threading.Event()

        def endless(*_: Any, should_stop: Callable[[], bool]) -> Iterator[str]:
            while not should_stop():
                begun.set()
                yield "and "
                time.sleep(0.01)
        setattr(b.node.engine, method, endless)
        b.two_frames()
        given_up(b, question, FREE, begun)
        wait_for(lambda: not b.node.scheduler.busy, "the end of it")
        again = b.ask("Is there a box?")  # the model is free again
        assert again.status == OK

"""The candidate's queue: dropped rather than waited for, failures counted, share kept."""
from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np

from smolvlm_ros.qa.engine import EngineConfig
from smolvlm_ros.qa.shadow import Shadow, ShadowConfig
from smolvlm_ros.qa.verdict import Answer, Cause, Frame, Pass, PolicyConfig, Verdict, YesNo

FRAMES = tuple(Frame(np.random.default_rng(s).integers(0, 255, (8, 8, 3), dtype=np.uint8),
                     float(s)) for s in (1, 2))
PASS = Pass("Is it on?", False, 1.0, 0.9, 1.0)


class Slow:
    name, description, embedded = "slow", "slow", False

    def __init__(self) -> None:
        self.go = threading.Event()
        self.fails = False

    def yes_no(self, image_rgb: Any, questions: Any) -> list[YesNo]:
        assert self.go.wait(60)
        if self.fails:
            raise KeyError("a defect")
        return [YesNo((0.95, 0.05)[i], 1.0, 1.0) for i in range(len(questions))]

    def stream(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody asks for a description")

    def close(self) -> None:
        self.go.set()


def verdict(answer: Answer = Answer.YES, passes: tuple[Pass, ...] = (PASS,)) -> Verdict:
    return Verdict("Is it on?", answer, 0.9, passes, Cause.AGREED, "")


def until(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_there_is_no_time_for_is_dropped_and_what_fails_is_counted() -> None:
    engine = Slow()
    shadow = Shadow(engine, ShadowConfig(max_waiting=2), lambda: False)
    begin = time.monotonic()
    for answer in (Answer.YES, Answer.NO, Answer.UNSURE, Answer.YES, Answer.NO, Answer.NO):
        shadow.offer(verdict(answer), 5.0, FRAMES, "", PolicyConfig())
    shadow.offer(verdict(passes=()), 5.0, FRAMES, "", PolicyConfig())  # the model was not asked
    assert time.monotonic() - begin < 50
    assert shadow.comparison.dropped >= 3
    engine.go.set()
    until(lambda: shadow.comparison.asked + shadow.comparison.dropped == 6)
    done = shadow.comparison
    assert done.contradicted == done.asked - done.agreed - done.unsure[0]
    assert done.ms[0] == 5.0 and done.unsure[1] == 0
    engine.fails = True
    shadow.offer(verdict(), 5.0, FRAMES, "", PolicyConfig())
    until(lambda: shadow.comparison.failed == 1)
    assert shadow.close() and not shadow._thread.is_alive()


def test_a_share_of_the_questions_and_the_active_model_first() -> None:
    engine, busy = Slow(), threading.Event()
    engine.go.set()
    busy.set()
    shadow = Shadow(engine, ShadowConfig(share=0.25, max_waiting=50), busy.is_set)
    for _ in range(20):
        shadow.offer(verdict(), 5.0, FRAMES, "", PolicyConfig())
    busy.clear()
    until(lambda: shadow.comparison.asked == 5)
    assert shadow.comparison.agreed == 5 and shadow.close()


def test_the_candidate_is_configured_as_the_active_model_but_for_the_model() -> None:
    active = EngineConfig(model="smolvlm2-500m", max_new_tokens=7, revision="abc")
    assert ShadowConfig().engine(active) is None
    made = ShadowConfig(model="smolvlm2-256m").engine(active)
    assert made is not None
    assert (made.model, made.revision, made.max_new_tokens) == ("smolvlm2-256m", "", 7)

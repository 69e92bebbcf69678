"""A candidate model beside the active one: the same questions, without effect on any answer."""
from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from smolvlm_ros.qa.engine import NONE, Engine, EngineConfig
from smolvlm_ros.qa.grounding import Grounded
from smolvlm_ros.qa.looking import looking_at
from smolvlm_ros.qa.policy import SceneQA
from smolvlm_ros.qa.verdict import Answer, Frame, PolicyConfig, Verdict
from smolvlm_ros.settings import Settings, setting

_IDLE_S = 0.05      # between two looks whether the active model has nothing to do
_PATIENCE_S = 2.0   # after this it is asked although the active one is busy
_SAMPLES = 256
_END_S = 30.0


@dataclass(frozen=True)
class ShadowConfig(Settings):
    """A candidate that is asked the same questions, to be compared before it is put to work."""

    model: str = setting(
        NONE, "The candidate, as in engine.model; 'none' for none. It takes memory and computing "
        "time of its own, when the active model is idle where possible.", ge=1)
    adapters: tuple[str, ...] = setting(
        (), "LoRA adapters of the candidate, as in engine.adapters. With model = engine.model, "
        "they alone are what is tried.", le=16)
    share: float = setting(1.0, "Share of the questions that it is asked, evenly spread.", ge=0.0,
                           le=1.0, runtime=True)
    max_waiting: int = setting(4, "Questions that may wait for it; the oldest is dropped.",
                               unit="questions", ge=1, le=100, runtime=True)

    def engine(self, active: EngineConfig) -> EngineConfig | None:
        """The candidate's configuration: the active one's but for the model; None for none."""
        if self.model == NONE:
            return None
        return dataclasses.replace(active, model=self.model, revision="", adapters=self.adapters)


@dataclass(frozen=True)
class Comparison:
    """How the candidate did beside the active model.

    Attributes:
        asked: questions that both answered.
        agreed: of these, with the same answer.
        contradicted: one said YES and the other NO.
        unsure: questions of `asked` left UNSURE by the active model, and by the candidate.
        ms: median time of an answer, of the active model and of the candidate; 0 for none.
        dropped: questions that the candidate had no time for.
        failed: questions that it failed at.
    """

    asked: int = 0
    agreed: int = 0
    contradicted: int = 0
    unsure: tuple[int, int] = (0, 0)
    ms: tuple[float, float] = (0.0, 0.0)
    dropped: int = 0
    failed: int = 0


@dataclass(frozen=True, eq=False)
class _Question:
    verdict: Verdict
    ms: float
    frames: tuple[Frame, ...]
    negated: str
    policy: PolicyConfig
    notes: tuple[str, ...]
    at_s: float


class Shadow:
    """Asks the candidate in a thread of its own. Safe in threads.

    Args:
        engine: the candidate; closed with this.
        config: share and queue; settable.
        busy: True while the active model works or has something to do.
    """

    def __init__(self, engine: Engine, config: ShadowConfig, busy: Callable[[], bool]) -> None:
        self.config = config
        self.engine = engine
        self._busy = busy
        self._changed = threading.Condition()
        self._waiting: deque[_Question] = deque()
        self._ms: tuple[deque[float], deque[float]] = (deque(maxlen=_SAMPLES),
                                                       deque(maxlen=_SAMPLES))
        self._done = Comparison()
        self._owed = 0.0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    @property
    def comparison(self) -> Comparison:
        """How the candidate did so far."""
        with self._changed:
            active, candidate = (median(ms) if ms else 0.0 for ms in self._ms)
            return dataclasses.replace(self._done, ms=(active, candidate))

    def offer(self, verdict: Verdict, ms: float, frames: Sequence[Frame], negated: str,
              policy: PolicyConfig, notes: Sequence[str] = ()) -> None:
        """Have the candidate asked what the active model was just asked; never waits.

        Args:
            verdict: of the active model; one that it was not asked for is left out.
            ms: time that it took, milliseconds.
            frames: that it looked at.
            negated: the question's negation; empty where it was made.
            policy: that it was judged by.
            notes: lines of the site notes that it was given.
        """
        if not verdict.passes:
            return
        with self._changed:
            self._owed += self.config.share
            if self._owed < 1.0 or self._closed:
                return
            self._owed -= 1.0
            self._waiting.append(_Question(verdict, ms, tuple(frames), negated, policy,
                                           tuple(notes), time.monotonic()))
            while len(self._waiting) > self.config.max_waiting:
                self._waiting.popleft()
                self._done = dataclasses.replace(self._done, dropped=self._done.dropped + 1)
            self._changed.notify_all()

    def close(self) -> bool:
        """Stop asking and give the candidate's memory back; False when it is still busy."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(_END_S)
        self.engine.close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                question = self._waiting[0]
            if self._busy() and time.monotonic() - question.at_s < _PATIENCE_S:
                time.sleep(_IDLE_S)
                continue
            with self._changed:
                if not self._waiting or self._waiting[0] is not question:
                    continue  # dropped meanwhile
                self._waiting.popleft()
            self._ask(question)

    def _ask(self, question: _Question) -> None:
        begin = time.perf_counter()
        try:
            looking = looking_at(self.engine, question.frames)
            engine = Grounded(looking, question.notes) if question.notes else looking
            own = SceneQA(question.policy).decide(question.verdict.question, question.frames,
                                                  engine, negated=question.negated, guarded=True)
        except Exception:  # whatever a candidate does: it is counted and has no effect
            with self._changed:
                self._done = dataclasses.replace(self._done, failed=self._done.failed + 1)
            return
        ms = (time.perf_counter() - begin) * 1e3
        answers = (question.verdict.answer, own.answer)
        with self._changed:
            done = self._done
            self._done = dataclasses.replace(
                done, asked=done.asked + 1, agreed=done.agreed + (answers[0] is answers[1]),
                contradicted=done.contradicted + (set(answers) == {Answer.YES, Answer.NO}),
                unsure=(done.unsure[0] + (answers[0] is Answer.UNSURE),
                        done.unsure[1] + (answers[1] is Answer.UNSURE)))
            self._ms[0].append(question.ms)
            self._ms[1].append(ms)

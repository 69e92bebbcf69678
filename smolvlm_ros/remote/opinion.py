"""A second opinion on a verdict: which cases get one, and what both opinions make together."""
from __future__ import annotations

import dataclasses
import math
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from smolvlm_ros.qa.verdict import NEVER_S, Answer, Origin, Verdict
from smolvlm_ros.qa.verdict import Cause as Why
from smolvlm_ros.remote.budget import Left
from smolvlm_ros.remote.escalation import Escalation
from smolvlm_ros.remote.records import Cause, Evidence, Outcome

_WAITING = 8
_REMEMBERED = 16  # outcomes on the same frames, so that many askers cost one request
_CLOSING = "scene QA is shutting down"
_LOOK_S = 2.0     # how old what is known of the budget may be
_DOUBTS = (Why.UNCLEAR, Why.DISAGREED, Why.LOW_MASS, Why.INCOMPLETE)


@dataclass(frozen=True)
class Case:
    """A verdict that a server may be asked about.

    Attributes:
        verdict: of the robot's own model.
        evidence: the crops it stands on, with the persons in them.
        high_stakes: a YES or NO is to be confirmed.
        deadline_s: of time.monotonic; later the answer is of no use.
    """

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    high_stakes: bool = False
    deadline_s: float = math.inf

    @property
    def wanted(self) -> bool:
        """True when a server is to be asked: doubts about what was seen, and high stakes.

        A question that was refused, or at which the model failed, leaves no doubt about what was
        seen: its verdict is valid at no time, and a server's YES or NO to it would have expired.
        """
        if self.verdict.answer is Answer.UNSURE:
            return self.verdict.cause in _DOUBTS and self.verdict.valid_until_s != NEVER_S
        return self.high_stakes

    @property
    def why(self) -> str:
        """Why it is asked, for the record."""
        doubt = self.verdict.answer is Answer.UNSURE
        stakes = "high stakes, " if self.high_stakes else ""
        return (f"{stakes}{self.verdict.cause.value}: {self.verdict.reason}" if doubt else
                f"{stakes}the robot's own model says {self.verdict.answer.value}")

    @property
    def key(self) -> Hashable:
        """Equal for what one request answers: the same question on the same crops."""
        return self.verdict.question, tuple((e.crop.stamp_s, e.crop.region) for e in self.evidence)


def merged(case: Case, outcome: Outcome) -> Verdict:
    """What the robot's own model and the server say together.

    A doubt is decided by the server's YES or NO. What is high-stakes and was clear stays only where
    the server says the same. Without an answer of the server nothing becomes YES or NO.

    Args:
        case: the robot's own verdict.
        outcome: the server's.
    """
    own = case.verdict
    said = (f"{outcome.model} says {outcome.answer.value}: {outcome.reason}"
            if outcome.cause is Cause.ANSWERED else f"{outcome.cause.value}: {outcome.reason}")
    if own.answer is Answer.UNSURE:
        if outcome.cause is not Cause.ANSWERED or outcome.answer is Answer.UNSURE:
            return dataclasses.replace(own, escalation=said)
        p_yes = (outcome.confidence if outcome.answer is Answer.YES else 1.0 - outcome.confidence)
        return dataclasses.replace(
            own, answer=outcome.answer, p_yes=p_yes, cause=Why.SERVER, origin=Origin.SERVER,
            reason=f"a server decided; the robot's own model: {own.reason}", model=outcome.model,
            escalation=said)
    if outcome.cause is Cause.ANSWERED and outcome.answer is own.answer:
        return dataclasses.replace(own, origin=Origin.BOTH, escalation=said)
    contradicted = outcome.cause is Cause.ANSWERED and outcome.answer is not Answer.UNSURE
    return dataclasses.replace(
        own, answer=Answer.UNSURE, escalation=said,
        cause=Why.DISAGREED if contradicted else Why.INCOMPLETE,
        reason=f"high stakes: the robot's own model says {own.answer.value}, which the server "
               + ("contradicts" if contradicted else "has not confirmed"))


class SecondOpinion:
    """Asks the server in a thread of its own, one case after the other. Safe in threads.

    Args:
        escalation: what asks; it must be on.
    """

    def __init__(self, escalation: Escalation) -> None:
        self._escalation = escalation
        self._queue: queue.Queue[tuple[Case, Future[Outcome]] | None] = queue.Queue(_WAITING + 1)
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Future[Outcome]] = OrderedDict()
        self._closing = threading.Event()
        self._left: Left | str = "not known yet"
        self._thread = threading.Thread(target=self._run, name="escalation", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Cases that wait."""
        return self._queue.qsize()

    @property
    def left(self) -> Left | str:
        """The budget left, some seconds old at most; or why it is not known."""
        return self._left

    def ask(self, case: Case) -> Future[Outcome]:
        """Have the server asked; the same question on the same crops is sent once.

        Returns:
            Done with the outcome, always. Others may wait for it too: not to be cancelled.
        """
        with self._lock:
            known = self._known.get(case.key)
            if known is not None and not (known.done() and _worth_asking_again(known.result())):
                return known
            future: Future[Outcome] = Future()
            if self._closing.is_set():
                future.set_result(_none(_CLOSING))
            elif self._queue.qsize() >= _WAITING:
                future.set_result(_none(f"{_WAITING} questions wait for the server already"))
            else:
                self._queue.put_nowait((case, future))
                self._known[case.key] = future
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            return future

    def forget(self) -> None:
        """Answer nothing with what is known: the clock was set back, and a stamp comes again.

        Who waits for an outcome already still gets it.
        """
        with self._lock:
            self._known.clear()

    def close(self, timeout_s: float = 5.0) -> bool:
        """End what is under way and answer what waits; False when that took too long."""
        waiting: list[Future[Outcome]] = []
        with self._lock:  # from now on `ask` puts nothing in
            self._closing.set()
            with suppress(queue.Empty):
                while True:
                    item = self._queue.get_nowait()
                    waiting += [] if item is None else [item[1]]
            self._queue.put_nowait(None)
        for future in waiting:
            future.set_result(_none(_CLOSING))
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._look()
            try:
                item = self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if item is not None:
                case, future = item
                future.set_result(self._asked(case))

    def _asked(self, case: Case) -> Outcome:
        late = Outcome(Answer.UNSURE, 0.0, Cause.TIMEOUT,
                       "no answer of the server within the question's own time")
        if time.monotonic() >= case.deadline_s:
            return late
        try:
            outcome = self._escalation.ask(
                case.verdict.question, case.evidence, case.why,
                should_stop=lambda: self._closing.is_set() or time.monotonic() >= case.deadline_s,
                guarded=bool(case.verdict.passes))
        except Exception as error:  # whatever it is: the robot's own verdict stands
            return _none(f"{type(error).__name__}: {error}")
        if outcome.cause is Cause.SERVER and self._closing.is_set():
            return dataclasses.replace(outcome, cause=Cause.NOT_SENT, reason=_CLOSING)
        if outcome.cause is Cause.SERVER and time.monotonic() >= case.deadline_s:
            return dataclasses.replace(outcome, cause=Cause.TIMEOUT, reason=late.reason)
        return outcome

    def _look(self) -> None:
        try:
            self._left = self._escalation.left()
        except Exception as error:  # told in diagnostics
            self._left = str(error)


def _worth_asking_again(outcome: Outcome) -> bool:
    """True for what a moment later may be otherwise: nothing was asked, or nobody answered."""
    return outcome.cause is not Cause.ANSWERED


def _none(reason: str) -> Outcome:
    return Outcome(Answer.UNSURE, 0.0, Cause.NOT_SENT, reason)

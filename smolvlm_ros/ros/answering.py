"""What answers in a scene_qa node: the model, and the worker with the queue before it."""
from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from smolvlm_ros.memory.notes import NoteLine
from smolvlm_ros.qa.calibration import NEUTRAL, Calibration, Calibrations, read_calibrations
from smolvlm_ros.qa.engine import Engine, EngineError, NoEngine, Withheld, make_engine
from smolvlm_ros.qa.looking import looking_at
from smolvlm_ros.qa.policy import SceneQA
from smolvlm_ros.qa.scheduler import Scheduler
from smolvlm_ros.qa.server_engine import ServerEngine
from smolvlm_ros.qa.templates import Asked
from smolvlm_ros.qa.verdict import Frame, Verdict
from smolvlm_ros.qa.wanted import WhileWanted
from smolvlm_ros.ros.grounding import Grounding, with_notes
from smolvlm_ros.ros.health import Level, WorkerFacts
from smolvlm_ros.ros.qa_settings import SceneQaSettings
from smolvlm_ros.ros.shadowing import Shadowing

_END_S = 30.0  # a verdict's four forward passes on a slow CPU
_MODEL_FAULT_S = 60.0


class Answering:
    """One worker answers, one question after the other; who asks queues and waits.

    Args:
        node: the scene_qa node, which owns what is made here.
        templates: names of the questions that a calibration may be for.

    Attributes:
        engine: answers, or says why nothing does.
        grounding: the site notes that go with a question.
        scheduler: the queue of what is to be answered; another one at each activation.

    Raises:
        EngineError, CalibrationError, NotesError: what is configured cannot be used.
    """

    def __init__(self, node: Any, templates: Collection[str]) -> None:
        s: SceneQaSettings = node.settings
        self._node = node
        self._calibrations = read_calibrations(s.calibration)
        self._calibrations.check(templates)
        self._policy = SceneQA(s.policy)
        self._shadow: Shadowing | None = None
        self.scheduler = Scheduler(s.queue)
        self.grounding = Grounding(s.notes, node.faults)
        node.own("notes", self.grounding.close)
        self.engine: Engine | NoEngine = make_engine(s.engine, s.privacy, node.persons)
        if isinstance(self.engine, NoEngine):
            node.faults.set("no model", Level.WARN,
                            f"no model, every verdict is UNSURE: {self.engine.reason}")
            node.own("fault", lambda: node.faults.clear("no model"))
            return
        node.own("engine", self.engine.close)
        node.get_logger().info(f"answers by {self.engine.description}")
        self._shadow = Shadowing(s.shadow, s.engine, s.privacy, node.persons, self._busy,
                                 node.faults)
        node.own("shadow", self._shadow.close)
        self._compare_models(self.engine.name)

    def start(self) -> None:
        """Answer in a worker thread."""
        node = self._node
        for fault in ("model", "withheld"):
            node.own("fault", partial(node.faults.clear, fault))
        self.scheduler = scheduler = Scheduler(node.settings.queue)
        worker = threading.Thread(target=self._work, args=(scheduler,), name=node.default_name,
                                  daemon=True)
        node.own("worker", lambda: self._end(worker))
        worker.start()

    def configure(self, settings: SceneQaSettings) -> None:
        """Take other settings; raises PrivacyError as `ServerEngine.use_privacy` does."""
        if isinstance(self.engine, ServerEngine):
            self.engine.use_privacy(settings.privacy)
        self._policy.config = settings.policy
        self.grounding.configure(settings.notes)
        if self._shadow is not None:
            self._shadow.configure(settings.shadow, settings.privacy)
        self.scheduler.config = settings.queue

    def worker_facts(self) -> WorkerFacts:
        """What is known of the thread that answers."""
        return WorkerFacts(self._node.default_name, self.scheduler.busy_since_s,
                           self._node.settings.timeout_s + _END_S)

    def diagnostics(self) -> dict[str, object]:
        """The model, and how a candidate beside it fares."""
        model = "none" if isinstance(self.engine, NoEngine) else self.engine.name
        told: dict[str, object] = {"model": model, "note_lines": len(self.grounding)}
        return told if self._shadow is None else {**told, **self._shadow.diagnostics()}

    def ask(self, question: str, frames: Sequence[Frame], deadline_s: float, priority: int,
            asked: Asked | None = None, keep: bool = False) -> Future[Verdict]:
        """Queue a yes/no question; see Scheduler.submit and SceneQA.decide.

        Args:
            question: to be asked.
            frames: to look at.
            deadline_s: of time.monotonic.
            priority: higher is answered first.
            asked: the template that it was made of, for its negation and calibration.
            keep: see Scheduler.submit.

        Raises:
            Refused: it cannot be answered in time.
        """
        # All that the answer depends on: the same again is answered once.
        negated = asked.negated if asked else ""
        calibration = self._calibrations.of(asked.template if asked else "")
        notes = self.grounding.of(question, self.engine)
        guarded = asked is not None
        key = (question, negated, calibration, guarded,
               tuple((f.stamp_s, f.region) for f in frames), self._policy.config, notes)
        scheduler = self.scheduler
        return scheduler.submit(key, lambda: self.decide(question, frames, negated, calibration,
                                                         notes, scheduler.wanted,
                                                         guarded=guarded),
                                deadline_s=deadline_s, priority=priority, keep=keep)

    def decide(self, question: str, frames: Sequence[Frame], negated: str = "",
               calibration: Calibration = NEUTRAL, notes: Sequence[NoteLine] = (),
               wanted: Callable[[], bool] = lambda: True, guarded: bool = False) -> Verdict:
        """Answer now, in this thread; raises as SceneQA.decide does, and TooLate between two
        frames when it is not `wanted` any more."""
        begin, policy = time.perf_counter(), self._policy.config
        engine = with_notes(looking_at(self.engine, frames), notes)
        if not isinstance(engine, NoEngine):
            engine = WhileWanted(engine, wanted)
        with self.failures_told():
            verdict = self._policy.decide(question, frames, engine, negated=negated,
                                          calibration=calibration, guarded=guarded)
        if self._shadow is not None:
            ms = (time.perf_counter() - begin) * 1e3
            self._shadow.offer(verdict, ms, frames, negated, policy, [n.text for n in notes])
        return dataclasses.replace(verdict, notes=tuple(map(str, notes)))

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """Inside, the model works; that it fails, or works again, shows in the node's health."""
        node = self._node
        try:
            yield
        except Withheld as error:  # the model is well
            node.faults.set("withheld", Level.WARN, f"a question is not asked, {error}",
                            _MODEL_FAULT_S)
            raise
        except EngineError as error:
            node.stats.count("model_failures")
            node.faults.set("model", Level.ERROR, f"the model failed: {error}", _MODEL_FAULT_S)
            raise
        node.faults.clear("model")
        node.faults.clear("withheld")

    def _compare_models(self, name: str) -> None:
        """Another model's calibration can make guesses look certain, and is not applied."""
        of, faults = self._calibrations.model, self._node.faults
        if of and of != name:
            self._calibrations = Calibrations()
            faults.set("calibration", Level.WARN, f"the calibration was made for {of!r}, "
                       f"{name!r} answers: it is not applied; run smolvlm_ros calibrate on its "
                       "answers")
            self._node.own("calibration", lambda: faults.clear("calibration"))

    def _work(self, scheduler: Scheduler) -> None:
        while not scheduler.closed:
            try:
                scheduler.run_next(timeout_s=0.5)
            except Exception as error:  # a defect; without its worker the node would be dead
                self._node.endpoints.report("the queue", error)

    def _busy(self) -> bool:
        return self._node.state == "active" and self.scheduler.busy

    def _end(self, worker: threading.Thread) -> None:
        self.scheduler.close()
        worker.join(_END_S)
        if worker.is_alive():
            raise RuntimeError("the model is still busy; its memory is freed when it has ended")

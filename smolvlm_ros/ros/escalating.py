"""Second opinions of a server on a scene_qa node's verdicts, and how they fare."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future

from vision_msgs.msg import Detection2DArray

from smolvlm_ros.qa.verdict import Answer, Frame, Verdict
from smolvlm_ros.remote.budget import Left
from smolvlm_ros.remote.escalation import Escalation, EscalationConfig
from smolvlm_ros.remote.opinion import Case, SecondOpinion, merged
from smolvlm_ros.remote.persons import PERSON, Persons, PersonsUnknown
from smolvlm_ros.remote.privacy import Box, PrivacyConfig
from smolvlm_ros.remote.records import Cause, Evidence, Outcome, Recorder
from smolvlm_ros.ros.boxes import from_box
from smolvlm_ros.ros.faults import Faults
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.stats import Stats

FAULT = "escalation"
_SHOWN_S = 60.0
_FAILED = (Cause.OFFLINE, Cause.TIMEOUT, Cause.SERVER, Cause.INVALID, Cause.NOT_SENT)


class Escalating:
    """Asks the server where escalation is on; otherwise it does nothing. Safe in threads.

    Args:
        config: server, budget and limits.
        privacy: what is covered.
        recorder: keeps what was sent and what came back.
        persons: who is where in the frames.
        stats, faults: of the node.

    Raises:
        NotSent: it is on, and cannot be used; see `Escalation`.
    """

    def __init__(self, config: EscalationConfig, privacy: PrivacyConfig, recorder: Recorder,
                 persons: Persons, stats: Stats, faults: Faults) -> None:
        self._escalation = Escalation(config, recorder, privacy)
        self._privacy = privacy
        self._persons, self._stats, self._faults = persons, stats, faults
        self._opinion: SecondOpinion | None = None

    def configure(self, config: EscalationConfig, privacy: PrivacyConfig) -> None:
        """Take other settings; raises PrivacyError as `Escalation.configure` does."""
        self._escalation.configure(config, privacy)
        self._privacy = privacy

    def start(self) -> None:
        """Begin to ask."""
        if self._escalation.config.enabled:
            self._opinion = SecondOpinion(self._escalation)

    def forget(self) -> None:
        """Answer nothing with what a server said before: the same stamps mean other frames."""
        opinion = self._opinion
        if opinion is not None:
            opinion.forget()

    def hurry(self) -> None:
        """Begin to end what is under way, without waiting for it."""
        opinion = self._opinion
        if opinion is not None:
            opinion.close(0.0)

    def stop(self) -> None:
        """End what is under way; who waits gets the robot's own verdict."""
        opinion, self._opinion = self._opinion, None
        try:
            if opinion is not None and not opinion.close():
                raise RuntimeError("a request to the server is still under way; it ends by itself")
        finally:
            self._faults.clear(FAULT)

    def close(self) -> None:
        """Give up the server."""
        self._escalation.close()

    def consider(self, verdict: Verdict, frames: Sequence[Frame], high_stakes: bool,
                 deadline_s: float) -> Future[Verdict] | None:
        """Have the server asked where that is wanted.

        Args:
            verdict: of the robot's own model.
            frames: that it stands on.
            high_stakes: a YES or NO is to be confirmed.
            deadline_s: of time.monotonic.

        Returns:
            What both say together; None where the verdict stands as it is.
        """
        opinion = self._opinion
        if opinion is None:
            return None
        case = Case(verdict, (), high_stakes, deadline_s)
        if not case.wanted:
            return None
        both: Future[Verdict] = Future()
        try:  # without waiting: crops come of boxes, which come of the detector's
            evidence = tuple(Evidence(f, self._persons.shown_in(f) if self._privacy.blur_faces
                                      else ()) for f in frames)
        except PersonsUnknown as error:
            outcome = Outcome(Answer.UNSURE, 0.0, Cause.NOT_SENT, str(error))
            self._note(outcome)
            both.set_result(merged(case, outcome))
            return both
        case = dataclasses.replace(case, evidence=evidence)

        def answered(future: Future[Outcome]) -> None:
            self._note(future.result())
            if both.set_running_or_notify_cancel():  # who asked may have given up
                both.set_result(merged(case, future.result()))
        opinion.ask(case).add_done_callback(answered)
        return both

    def diagnostics(self) -> dict[str, object]:
        """Whether it is on, what is left of the budget, and whether the server is left alone."""
        opinion, state = self._opinion, self._escalation.state
        if opinion is None or state is None:
            return {"escalation": "off" if not self._escalation.config.enabled else "not active"}
        left = opinion.left
        told: dict[str, object] = {"escalation": "on", "escalation_breaker": state.value,
                                   "escalations_waiting": len(opinion)}
        if isinstance(left, Left):
            told.update(escalation_left_hour=left.hour, escalation_left_day=left.day)
        else:
            told["escalation_left"] = left
        return told

    def _note(self, outcome: Outcome) -> None:
        self._stats.count(f"escalated_{outcome.cause.value}")
        if outcome.cause is Cause.ANSWERED and outcome.recorded:
            self._stats.latency("escalation", outcome.ms)
            self._faults.clear(FAULT)
        elif outcome.id and not outcome.recorded:
            self._faults.set(FAULT, Level.ERROR, "what a server answered is not in the memory; see "
                             "the memory's file and disk", _SHOWN_S)
        elif outcome.cause in _FAILED and self._opinion is not None:  # the end is no failure
            self._faults.set(FAULT, Level.WARN, f"no second opinion: {outcome.reason}", _SHOWN_S)


def person_boxes(message: Detection2DArray) -> tuple[Box, ...]:
    """Corners (left, top, right, bottom, pixels) of what may be a person.

    Raises:
        ValueError: a box is none.
    """
    return tuple(from_box(detection.bbox) for detection in message.detections
                 if any(result.hypothesis.class_id == PERSON for result in detection.results))

"""The verdict policy: a question, two frames, the question and its negation, one verdict."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from smolvlm_ros.models.embedded import ForeignFrame, require_world
from smolvlm_ros.qa.calibration import NEUTRAL, Calibration
from smolvlm_ros.qa.engine import Engine, NoEngine
from smolvlm_ros.qa.frames import repeats
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.negation import is_open, negate
from smolvlm_ros.qa.prompt import clean_question
from smolvlm_ros.qa.verdict import (
    Answer,
    Cause,
    Frame,
    Pass,
    PolicyConfig,
    Verdict,
    judge,
    objection,
)


class SceneQA:
    """Asks an engine as often as a verdict needs, and abstains where it must.

    Attributes:
        config: settable at any time; the next question uses it.
    """

    def __init__(self, config: PolicyConfig | None = None) -> None:
        self.config = config or PolicyConfig()

    def decide(self, question: str, frames: Sequence[Frame], engine: Engine | NoEngine, *,
               negated: str = "", calibration: Calibration = NEUTRAL, guarded: bool = False
               ) -> Verdict:
        """The verdict on a yes/no question.

        The newest frame is asked first, both forms sharing one image prefix. When it already rules
        a YES and a NO out, the other frame is not asked: the answer is UNSURE at half the cost.

        Args:
            question: at most 300 characters.
            frames: what to look at, in any order; the two ends are asked when there are more.
            engine: what answers, or the reason why nothing does.
            negated: the question's negation; empty to have it made by `negation.negate`.
            calibration: what the engine's probabilities are worth for such a question.
            guarded: it is known to be one of yes and no for the model, as a template's is: the name
                of a zone ("zone 2m") in it makes it no question of distance.

        Raises:
            QuestionError: a question that must not reach the model.
            EngineError: the model failed.
        """
        asked = clean_question(question)
        opposite = clean_question(negated) if negated else negate(asked)
        ordered = sorted(frames, key=lambda frame: frame.stamp_s)
        cause, reason = Cause.AGREED, ""
        if not guarded:
            cause, reason = _not_for_the_model((asked, opposite) if negated else (asked,))
        if not reason:
            cause, reason = self._refusal(ordered, engine)
        if isinstance(engine, NoEngine) or reason:
            return self._unsure(asked, ordered, cause, reason)
        passes: list[Pass] = []
        for frame in (ordered[-1], ordered[0]):
            passes += _ask(engine, frame, asked, opposite, calibration)
            if objection(passes, self.config)[1]:
                break
        newest = ordered[-1]
        return dataclasses.replace(judge(asked, passes, self.config), frame_id=newest.frame_id,
                                   model=engine.name)

    def _refusal(self, frames: Sequence[Frame], engine: Engine | NoEngine) -> tuple[Cause, str]:
        """Why the model is not asked at all; '' when it is."""
        if isinstance(engine, NoEngine):
            return Cause.NO_MODEL, f"no model is loaded: {engine.reason}"
        foreign = refusal_of(engine, frames)
        if foreign:
            return Cause.NO_MODEL, foreign
        if not frames:
            return Cause.NO_FRAME, "no frame to look at; has one passed the gate?"
        cause, reason = self._unusable(frames[0], frames[-1])
        separation_s = frames[-1].stamp_s - frames[0].stamp_s
        if reason:
            return cause, reason
        if len(frames) < 2 or separation_s <= 0 or separation_s < self.config.min_separation_s:
            return Cause.INCOMPLETE, ("two frames at least min_separation_s = "
                                      f"{self.config.min_separation_s:g} s apart are needed; ask "
                                      "again when another one has passed the gate")
        return Cause.AGREED, ""

    def _unusable(self, oldest: Frame, newest: Frame) -> tuple[Cause, str]:
        """Why nobody could answer from these views, a server neither; '' when one may."""
        for frame in (newest, oldest):
            if frame.contrast < self.config.min_contrast:
                return Cause.NOTHING_SHOWN, (
                    f"the view at {frame.stamp_s:.3f} s shows nothing (contrast "
                    f"{frame.contrast:.1f}, less than min_contrast = "
                    f"{self.config.min_contrast:g}): is the lens covered, or is it dark?")
        if (not self.config.accept_repeated_images and oldest.stamp_s < newest.stamp_s
                and repeats(oldest, newest)):
            return Cause.REPEATED, (
                f"the camera repeats one image: the frames of {oldest.stamp_s:.3f} s and "
                f"{newest.stamp_s:.3f} s are equal in every pixel; restart the camera, or set "
                "policy.accept_repeated_images for a simulator without noise")
        return Cause.AGREED, ""

    def _unsure(self, question: str, frames: Sequence[Frame], cause: Cause, reason: str) -> Verdict:
        """An UNSURE without any pass, so without a probability."""
        if not frames:
            return Verdict(question, Answer.UNSURE, math.nan, (), cause, reason)
        newest = frames[-1]
        return Verdict(question, Answer.UNSURE, math.nan, (), cause, reason,
                       newest.stamp_s + self.config.shelf_life_s, newest.stamp_s, newest.frame_id)


def _not_for_the_model(texts: Sequence[str]) -> tuple[Cause, str]:
    """Why no model is to be asked this; '' when one may."""
    for text in texts:
        advice = check(text).advice
        if advice:
            return Cause.GEOMETRY, advice
    if any(map(is_open, texts)):
        return Cause.OPEN_QUESTION, "this is not a yes/no question; ask it in mode FREE"
    return Cause.AGREED, ""


def refusal_of(engine: Engine, frames: Sequence[Frame]) -> str:
    """Why these frames may not be shown to this model; empty when they may."""
    if engine.embedded:
        try:
            for frame in frames:
                require_world(engine.name, frame.frame_id)
        except ForeignFrame as error:
            return str(error)
    return ""


def _ask(engine: Engine, frame: Frame, question: str, opposite: str, calibration: Calibration
         ) -> list[Pass]:
    texts = (question, opposite)
    return [Pass(text, text is opposite, frame.stamp_s, calibration.apply(given.p_yes), given.mass,
                 frame.region, given.p_yes)
            for text, given in zip(texts, engine.yes_no(frame.image_rgb, texts), strict=True)]

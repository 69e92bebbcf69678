"""The verdict: what several passes of one question say together, or why they say nothing.

Small vision-language models say yes too easily (SmolVLM2-500M agreed with a falsely negated
question in every COCO trial of arXiv 2603.26769), so one probability decides nothing here. YES and
NO need two frames and, on each, the question and its negation, all clear and all agreeing.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.settings import Settings, setting

Region: TypeAlias = tuple[int, int, int, int]
NEVER_S = 0.0  # `valid_until_s` of a verdict without a frame: it was never valid
_LOGIT_LIMIT = 1e-6  # keeps one saturated pass from outweighing all others


class Answer(str, Enum):
    """What a planner gets to act on."""

    YES = "YES"
    NO = "NO"
    UNSURE = "UNSURE"


class Origin(str, Enum):
    """Who decided."""

    ROBOT = "robot"  # the robot's own model
    SERVER = "server"  # a model on a server, where the robot's own was unsure
    BOTH = "both"  # a high-stakes answer that the server confirmed


class Cause(str, Enum):
    """Why a verdict is what it is, for programs; `Verdict.reason` says it for people."""

    AGREED = "agreed"  # the only cause of the robot's own YES and NO
    SERVER = "server"  # a model on a server decided, where the robot's own was unsure
    DISAGREED = "disagreed"  # passes contradict each other
    UNCLEAR = "unclear"  # a probability between the thresholds
    LOW_MASS = "low_mass"  # the model wanted to say something other than yes or no
    INCOMPLETE = "incomplete"  # passes are missing: a second frame, or the negation
    NOTHING_SHOWN = "nothing_shown"  # a covered lens, darkness, glare: nobody can see more
    REPEATED = "repeated"  # the frames are one image: the camera is stuck
    BROKEN_MODEL = "broken_model"  # no probabilities came
    NO_FRAME = "no_frame"
    NO_MODEL = "no_model"
    GEOMETRY = "geometry"  # a question for measurements, never for the model
    OPEN_QUESTION = "open_question"  # not a yes/no question


@dataclass(frozen=True)
class YesNo:
    """A model's answer to one question on one image, read from one forward pass.

    Attributes:
        p_yes: probability of yes against no, 0 to 1.
        mass: probability of yes and no together among all tokens, 0 to 1. Low: the model wanted to
            say something else, and `p_yes` means little.
        ms: time it took, milliseconds.
    """

    p_yes: float
    mass: float
    ms: float


@dataclass(frozen=True)
class Cut:
    """What a part of a frame was cut round.

    Attributes:
        box: left, top, right, bottom in the camera's pixels.
        width: of the camera's image, pixels.
        height: of the camera's image, pixels.
    """

    box: tuple[float, float, float, float]
    width: int
    height: int


@dataclass(frozen=True)
class Frame:
    """A gated frame.

    Attributes:
        image_rgb: (H, W, 3) uint8.
        stamp_s: seconds.
        frame_id: optical frame.
        region: the part of the camera's image that this is: left, top, right, bottom in pixels,
            the last two excluded; None for all of it.
        scale: pixels of this image per pixel of the camera's.
        cut: what a part was cut round; None where it is not known, or all of the image.
    """

    image_rgb: NDArray[np.uint8]
    stamp_s: float
    frame_id: str = ""
    region: Region | None = None
    scale: float = 1.0
    cut: Cut | None = None

    @property
    def contrast(self) -> float:
        """Standard deviation of the grey values, 0 to 255; of a sample of a large image."""
        step = max(1, min(self.image_rgb.shape[:2]) // 64)
        return float(self.image_rgb[::step, ::step].mean(2).std())

    def __post_init__(self) -> None:
        image = self.image_rgb
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"frame has shape {image.shape} and type {image.dtype}, expected "
                             "(H, W, 3) uint8 in RGB")
        if not math.isfinite(self.stamp_s):
            raise ValueError(f"frame has stamp {self.stamp_s}, expected seconds")


@dataclass(frozen=True)
class Pass:
    """One text asked on one frame.

    Attributes:
        question: the text as the model got it.
        negated: True when the text is the negation of the question asked.
        stamp_s: stamp of the frame looked at, seconds.
        p_yes: probability of yes **to that text**, 0 to 1, calibrated where that is known.
        mass: probability of yes and no together, 0 to 1.
        region: the part of the frame that was shown; None for all of it.
        p_model: `p_yes` as the model gave it; None for the same.
    """

    question: str
    negated: bool
    stamp_s: float
    p_yes: float
    mass: float
    region: Region | None = None
    p_model: float | None = None

    @property
    def support(self) -> float:
        """What the pass gives to a yes to the question asked, 0 to 1."""
        return 1.0 - self.p_yes if self.negated else self.p_yes

    @property
    def neither(self) -> bool:
        """True where the model gave nothing to yes and no, or as much to one as to the other: no
        thresholds make an answer of that."""
        return self.mass == 0.0 or self.support == 0.5


@dataclass(frozen=True)
class Verdict:
    """An answer with everything it stands on.

    Attributes:
        question: as it was asked.
        answer: YES and NO only when all passes agree, or a server decided (see `origin`).
        p_yes: combined probability of yes, 0 to 1; NaN when there was no pass. From a server, what
            its model stated.
        passes: what was asked, in order.
        cause: why, for programs.
        reason: why, for people, and what to do about it.
        valid_until_s: on the clock of the stamps; a planner should not act on it later. 0 when no
            frame was there.
        stamp_s: stamp of the newest frame it stands on; 0 when there was none.
        frame_id: of that frame.
        model: what answered; empty when no model is loaded.
        origin: who decided.
        escalation: what came of asking a server, for people; empty when none was asked.
        notes: lines of the site notes that the model was given, as 'FILE:LINE: text'.
    """

    question: str
    answer: Answer
    p_yes: float
    passes: tuple[Pass, ...]
    cause: Cause
    reason: str
    valid_until_s: float = NEVER_S
    stamp_s: float = NEVER_S
    frame_id: str = ""
    model: str = ""
    origin: Origin = Origin.ROBOT
    escalation: str = ""
    notes: tuple[str, ...] = ()

    def valid(self, now_s: float) -> bool:
        """True while the shelf life lasts; an UNSURE is never valid to act on."""
        return self.answer is not Answer.UNSURE and self.stamp_s <= now_s <= self.valid_until_s


@dataclass(frozen=True)
class PolicyConfig(Settings):
    """When passes make a verdict."""

    yes_threshold: float = setting(
        0.8, "YES needs at least this probability in every pass (of no, in a negated pass).",
        ge=0.5, le=1.0, runtime=True)
    no_threshold: float = setting(
        0.2, "NO needs at most this probability in every pass (of no, in a negated pass).",
        ge=0.0, le=0.5, runtime=True)
    min_mass: float = setting(
        0.5, "Least probability of yes and no together; below it the model did not mean either.",
        ge=0.0, le=1.0, runtime=True)
    min_contrast: float = setting(
        3.0, "Least standard deviation of the grey values, 0 to 255, of what is looked at. Below "
        "it there is nothing to see (a covered lens, darkness, glare), and nothing is answered.",
        ge=0.0, le=128.0, runtime=True)
    accept_repeated_images: bool = setting(
        False, "Answer from two frames that are equal in every pixel of what is looked at. A "
        "camera's noise never gives those, so they mean a stuck camera and nothing is answered; "
        "set it for a simulator without noise only.", runtime=True)
    min_separation_s: float = setting(
        0.5, "Least time between the two frames asked; closer ones are nearly the same picture.",
        unit="s", ge=0.0, le=60.0, runtime=True)
    shelf_life_s: float = setting(
        5.0, "How long after its newest frame a verdict may be acted on. A client that does not "
        "say how old its frame may be is given none later: where the newest frame is too old, a "
        "fresh one is asked of the gate, and what would take longer is refused. With a model that "
        "is slower than this, and on a simulator's clock, nothing is refused for the time that it "
        "takes: a verdict says that it has expired, and is counted.",
        unit="s", ge=0.1, le=3600.0, runtime=True)

    def conflicts(self) -> list[str]:
        """The thresholds must leave room for doubt between them."""
        if self.no_threshold >= self.yes_threshold:
            return [f"no_threshold = {self.no_threshold} must be below "
                    f"yes_threshold = {self.yes_threshold}; leave room between them"]
        return []


def judge(question: str, passes: Sequence[Pass], config: PolicyConfig) -> Verdict:
    """The verdict of these passes; pure, any number of frames from two on.

    The combined probability is the mean of the log odds (a logarithmic opinion pool), for
    information only: it never decides.
    """
    passes = tuple(passes)
    cause, reason = objection(passes, config)
    if not reason:
        cause, reason = _incomplete(passes, config)
    if reason:
        answer = Answer.UNSURE
    else:
        answer = Answer.YES if passes[0].support >= config.yes_threshold else Answer.NO
        frames = len({p.stamp_s for p in passes})
        cause, reason = Cause.AGREED, (f"{len(passes)} passes on {frames} frames agree, the "
                                       "question and its negation")
    stamp_s = max((p.stamp_s for p in passes), default=NEVER_S)
    until_s = stamp_s + config.shelf_life_s if passes else NEVER_S
    return Verdict(question, answer, combined(passes), passes, cause, reason, until_s, stamp_s)


def objection(passes: Sequence[Pass], config: PolicyConfig) -> tuple[Cause, str]:
    """What already stands against YES and NO, whatever further passes would say; '' for nothing."""
    for p in passes:
        if not (0.0 <= p.p_yes <= 1.0 and 0.0 <= p.mass <= 1.0):  # NaN fails too
            return Cause.BROKEN_MODEL, (
                f"p_yes = {p.p_yes} and mass = {p.mass} for {_name(p)} are not probabilities: the "
                "model is broken")
    for p in passes:
        if p.mass < config.min_mass or p.mass == 0.0:
            least = f"min_mass = {config.min_mass:g}" if config.min_mass else "anything"
            return Cause.LOW_MASS, (f"yes and no together have {p.mass:.2f} for {_name(p)}, less "
                                    f"than {least}: not a yes/no question?")
    for p in passes:
        if config.no_threshold < p.support < config.yes_threshold or p.neither:
            return Cause.UNCLEAR, (f"p_yes = {p.p_yes:.2f} for {_name(p)} is not clear (thresholds "
                                   f"{config.no_threshold:g} and {config.yes_threshold:g})")
    yes = [p for p in passes if p.support >= config.yes_threshold]
    no = [p for p in passes if p.support <= config.no_threshold]
    if yes and no:
        return Cause.DISAGREED, (f"the passes disagree: {_name(yes[0])} says yes, "
                                 f"{_name(no[0])} says no")
    return Cause.AGREED, ""


def combined(passes: Sequence[Pass]) -> float:
    """The mean of the log odds, as a probability; NaN for no pass or for numbers out of range."""
    supports = [p.support for p in passes]
    if not supports or not all(0.0 <= s <= 1.0 for s in supports):
        return math.nan
    clipped = [min(max(s, _LOGIT_LIMIT), 1.0 - _LOGIT_LIMIT) for s in supports]
    logit = sum(math.log(s / (1.0 - s)) for s in clipped) / len(clipped)
    return 1.0 / (1.0 + math.exp(-logit))


def _incomplete(passes: tuple[Pass, ...], config: PolicyConfig) -> tuple[Cause, str]:
    """What is missing for a verdict; '' for nothing."""
    if not passes:
        return Cause.INCOMPLETE, "nothing was asked"
    stamps = sorted({p.stamp_s for p in passes})
    for stamp in stamps:
        forms = {p.negated for p in passes if p.stamp_s == stamp}
        if len(forms) < 2:
            missing = "the question itself" if True in forms else "the negation"
            return Cause.INCOMPLETE, f"{missing} was not asked on the frame at {stamp:.3f} s"
    if len(stamps) < 2:
        return Cause.INCOMPLETE, "only one frame was asked, two are needed"
    if stamps[-1] - stamps[0] < config.min_separation_s:
        return Cause.INCOMPLETE, (f"the frames are {stamps[-1] - stamps[0]:.3f} s apart, less than "
                                  f"min_separation_s = {config.min_separation_s:g}")
    return Cause.AGREED, ""


def _name(p: Pass) -> str:
    form = "the negated question" if p.negated else "the question"
    return f"{form} at {p.stamp_s:.3f} s"

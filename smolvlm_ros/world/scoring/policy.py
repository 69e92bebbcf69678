"""What the verdict policy is worth: one pass, two frames and the whole policy side by side."""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smolvlm_ros.qa.calibration import NEUTRAL, Calibrations
from smolvlm_ros.qa.engine import Engine
from smolvlm_ros.qa.labelled import LabelledAnswer
from smolvlm_ros.qa.policy import SceneQA
from smolvlm_ros.qa.verdict import Answer, Cause, PolicyConfig
from smolvlm_ros.world.facts import balanced
from smolvlm_ros.world.scoring.moments import Pair
from smolvlm_ros.world.truth import Fact

SINGLE, FRAMES, POLICY = "single", "two_frames", "policy"
_WAYS = (SINGLE, FRAMES, POLICY)


@dataclass(frozen=True)
class PolicyScore:
    """Shares of all questions, and the answers behind them.

    Attributes:
        questions: number asked.
        right, wrong, abstained: by way: 'single' (the newest frame, threshold 0.5), 'two_frames'
            (both must be clear and agree) and 'policy' (with the negation too).
        wrong_on: wrong verdicts of the policy by what was done to its two frames.
        answers: every direct and negated answer with the right one, for a calibration; clean
            frames only.
    """

    questions: int
    right: Mapping[str, float]
    wrong: Mapping[str, float]
    abstained: Mapping[str, float]
    wrong_on: Mapping[str, int]
    answers: tuple[LabelledAnswer, ...] = ()

    def rows(self, prefix: str = "") -> dict[str, float]:
        """The figures by key."""
        rows: dict[str, float] = {f"{prefix}policy_questions": self.questions}
        for way in _WAYS:
            name = f"{prefix}policy_{way}" if way != POLICY else f"{prefix}policy_full"
            rows[f"{name}_accuracy"] = self.right[way]
            rows[f"{name}_wrong_rate"] = self.wrong[way]
            rows[f"{name}_abstained_rate"] = self.abstained[way]
        rows[f"{prefix}policy_wrong_over_single"] = (
            self.wrong[POLICY] / self.wrong[SINGLE] if self.wrong[SINGLE] else math.nan)
        rows[f"{prefix}policy_decided_rate"] = 1 - self.abstained[POLICY]
        rows.update({f"{prefix}policy_wrong_on_{k}": v for k, v in self.wrong_on.items()})
        return rows


def chosen_questions(pairs: Sequence[Pair], limit: int, rng: np.random.Generator
                     ) -> list[tuple[int, Fact]]:
    """At most so many facts, each question text as often true as false; (pair's number, fact)."""
    even = balanced(((n, fact) for n, pair in enumerate(pairs) for fact in pair.facts), rng)
    if len(even) <= limit:
        return even
    keep = sorted(int(i) for i in rng.permutation(len(even))[:limit])
    return [even[i] for i in keep]


def score_policy(engine: Engine, pairs: Sequence[Pair], questions: Sequence[tuple[int, Fact]],
                 config: PolicyConfig | None = None, calibrations: Calibrations | None = None,
                 progress: Callable[[int], object] = lambda count: None) -> PolicyScore:
    """Ask every question in three ways of the same passes.

    Args:
        engine: answers.
        pairs: the frames.
        questions: of `chosen_questions`.
        config: of the policy; the default one when None.
        calibrations: by kind of question ('presence', 'colour', 'state').
        progress: called with the number of questions asked.

    Raises:
        ValueError: a question is refused; the text says why.
    """
    policy = SceneQA(config)
    said: dict[str, list[bool | None]] = {way: [] for way in _WAYS}
    wrong_on: dict[str, int] = {}
    answers: list[LabelledAnswer] = []
    for count, (number, fact) in enumerate(questions, 1):
        pair = pairs[number]
        calibration = calibrations.of(fact.kind) if calibrations else NEUTRAL
        verdict = policy.decide(fact.question, pair.frames, engine, calibration=calibration)
        if not verdict.passes and verdict.cause is not Cause.NOTHING_SHOWN:
            raise ValueError(f"{fact.question!r} was not asked: {verdict.reason}")
        direct = {p.stamp_s: p.p_yes for p in verdict.passes if not p.negated}
        # Half a verdict is enough to abstain, but the others need both frames.
        newest, oldest = (
            direct[f.stamp_s] if f.stamp_s in direct
            else calibration.apply(engine.yes_no(f.image_rgb, [fact.question])[0].p_yes)
            for f in (pair.frames[1], pair.frames[0]))
        said[SINGLE].append(newest > 0.5)
        said[FRAMES].append(_agreed((newest, oldest), policy.config))
        said[POLICY].append({Answer.YES: True, Answer.NO: False}.get(verdict.answer))
        if said[POLICY][-1] is not None and said[POLICY][-1] is not fact.answer:
            kind = "_".join(sorted({k for k in pair.corruptions if k})) or "clean"
            wrong_on[kind] = wrong_on.get(kind, 0) + 1
        corrupted = {f.stamp_s: kind for f, kind in zip(pair.frames, pair.corruptions, strict=True)}
        answers += [LabelledAnswer(fact.kind, float(p.p_model if p.p_model is not None
                                                    else p.p_yes), p.negated != fact.answer,
                                   engine.name)
                    for p in verdict.passes if not corrupted[p.stamp_s]]
        progress(count)
    truth = [fact.answer for _, fact in questions]

    def share(way: str, fits: Callable[[bool | None, bool], bool]) -> float:
        return (float(np.mean([fits(a, t) for a, t in zip(said[way], truth, strict=True)]))
                if truth else math.nan)
    return PolicyScore(
        len(questions), {w: share(w, lambda a, t: a is t) for w in _WAYS},
        {w: share(w, lambda a, t: a is not None and a is not t) for w in _WAYS},
        {w: share(w, lambda a, t: a is None) for w in _WAYS}, wrong_on, tuple(answers))


def _agreed(p_yes: Sequence[float], config: PolicyConfig) -> bool | None:
    if min(p_yes) >= config.yes_threshold:
        return True
    return False if max(p_yes) <= config.no_threshold else None

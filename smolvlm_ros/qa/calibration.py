"""What a model's probability is worth for one template: a temperature and an offset.

`logit(p) / temperature + offset`, made a probability again (Platt scaling; with the offset at 0 the
temperature scaling of Guo et al. 2017, arXiv 1706.04599). The offset takes out a liking for yes.
"""
from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_TEMPERATURE, GREATEST_TEMPERATURE = 0.05, 20.0
GREATEST_OFFSET = 20.0
_LEAST_P = 1e-6  # a model's 0 and 1 are not certain either
_KEYS = {"temperature", "offset", "answers"}


class CalibrationError(ValueError):
    """A calibration is wrong or cannot be fitted; the text names the offender and the cure."""


@dataclass(frozen=True)
class Calibration:
    """Temperature and offset of one template; the default changes nothing.

    Attributes:
        temperature: above 1 for a model that is too sure of itself.
        offset: below 0 for one that likes to say yes.
        answers: labelled answers that it was fitted to; 0 when not known.

    Raises:
        CalibrationError: a value is not finite or outside of its limits.
    """

    temperature: float = 1.0
    offset: float = 0.0
    answers: int = 0

    def __post_init__(self) -> None:
        if not LEAST_TEMPERATURE <= self.temperature <= GREATEST_TEMPERATURE:  # NaN fails too
            raise CalibrationError(f"temperature = {self.temperature}, expected "
                                   f"{LEAST_TEMPERATURE:g} to {GREATEST_TEMPERATURE:g}")
        if not abs(self.offset) <= GREATEST_OFFSET:
            raise CalibrationError(f"offset = {self.offset}, expected {-GREATEST_OFFSET:g} to "
                                   f"{GREATEST_OFFSET:g}")

    def apply(self, p_yes: float) -> float:
        """The calibrated probability; what is no probability stays as it is.

        `Calibration(2.0).apply(0.9)` is 0.75; `Calibration().apply(p)` is `p`.
        """
        if (self.temperature, self.offset) == (1.0, 0.0) or not 0.0 <= p_yes <= 1.0:
            return p_yes
        return _sigmoid(_logit(p_yes) / self.temperature + self.offset)


NEUTRAL = Calibration()


@dataclass(frozen=True)
class Calibrations:
    """Calibrations by template, and the model they belong to.

    Attributes:
        model: its name; empty when not known.
        by_template: those that are not there change nothing.
    """

    model: str = ""
    by_template: Mapping[str, Calibration] = field(default_factory=dict)

    def of(self, template: str) -> Calibration:
        """The calibration of a template; the neutral one for a question without."""
        return self.by_template.get(template, NEUTRAL)

    def check(self, templates: Collection[str]) -> None:
        """Refuse what would be read by nobody.

        Raises:
            CalibrationError: it names a template that is not among these.
        """
        unknown = sorted(set(self.by_template) - set(templates))
        if unknown:
            known = ", ".join(sorted(templates)) or "none"
            raise CalibrationError(f"the calibration names the template {unknown[0]!r}; those of "
                                   f"this node are: {known}")

    def to_yaml(self) -> str:
        """The text that `read_calibrations` reads."""
        import yaml

        entries = {name: {"temperature": round(c.temperature, 5), "offset": round(c.offset, 5),
                          "answers": c.answers} for name, c in sorted(self.by_template.items())}
        return str(yaml.safe_dump({"model": self.model, "calibration": entries}, sort_keys=False))


def read_calibrations(text: str) -> Calibrations:
    """Calibrations of a parameter: of a YAML file when it is a path, else of the YAML text itself.

    Raises:
        CalibrationError: the file cannot be read, or an entry is wrong.
    """
    import yaml

    if not text.strip():
        return Calibrations()
    where = "calibration"
    try:
        if "\n" not in text and "{" not in text:
            where = text.strip()
            text = Path(where).expanduser().read_text(encoding="utf-8")
        return _parsed(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CalibrationError(f"{where} cannot be read as YAML: "
                               f"{' '.join(str(error).split())}") from error
    except CalibrationError as error:
        raise CalibrationError(f"{where}: {error}") from error


def _parsed(document: Any) -> Calibrations:
    entries = document.get("calibration") if isinstance(document, Mapping) else None
    if not isinstance(entries, Mapping):
        raise CalibrationError("expected a mapping with the mapping 'calibration', as "
                               "smolvlm_ros calibrate writes it")
    model = document.get("model", "")
    if not isinstance(model, str):
        raise CalibrationError(f"model = {model!r}, expected a name")
    return Calibrations(model, {str(name): _entry(str(name), value)
                                for name, value in entries.items()})


def _entry(name: str, value: Any) -> Calibration:
    if not isinstance(value, Mapping) or not {"temperature", "offset"} <= set(value) <= _KEYS:
        raise CalibrationError(f"{name!r} is {value!r}, expected temperature and offset")
    for key, number in value.items():
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise CalibrationError(f"{name!r} has {key} = {number!r}, expected a number")
    answers = value.get("answers", 0)
    if not isinstance(answers, int) or answers < 0:
        raise CalibrationError(f"{name!r} has answers = {answers!r}, expected how many there were")
    try:
        return Calibration(float(value["temperature"]), float(value["offset"]), answers)
    except (CalibrationError, OverflowError) as error:
        raise CalibrationError(f"{name!r}: {error}") from error


# Fitting -----------------------------------------------------------------------------------

LEAST_ANSWERS = 30       # of a template, and
LEAST_OF_EACH = 8        # of these with the rarer label
_PRIOR_STD = (2.0, 2.0)  # of slope about 1 and offset about 0: a few answers' weight
_STEPS = 100


def fit(p_yes: NDArray[np.float64], labels: NDArray[np.bool_]) -> Calibration:
    """The calibration that makes the labels likeliest: regularised logistic regression.

    Newton's method on the log likelihood with a Gaussian prior about 'nothing changes', so that
    labels which the probabilities separate without a fault still give finite numbers.

    Args:
        p_yes: (N,) probabilities that the model gave, 0 to 1.
        labels: (N,) True where yes is the right answer to the text asked.

    Raises:
        CalibrationError: too few answers, nearly all with one label, a value that is no
            probability, or answers that do not follow the labels at all.
    """
    p = np.asarray(p_yes, np.float64).reshape(-1)
    y = np.asarray(labels, bool).reshape(-1)
    if len(p) != len(y):
        raise CalibrationError(f"{len(p)} probabilities and {len(y)} labels, expected as many")
    if not ((p >= 0) & (p <= 1)).all():
        raise CalibrationError("a probability is not between 0 and 1")
    _refuse_few(y)
    z = np.log(np.clip(p, _LEAST_P, 1 - _LEAST_P) / (1 - np.clip(p, _LEAST_P, 1 - _LEAST_P)))
    design = np.column_stack([z, np.ones_like(z)])
    prior = np.array([1.0, 0.0])
    precision = np.diag(1 / np.square(_PRIOR_STD))
    weights = _maximum(design, y.astype(np.float64), prior, precision)
    slope, offset = float(weights[0]), float(weights[1])
    if slope < 1 / GREATEST_TEMPERATURE:
        raise CalibrationError("the answers do not follow the labels (a higher probability of yes "
                               "does not make yes likelier): are the labels those of the texts "
                               "that were asked? A model this blind cannot be calibrated")
    return Calibration(max(1 / slope, LEAST_TEMPERATURE),
                       min(max(offset, -GREATEST_OFFSET), GREATEST_OFFSET), len(p))


def log_loss(p_yes: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Mean of minus the log of the probability given to the right answer; less is better."""
    p = np.clip(np.asarray(p_yes, np.float64), _LEAST_P, 1 - _LEAST_P)
    return float(-np.mean(np.log(np.where(labels, p, 1 - p))))


def _refuse_few(labels: NDArray[np.bool_]) -> None:
    yes = int(labels.sum())
    no = len(labels) - yes
    if len(labels) < LEAST_ANSWERS or min(yes, no) < LEAST_OF_EACH:
        raise CalibrationError(f"{yes} answers are labelled yes and {no} no; at least "
                               f"{LEAST_ANSWERS} together and {LEAST_OF_EACH} of each are needed: "
                               "label more")


def _maximum(design: NDArray[np.float64], labels: NDArray[np.float64],
             prior: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (2,) of the greatest posterior: damped Newton on a concave function."""
    def loss(w: NDArray[np.float64]) -> float:
        score = design @ w
        away = w - prior
        return float(np.sum(np.logaddexp(0, score) - labels * score) + away @ precision @ away / 2)

    weights = prior.copy()
    value = loss(weights)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        gradient = design.T @ (p - labels) + precision @ (weights - prior)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + precision
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while loss(weights - size * step) > value and size > 1e-6:
            size /= 2
        weights = weights - size * step
        before, value = value, loss(weights)
        if abs(before - value) <= 1e-12 * (1 + abs(value)):
            break
    return weights


def _logit(p: float) -> float:
    p = min(max(p, _LEAST_P), 1 - _LEAST_P)
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))

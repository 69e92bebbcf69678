"""Labelled answers of a model, one JSON object a line, and the command that calibrates by them.

    {"template": "lying", "p_yes": 0.83, "label": true}
    {"template": "lying", "logit": -1.4, "label": false, "model": "smolvlm2-500m"}

`label` is the right answer to the text that was asked: for a negated text, that of the negation.
`p_yes` (or its `logit`) is what the model gave: `pass_p_model` of a SceneVerdict.
"""
from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smolvlm_ros.qa.calibration import (
    Calibration,
    CalibrationError,
    Calibrations,
    fit,
    log_loss,
)

_KEYS = {"template", "p_yes", "logit", "label", "model", "question", "stamp"}


@dataclass(frozen=True)
class LabelledAnswer:
    """One answer of a model and the right one.

    Attributes:
        template: which template the text was made of.
        p_yes: what the model gave, 0 to 1.
        label: True when yes was right.
        model: which model; empty when not known.
    """

    template: str
    p_yes: float
    label: bool
    model: str = ""


@dataclass(frozen=True)
class Fitted:
    """A template's calibration, and what it is good for on the answers it was fitted to.

    Attributes:
        log_loss_before, log_loss_after: see `calibration.log_loss`.
    """

    template: str
    calibration: Calibration
    log_loss_before: float
    log_loss_after: float


def read_answers(lines: Iterable[str], where: str) -> list[LabelledAnswer]:
    """The answers of a JSONL text; empty lines are skipped.

    Args:
        lines: of the file.
        where: its name, for errors.

    Raises:
        CalibrationError: naming file and line of the first one that is wrong.
    """
    answers = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answers.append(_answer(json.loads(line)))
        except (ValueError, OverflowError, RecursionError) as error:
            raise CalibrationError(f"{where}, line {number}: {error}") from error
    return answers


def calibrate(answers: Sequence[LabelledAnswer], model: str = ""
              ) -> tuple[Calibrations, list[Fitted]]:
    """Fit every template that the answers name.

    Args:
        answers: of one model.
        model: its name; empty for the one that the answers name.

    Raises:
        CalibrationError: no answers, answers of two models, or a template that cannot be fitted.
    """
    if not answers:
        raise CalibrationError("there are no answers; give lines of template, p_yes and label")
    models = sorted({a.model for a in answers if a.model} | ({model} if model else set()))
    if len(models) > 1:
        raise CalibrationError(f"the answers are of the models {' and '.join(models)}; a "
                               "calibration belongs to one: make a file for each")
    fitted = []
    for template in sorted({a.template for a in answers}):
        mine = [a for a in answers if a.template == template]
        p = np.array([a.p_yes for a in mine])
        labels = np.array([a.label for a in mine])
        try:
            found = fit(p, labels)
        except CalibrationError as error:
            raise CalibrationError(f"template {template!r}: {error}") from error
        after = np.array([found.apply(value) for value in p])
        fitted.append(Fitted(template, found, log_loss(p, labels), log_loss(after, labels)))
    return (Calibrations(models[0] if models else "", {f.template: f.calibration for f in fitted}),
            fitted)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `smolvlm_ros calibrate`."""
    parser.add_argument("answers", type=Path, help="labelled answers, JSON lines of template, "
                        "p_yes (or logit) and label")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="YAML for scene_qa's parameter `calibration` (default: print it)")
    parser.add_argument("--model", default="", metavar="NAME",
                        help="the model that answered, when the answers do not say")


def run(options: argparse.Namespace) -> int:
    """Fit, tell and write; 2 when the answers cannot be used."""
    try:
        text = options.answers.read_text(encoding="utf-8")
        # Not splitlines: a text in JSON may hold other line separators.
        made, fitted = calibrate(read_answers(text.split("\n"), str(options.answers)),
                                 options.model)
        if options.output is not None:
            options.output.write_text(made.to_yaml(), encoding="utf-8")
    except (OSError, UnicodeDecodeError, CalibrationError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 2
    if options.output is None:
        print(made.to_yaml(), end="")
        return 0
    width = max(len(f.template) for f in fitted)
    for f in fitted:
        print(f"{f.template:{width}}  {f.calibration.answers} answers, temperature "
              f"{f.calibration.temperature:.3f}, offset {f.calibration.offset:+.3f}, log loss "
              f"{f.log_loss_before:.4f} to {f.log_loss_after:.4f}")
    print(f"written: {options.output}")
    return 0


def _answer(entry: Any) -> LabelledAnswer:
    if not isinstance(entry, dict):
        raise CalibrationError(f"{entry!r} is no JSON object")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise CalibrationError(f"unknown key {unknown[0]!r}, known are {', '.join(sorted(_KEYS))}")
    template, model = entry.get("template"), entry.get("model", "")
    if not isinstance(template, str) or not template or not isinstance(model, str):
        raise CalibrationError("template and model must be names")
    if not isinstance(entry.get("label"), bool):
        raise CalibrationError(f"label = {entry.get('label')!r}, expected true or false")
    if ("p_yes" in entry) == ("logit" in entry):
        raise CalibrationError("give either p_yes or logit")
    value = entry.get("p_yes", entry.get("logit"))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CalibrationError(f"{value!r} is no finite number")
    if "logit" in entry:
        value = 1 / (1 + math.exp(-max(-700.0, min(700.0, value))))
    if not 0 <= value <= 1:
        raise CalibrationError(f"p_yes = {value} is not between 0 and 1")
    return LabelledAnswer(template, float(value), entry["label"], model)

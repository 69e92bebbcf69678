"""Temperature and offset: fitted to known synthetic answers, written, read, applied, refused."""
from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.cli import main
from smolvlm_ros.qa.calibration import (
    Calibration,
    CalibrationError,
    Calibrations,
    fit,
    log_loss,
    read_calibrations,
)
from smolvlm_ros.qa.labelled import LabelledAnswer, calibrate, read_answers


def answers(count: int, temperature: float, offset: float, seed: int = 0
            ) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that would be calibrated by just these two numbers."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 3, count)
    p_true = 1 / (1 + np.exp(-(logit / temperature + offset)))
    return 1 / (1 + np.exp(-logit)), rng.random(count) < p_true


@pytest.mark.parametrize(("temperature", "offset"), [
    (1.0, 0.0), (2.5, 0.0), (0.5, 0.0), (1.5, -1.2), (0.8, 0.9)])
def test_the_fit_finds_what_the_answers_were_made_with(temperature: float, offset: float) -> None:
    p, labels = answers(20_000, temperature, offset)
    found = fit(p, labels)
    assert found.temperature == pytest.approx(temperature, rel=0.06)
    assert found.offset == pytest.approx(offset, abs=0.08)
    assert found.answers == len(p)
    # On other answers of the same model it is worth as much as the true one.
    other, its_labels = answers(20_000, temperature, offset, seed=1)
    after = np.array([found.apply(v) for v in other])
    truth = np.array([Calibration(temperature, offset).apply(v) for v in other])
    assert log_loss(after, its_labels) < log_loss(other, its_labels) + 1e-3
    assert log_loss(after, its_labels) == pytest.approx(log_loss(truth, its_labels), abs=1e-3)


def test_a_liking_for_yes_is_taken_out() -> None:
    # The model gives 0.8 where it should give 0.5: half of these are no.
    p = np.array([0.8] * 100 + [0.99] * 50 + [0.3] * 50)
    labels = np.array([True, False] * 50 + [True] * 50 + [False] * 50)
    found = fit(p, labels)
    assert found.offset < -0.5
    assert found.apply(0.8) == pytest.approx(0.5, abs=0.1)


def test_answers_without_a_fault_give_finite_numbers() -> None:
    p = np.array([1.0] * 40 + [0.0] * 40)
    found = fit(p, p > 0.5)
    assert 0.05 <= found.temperature < 1.01 and abs(found.offset) < 0.1


@pytest.mark.parametrize(("p", "labels", "text"), [
    ([0.9, 0.1] * 10, [True, False] * 10, "10 answers are labelled yes and 10 no"),
    ([0.9] * 60, [True] * 60, "60 answers are labelled yes and 0 no"),
    ([0.9] * 60, [True] * 55 + [False] * 5, "8 of each are needed: label more"),
    ([0.9] * 40, [True] * 39, "40 probabilities and 39 labels"),
    ([math.nan] * 40, [True, False] * 20, "not between 0 and 1"),
    ([1.5] * 40, [True, False] * 20, "not between 0 and 1"),
    ([0.9, 0.1] * 400, [False, True] * 400, "do not follow the labels"),
])
def test_answers_that_teach_nothing_are_refused(p: list, labels: list, text: str) -> None:
    with pytest.raises(CalibrationError, match=text):
        fit(np.array(p), np.array(labels))


@given(st.floats(0.05, 20), st.floats(-20, 20), st.floats(0, 1), st.floats(0, 1))
def test_a_calibrated_value_is_a_probability_and_keeps_the_order(
        temperature: float, offset: float, p: float, q: float) -> None:
    calibration = Calibration(temperature, offset)
    low, high = sorted((p, q))
    assert 0 <= calibration.apply(low) <= calibration.apply(high) <= 1
    assert Calibration().apply(p) == p


def test_what_is_no_probability_stays_what_it_is() -> None:
    assert math.isnan(Calibration(2.0).apply(math.nan)) and Calibration(2.0).apply(1.5) == 1.5
    assert Calibration(2.0).apply(0.9) == pytest.approx(0.75)
    assert 0 < Calibration(2.0).apply(0.0) < 0.01


# Files -----------------------------------------------------------------------------------------

def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = Calibrations("tiny", {"lying": Calibration(1.25, -0.5, 80), "any": Calibration(0.8)})
    (tmp_path / "c.yaml").write_text(made.to_yaml())
    assert read_calibrations(str(tmp_path / "c.yaml")) == made == read_calibrations(made.to_yaml())
    assert made.of("lying").temperature == 1.25 and made.of("other") == Calibration()
    assert read_calibrations("  ") == Calibrations()
    made.check(["any", "lying", "third"])
    with pytest.raises(CalibrationError, match="'any'; those of this node are: lying"):
        made.check(["lying"])


@pytest.mark.parametrize(("text", "match"), [
    ("/nowhere/c.yaml", "/nowhere/c.yaml cannot be read"),
    ("a: [\n", "cannot be read as YAML"),
    ("lying: {temperature: 1, offset: 0}", "mapping 'calibration'"),
    ("calibration: {lying: {temperature: 0, offset: 0}}", "'lying': temperature = 0.0, expected"),
    ("calibration: {lying: {temperature: .nan, offset: 0}}", "temperature = nan"),
    ("calibration: {lying: {temperature: 1, offset: 99}}", "offset = 99.0, expected -20 to 20"),
    ("calibration: {lying: {temperature: 1}}", "expected temperature and offset"),
    ("calibration: {lying: {temperature: 1, offset: 0, bias: 1}}", "expected temperature and"),
    ("calibration: {lying: {temperature: true, offset: 0}}", "temperature = True, expected a num"),
    ("calibration: {lying: {temperature: 1, offset: 0, answers: .inf}}", "answers = inf"),
    ("calibration: {lying: {temperature: 1, offset: 0, answers: -1}}", "answers = -1"),
    ("calibration: {lying: {temperature: 1" + "0" * 400 + ", offset: 0}}",
     "'lying': int too large"),
    ("model: 3\ncalibration: {}\n", "model = 3"),
])
def test_a_wrong_file_is_refused(text: str, match: str) -> None:
    with pytest.raises(CalibrationError, match=match):
        read_calibrations(text)


@pytest.mark.parametrize(("line", "match"), [
    ("{", "line 2: "), ("[1]", "is no JSON object"),
    ('{"template": "a", "p_yes": 0.5}', "label = None"),
    ('{"template": "a", "p_yes": 0.5, "label": "false"}', "label = 'false', expected true or f"),
    ('{"template": "a", "p_yes": 1.5, "label": true}', "p_yes = 1.5 is not between"),
    ('{"template": "a", "p_yes": NaN, "label": true}', "no finite number"),
    ('{"template": "a", "p_yes": "0.5", "label": true}', "'0.5' is no finite number"),
    ('{"template": "a", "logit": 1' + "0" * 400 + ', "label": true}', "int too large"),
    ('{"template": "a", "p_yes": 0.5, "logit": 0, "label": true}', "either p_yes or logit"),
    ('{"template": "a", "label": true}', "either p_yes or logit"),
    ('{"template": "", "p_yes": 0.5, "label": true}', "must be names"),
    ('{"template": "a", "p_yes": 0.5, "label": true, "truth": 1}', "unknown key 'truth'"),
])
def test_a_wrong_line_is_named(line: str, match: str) -> None:
    with pytest.raises(CalibrationError, match=match) as error:
        read_answers(['{"template": "a", "logit": -1e9, "label": false}', line], "a.jsonl")
    assert "a.jsonl, line 2" in str(error.value)


def test_answers_of_two_models_are_not_mixed() -> None:
    p, labels = answers(40, 1.0, 0.0)
    mixed = [LabelledAnswer("a", v, bool(y), f"m{n % 2}")
             for n, (v, y) in enumerate(zip(p, labels, strict=True))]
    with pytest.raises(CalibrationError, match="m0 and m1"):
        calibrate(mixed)


# The command -----------------------------------------------------------------------------------

def test_the_command_writes_what_the_node_reads(tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for template, temperature in (("lying", 2.0), ("presence", 0.5)):
        p, labels = answers(4000, temperature, 0.0)
        lines += [json.dumps({"template": template, "p_yes": v, "label": bool(y), "model": "tiny"})
                  for v, y in zip(p.tolist(), labels, strict=True)]
    source, made = tmp_path / "answers.jsonl", tmp_path / "calibration.yaml"
    lines[0] = json.dumps({**json.loads(lines[0]), "question": "a\u2028b"}, ensure_ascii=False)
    source.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    assert main(["calibrate", str(source), "--output", str(made)]) == 0
    said = capsys.readouterr().out
    assert "lying" in said and "4000 answers" in said and str(made) in said
    read = read_calibrations(str(made))
    assert read.model == "tiny"
    assert read.of("lying").temperature == pytest.approx(2.0, rel=0.1)
    assert read.of("presence").temperature == pytest.approx(0.5, rel=0.1)
    assert main(["calibrate", str(source)]) == 0
    assert read_calibrations(capsys.readouterr().out) == read


def test_the_command_refuses_with_the_reason(tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "answers.jsonl"
    assert main(["calibrate", str(source)]) == 2
    source.write_text('{"template": "a", "p_yes": 0.5, "label": true}\n' * 9)
    made = tmp_path / "calibration.yaml"
    assert main(["calibrate", str(source), "--output", str(made)]) == 2
    assert "template 'a': 9 answers are labelled yes and 0 no" in capsys.readouterr().err
    assert not made.exists()

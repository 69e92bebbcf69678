"""The commands `export` and `audit`."""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from depth_checkpoints import formula_onnx

from smolvlm_ros.models import CHECKPOINTS, commands

NC = {"licence": "CC-BY-NC-4.0", "commercial": False, "source": "somewhere/Base"}


def parsed(add: Callable[[argparse.ArgumentParser], None], *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(words)


def audit(*words: str) -> int:
    return commands.run_audit(parsed(commands.add_audit_arguments, *words))


def test_audit_without_arguments_lists_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit() == 0
    out = capsys.readouterr().out
    assert all(known.name in out for known in CHECKPOINTS) and "NON-COMMERCIAL" in out


def test_audit_fails_on_a_noncommercial_one(tmp_path: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    good = str(formula_onnx(tmp_path / "good.onnx"))
    bad = str(formula_onnx(tmp_path / "bad.onnx", NC))
    assert audit(good) == 0
    assert audit(good, bad) == 1
    assert audit("depth-anything-v2-metric-outdoor-large") == 1
    capsys.readouterr()
    assert audit("--json", good, bad) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [r["commercial"] for r in rows] == [True, False]
    assert rows[1]["source"] == "somewhere/Base"


def test_audit_of_a_parameter_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    bad = formula_onnx(tmp_path / "bad.onnx", NC)
    params = tmp_path / "robot.yaml"
    params.write_text("/**/depth:\n  ros__parameters:\n    model_indoor: " + str(bad)
                      + "\n    model_outdoor: ''\n    scene: indoor\n"
                      "scene_qa:\n  ros__parameters:\n    model: smolvlm2-256m\n"
                      "other:\n  ros__parameters:\n    engine.model: auto\n    model: none\n")
    assert audit("--params-file", str(params)) == 1
    out = capsys.readouterr().out
    assert "smolvlm2-256m" in out and "NON-COMMERCIAL" in out
    params.write_text("a: [")
    assert audit("--params-file", str(params)) == 2


def test_unknown_licence_fails_only_when_strict(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    path = str(formula_onnx(tmp_path / "x.onnx", entries={}))
    assert audit(path) == 0 and audit("--strict", path) == 1


def test_audit_of_nothing_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("never-heard-of") == 2
    assert "never-heard-of" in capsys.readouterr().err


def test_export_writes_and_reports(checkpoint_folder: Path, tmp_path: Path,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="the export needs onnx")
    target = tmp_path / "a.onnx"
    args = parsed(commands.add_export_arguments, "depth", str(checkpoint_folder), str(target),
                  "--size", "70x98")
    assert commands.run_export(args) == 0 and target.is_file()
    captured = capsys.readouterr()
    assert "indoor, range 20 m" in captured.out and "comparing with torch" in captured.err
    assert audit(str(target)) == 0 and audit(str(checkpoint_folder)) == 0


def test_export_failure_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = parsed(commands.add_export_arguments, "depth", str(tmp_path), str(tmp_path / "a.onnx"))
    assert commands.run_export(args) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("export: ")


@pytest.mark.parametrize("size", ["518", "x", "ax14", "-14x14"])
def test_wrong_size_is_a_usage_error(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(commands.add_export_arguments, "depth", "a", "b", f"--size={size}")
    assert "HEIGHTxWIDTH" in capsys.readouterr().err

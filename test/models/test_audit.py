"""What `audit` finds of files, of the hub's cache, and of what scene_qa takes by itself."""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from depth_checkpoints import formula_onnx
from test_weights_licence import VLM, folder_with

from smolvlm_ros.detection import DetectorConfig
from smolvlm_ros.models import commands
from smolvlm_ros.models.audit import AuditRow, audit
from smolvlm_ros.models.checkpoint import sha256
from smolvlm_ros.models.configured import AUTO, models_in_parameters
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.registry import DEFAULT_DETECTOR, named

constants = pytest.importorskip("huggingface_hub.constants",
                                reason="huggingface_hub is not installed")
NC = "cc-by-nc-4.0"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.add_audit_arguments(parser)
    return commands.run_audit(parser.parse_args(words))


def only(item: str) -> AuditRow:
    (row,) = audit(item)
    return row


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache folder of the hub's client."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put(hub_cache: Path, hub_id: str, commit: str, licence: str = "",
        listed: Sequence[str] = ()) -> Path:
    """A checkpoint in the cache, as the newest one of its hub id; `listed` is what its repository
    has, as the client notes it."""
    repository = hub_cache / ("models--" + hub_id.replace("/", "--"))
    (repository / "snapshots").mkdir(parents=True, exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    if listed:
        (repository / "trees").mkdir()
        (repository / "trees" / f"{commit}.json").write_text(json.dumps({
            "format_version": 1, "files": {name: {"size": 1, "blob_id": "0"} for name in listed}}))
    return folder_with(repository / "snapshots" / commit, VLM, licence)


@pytest.mark.parametrize(("entries", "licence", "use"), [
    ({"license": "CC-BY-NC-4.0"}, "CC-BY-NC-4.0", "NON-COMMERCIAL"),
    ({"license": "AGPL-3.0"}, "AGPL-3.0", "COPYLEFT"),
    ({"license": "GNU Affero General Public License v3"}, "AGPL-3.0", "COPYLEFT"),
    ({"licence": "for research only"}, "for research only", "NON-COMMERCIAL")])
def test_another_exporter_s_file_that_configure_refuses_fails(
        entries: dict[str, str], licence: str, use: str, tmp_path: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    path = str(formula_onnx(tmp_path / "theirs.onnx", entries=entries))
    row = only(path)
    assert (row.licence, row.commercial) == (licence, False)
    assert run(path) == commands.REFUSED and use in capsys.readouterr().out


def test_an_exported_file_under_the_agpl_fails(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    path = str(formula_onnx(tmp_path / "ours.onnx", {"licence": "AGPL-3.0", "commercial": True}))
    assert only(path).name.startswith("depth") and run(path) == commands.REFUSED


def test_an_exported_file_has_a_hash_of_its_own_where_it_names_none(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    path = formula_onnx(tmp_path / "ours.onnx")
    assert only(str(path)).sha256 == sha256(path) and run("--strict", str(path)) == 0


def test_each_file_of_a_folder_of_exported_ones_is_looked_at(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX files are read with it")
    formula_onnx(tmp_path / "a.onnx")
    (tmp_path / ".b-x1y2.onnx").write_bytes(b"an export under way")
    parameters = tmp_path / "params.yaml"
    parameters.write_text(f"depth: {{ros__parameters: {{model_indoor: {tmp_path}}}}}")
    assert run("--strict", "--params-file", str(parameters)) == 0
    closed = formula_onnx(tmp_path / "b.onnx", {"licence": NC, "commercial": False})
    rows = audit(str(tmp_path))
    assert [(row.item, row.licence) for row in rows] == [
        (str(tmp_path / "a.onnx"), "Apache-2.0"), (str(closed), NC)]
    assert run("--params-file", str(parameters)) == commands.REFUSED
    assert "NON-COMMERCIAL" in capsys.readouterr().out


def test_a_folder_whose_card_says_agpl_fails(tmp_path: Path) -> None:
    assert run(str(folder_with(tmp_path / "mine", VLM, "agpl-3.0"))) == commands.REFUSED


def test_a_name_of_the_registry_is_looked_at_in_the_cache(hub_cache: Path) -> None:
    known = named("smolvlm2-500m")
    assert known is not None
    row = only(known.name)
    assert (row.name, row.sha256) == ("smolvlm2-500m, not on this machine", "")
    assert run(known.name) == 0 and run("--strict", known.name) == commands.REFUSED
    folder = put(hub_cache, known.hub_id, known.revision)
    for item in (known.name, known.hub_id):
        row = only(item)
        assert (row.name, row.licence, row.commercial) == (known.name, "Apache-2.0", True)
        assert row.sha256 == sha256(folder / "model.safetensors")
        assert row.source == f"{known.hub_id}@{known.revision}"
    assert run("--strict", known.name) == 0


def test_another_commit_of_it_is_what_its_card_says(hub_cache: Path) -> None:
    known = named("smolvlm2-500m")
    assert known is not None
    put(hub_cache, known.hub_id, "ab" * 20, NC)
    assert "not on this machine" in only(known.name).name
    row = only(f"{known.name}@{'ab' * 20}")
    assert (row.licence, row.commercial) == (NC, False)
    row = only(f"{known.name}@{'cd' * 20}")
    assert (row.name, row.commercial) == ("smolvlm2-500m, not on this machine", None)


def test_weights_that_are_not_the_registry_s_are_an_error(hub_cache: Path) -> None:
    known = named("d-fine-n")
    assert known is not None and known.weights_sha256
    put(hub_cache, known.hub_id, known.revision)
    with pytest.raises(CheckpointError, match="tampered"):
        audit(known.name)


def test_a_hub_id_is_looked_at_in_the_cache(hub_cache: Path) -> None:
    row = only("me/vlm")
    assert (row.name, row.licence, row.commercial) == ("me/vlm, not on this machine", "unknown",
                                                       None)
    assert run("me/vlm") == 0 and run("--strict", "me/vlm") == commands.REFUSED
    folder = put(hub_cache, "me/vlm", "ab" * 20, NC)
    row = only("me/vlm")
    assert (row.name, row.licence, row.commercial) == ("me/vlm", NC, False)
    assert row.sha256 == sha256(folder / "model.safetensors")
    assert row.source == f"me/vlm@{'ab' * 20}"
    for path in ("exports/depth.onnx", "./depth", "a/b/c"):
        with pytest.raises(CheckpointError, match="no file, no folder, no hub id"):
            audit(path)


def test_what_was_downloaded_without_its_licence_text_is_found(hub_cache: Path) -> None:
    folder = put(hub_cache, "me/vlm", "ab" * 20, NC,
                 ["config.json", "model.safetensors", "README.md", "LICENSE", "onnx/config.json"])
    assert (only("me/vlm").licence, run("me/vlm")) == (NC, commands.REFUSED)
    (folder / "model.safetensors").unlink()
    assert "not on this machine" in only("me/vlm").name


def test_a_name_of_the_registry_is_no_folder_of_that_name(
        hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(tmp_path / "d-fine-n", {"model_type": "d_fine"}, NC)
    monkeypatch.chdir(tmp_path)
    assert only("d-fine-n").name == "d-fine-n, not on this machine"
    assert only("./d-fine-n").licence == NC


def test_a_damaged_one_does_not_hide_what_auto_takes_instead(hub_cache: Path) -> None:
    for name in ("smolvlm2-256m", "smolvlm2-500m"):
        known = named(name)
        assert known is not None
        folder = put(hub_cache, known.hub_id, known.revision)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert [(row.name, bool(row.sha256)) for row in audit(AUTO)] == [
        ("smolvlm2-256m", True), ("smolvlm2-500m, damaged", False)]
    assert run(AUTO) == 0 and run("--strict", AUTO) == commands.REFUSED


def test_auto_is_all_that_scene_qa_may_take(hub_cache: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    row = only(AUTO)
    assert (row.name, row.commercial) == ("no SmolVLM2 on this machine", None)
    assert run(AUTO) == 0 and run("--strict", AUTO) == commands.REFUSED
    for name in ("smolvlm2-256m", "smolvlm2-2.2b"):
        known = named(name)
        assert known is not None
        put(hub_cache, known.hub_id, known.revision)
    assert [row.name for row in audit(AUTO)] == ["smolvlm2-256m", "smolvlm2-2.2b"]
    assert all(row.sha256 for row in audit(AUTO)) and run("--strict", AUTO) == 0


@pytest.mark.parametrize(("text", "found"), [
    ("/**/scene_qa: {ros__parameters: {engine: {device: cuda}}}", [AUTO]),
    ("robot: {scene_qa: {ros__parameters: {timeout_s: 3.0}}}", [AUTO]),
    ("scene_qa: {ros__parameters: {engine: {model: none}}}", []),
    ("scene_qa: {ros__parameters: {engine.model: server}}", []),
    ("scene_qa: {ros__parameters: {engine.model: auto}}", [AUTO]),
    ("depth: {ros__parameters: {model_indoor: a.onnx}}", ["a.onnx"]),
    ("scene_qa: {ros__parameters: {engine: {model: me/vlm, revision: ab12}}}", ["me/vlm@ab12"]),
    ("scene_qa: {ros__parameters: {engine.model: me/vlm, engine.revision: ab12}}",
     ["me/vlm@ab12"]),
    ("scene_qa: {ros__parameters: {engine: {model: auto, revision: ab12}}}", ["auto@ab12"]),
    ("scene_qa: {ros__parameters: {}}", [AUTO]),
    ("scene_qa: {ros__parameters: {escalation: {model: theirs}, engine.model: none}}", []),
    # The detector's default is used where the kind is onnx and nothing else.
    ("/**/detector: {ros__parameters: {kind: onnx}}", ["d-fine-n"]),
    ("/**/gate: {ros__parameters: {gate_detector: {kind: onnx}}}", ["d-fine-n"]),
    ("/**/gate: {ros__parameters: {gate_detector.kind: onnx}}", ["d-fine-n"]),
    ("/**/gate: {ros__parameters: {gate_detector.kind: onnx, gate_detector: {model: a.onnx}}}",
     ["a.onnx"]),
    ("/**/detector: {ros__parameters: {kind: onnx, model: a.onnx}}", ["a.onnx"]),
    ("/**/detector: {ros__parameters: {kind: hog}}", [])])
def test_the_model_in_use_is_found_in_a_parameter_file(text: str, found: list[str],
                                                       tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert models_in_parameters(path) == found


def test_the_detector_s_default_is_the_declared_one() -> None:
    assert DetectorConfig(kind="onnx").model == DEFAULT_DETECTOR
    assert named(DEFAULT_DETECTOR) is not None


def test_a_revision_says_nothing_of_a_folder_or_of_auto(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", VLM, NC)
    assert only(f"{folder}@ab12").licence == NC
    assert only("auto@ab12").name == "no SmolVLM2 on this machine"

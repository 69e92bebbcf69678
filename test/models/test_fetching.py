"""`smolvlm_ros fetch`: safe files only, checked, hashes written down; without a network."""
from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_audit import put

from smolvlm_ros.cli import main
from smolvlm_ros.models import fetching
from smolvlm_ros.models.checkpoint import sha256
from smolvlm_ros.models.errors import CheckpointError, LicenceError
from smolvlm_ros.models.fetch import FILES, local_folder
from smolvlm_ros.models.fetching import fetch, record_path
from smolvlm_ros.models.registry import named

hub = pytest.importorskip("huggingface_hub", reason="the extra fetch is not installed")
errors = pytest.importorskip("huggingface_hub.errors")
constants = pytest.importorskip("huggingface_hub.constants")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A hub with one checkpoint in it; what it was asked for."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "smolvlm"}')
    _weights(folder / "model.safetensors", 1.0)
    asked: dict[str, Any] = {"folder": folder}

    def download(hub_id: str, **options: Any) -> str:
        asked.update(options, hub_id=hub_id)
        return str(folder)
    monkeypatch.setattr(hub, "snapshot_download", download)
    return asked


def _weights(path: Path, value: float) -> None:
    data = np.full(4, value, np.float32).tobytes()
    header = json.dumps({"w": {"dtype": "F32", "shape": [4],
                               "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def test_what_is_fetched_is_noted_with_its_hashes(fetched: dict[str, Any],
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "smolvlm2-256m", "--revision", "v1"]) == 0
    assert fetched["hub_id"] == "HuggingFaceTB/SmolVLM2-256M-Video-Instruct"
    assert fetched["revision"] == "v1"
    patterns = fetched["allow_patterns"]
    assert "*.safetensors" in patterns
    assert not any(p.endswith((".bin", ".pt", ".py", ".pkl")) or p == "*" for p in patterns)
    noted = json.loads(record_path().read_text())[f"{fetched['hub_id']}@{COMMIT}"]
    digest = sha256(fetched["folder"] / "model.safetensors")
    assert noted["files"]["model.safetensors"] == digest and noted["licence"] == "unknown"
    said = capsys.readouterr().out
    assert digest in said and COMMIT in said and str(fetched["folder"]) in said


def test_other_files_under_the_same_commit_are_refused(fetched: dict[str, Any]) -> None:
    fetch("owner/name")
    fetch("owner/name")  # the same again is fine
    _weights(fetched["folder"] / "model.safetensors", 2.0)
    with pytest.raises(CheckpointError, match="model.safetensors is not what was fetched before"):
        fetch("owner/name")


def test_the_registry_s_commit_is_fetched_and_its_weights_are_checked(
        fetched: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    known = named("d-fine-n")
    assert known is not None
    folder = fetched["folder"].rename(fetched["folder"].with_name(known.revision))
    monkeypatch.setattr(hub, "snapshot_download",
                        lambda hub_id, **options: fetched.update(options) or str(folder))
    with pytest.raises(CheckpointError, match=f"that of d-fine-n is {known.weights_sha256}"):
        fetch("d-fine-n")
    assert fetched["revision"] == known.revision and not record_path().exists()
    with pytest.raises(CheckpointError, match="SHA-256 is"):  # used by name, without fetch
        local_folder("d-fine-n")
    assert fetched["allow_patterns"] == list(FILES)
    mine = dataclasses.replace(known, weights_sha256=sha256(folder / "model.safetensors"))
    monkeypatch.setattr(fetching, "named", lambda source: mine)
    made = fetch("d-fine-n")[1]
    assert (made.commit, made.licence) == (known.revision, "Apache-2.0")


def test_the_card_of_another_commit_than_the_registry_s_is_read(fetched: dict[str, Any]) -> None:
    (fetched["folder"] / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    with pytest.raises(LicenceError, match="is licensed cc-by-nc-4.0"):
        fetch("smolvlm2-256m", "main")
    assert not record_path().exists()
    assert fetch("smolvlm2-256m", "main", allow_noncommercial=True)[1].licence == "cc-by-nc-4.0"


@pytest.mark.parametrize("licence", ["agpl-3.0", "mit"])
def test_the_licence_of_another_commit_is_its_card_s(fetched: dict[str, Any], licence: str) -> None:
    (fetched["folder"] / "README.md").write_text(f"---\nlicense: {licence}\n---\n")
    assert fetch("smolvlm2-256m", "main")[1].licence == licence


def test_a_name_of_the_registry_means_the_registry(
        fetched: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smolvlm2-256m").mkdir()
    monkeypatch.chdir(tmp_path)
    assert local_folder("smolvlm2-256m") == fetched["folder"]
    assert local_folder("./smolvlm2-256m") == Path("smolvlm2-256m")


@pytest.mark.parametrize("revision", ["", COMMIT])
def test_without_a_network_a_copy_without_its_licence_text_will_do(
        revision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = put(tmp_path / "hub", "owner/name", COMMIT, "mit",
                 ["config.json", "model.safetensors", "README.md", "LICENSE"])
    assert local_folder("owner/name", revision) == folder
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot be downloaded"):
        local_folder("owner/name", revision)


def test_a_commit_that_is_gone_is_said_with_what_to_do(fetched: dict[str, Any],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> str:
        kind = errors.RevisionNotFoundError
        raise kind.__new__(kind)  # what it is made of differs between the client's versions
    monkeypatch.setattr(hub, "snapshot_download", gone)
    with pytest.raises(CheckpointError, match="has no commit 0677.* give --revision main"):
        fetch("smolvlm2-256m")


def test_damaged_weights_are_refused_and_not_noted(fetched: dict[str, Any]) -> None:
    weights = fetched["folder"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(CheckpointError):
        fetch("owner/name")
    assert not record_path().exists()


@pytest.mark.parametrize(("name", "text"), [
    ("world-vlm", "comes with the package"), ("nonsense", "no hub id"), ("./here", "no hub id"),
    ("depth-anything-v2-metric-indoor-base", "CC-BY-NC-4.0: no commercial use")])
def test_what_cannot_or_may_not_be_fetched_says_why(
        fetched: dict[str, Any], name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", name]) == 2
    assert text in capsys.readouterr().err and "hub_id" not in fetched


def test_one_that_fails_does_not_keep_the_next_from_coming(
        fetched: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "--allow-noncommercial", "nonsense",
                 "depth-anything-v2-metric-indoor-base"]) == 2
    assert "licence CC-BY-NC-4.0" in capsys.readouterr().out


def test_no_network_is_said_with_what_to_do(fetched: dict[str, Any],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise OSError("no route to host\nand more")
    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match=r"OSError: no route to host\); check the name"):
        fetch("owner/name")


def test_a_record_that_is_none_is_not_overwritten(fetched: dict[str, Any]) -> None:
    record_path().parent.mkdir(parents=True)
    for text in ("{", "[1]"):
        record_path().write_text(text)
        with pytest.raises(CheckpointError, match="mend or delete it"):
            fetch("owner/name")
        assert record_path().read_text() == text

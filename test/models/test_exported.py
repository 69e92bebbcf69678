"""Checkpoints exported on first use: once, whole, keyed by what they are made from."""
from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from smolvlm_ros.models import embedded, exported
from smolvlm_ros.models.errors import CheckpointError, ModelError
from smolvlm_ros.models.exported import is_checkpoint
from smolvlm_ros.models.registry import WORLD_KEY, Task, named

SAFETENSORS = (2).to_bytes(8, "little") + b"{}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(exported.importlib.util, "find_spec", lambda name: name)
    return tmp_path / "cache/smolvlm_ros/onnx"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of exports, which write a file instead."""
    made: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        made.append(command)
        Path(command[6]).write_text("onnx")
        return subprocess.CompletedProcess(command, 0, "", "")
    monkeypatch.setattr(exported.subprocess, "run", run)
    return made


def checkpoint(folder: Path, model_type: str = "depth_anything", **entries: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, **entries}))
    (folder / "model.safetensors").write_bytes(SAFETENSORS)
    return folder


def test_the_second_time_it_is_there(tmp_path: Path, cache: Path, runs: list[list[str]]) -> None:
    folder = checkpoint(tmp_path / "mine")
    path = exported.exported(Task.DEPTH, str(folder), (252, 336))
    assert path.parent == cache and path.name.startswith("mine_252x336_cpu_")
    assert exported.exported(Task.DEPTH, str(folder), (252, 336)) == path
    assert len(runs) == 1 and runs[0][4:] == ["depth", str(folder), str(path), "--provider", "cpu",
                                              "--size", "252x336"]
    # The CPU's own file is for no other provider; these share one.
    others = [exported.exported(Task.DEPTH, str(folder), (252, 336), provider=provider)
              for provider in ("cuda", "tensorrt")]
    assert path != others[0] == others[1] and len(runs) == 2 and "--provider" not in runs[1]


def test_other_weights_or_sizes_are_other_files(tmp_path: Path, runs: list[list[str]]) -> None:
    folder = checkpoint(tmp_path / "mine")
    seen = {exported.exported(Task.DEPTH, str(folder)),
            exported.exported(Task.DEPTH, str(folder), (140, 182))}
    (folder / "config.json").write_text('{"model_type": "depth_anything", "max_depth": 80}')
    seen.add(exported.exported(Task.DEPTH, str(folder)))
    (folder / "model.safetensors").write_bytes((3).to_bytes(8, "little") + b"{ }")
    seen.add(exported.exported(Task.DEPTH, str(folder)))
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")  # the file says it
    seen.add(exported.exported(Task.DEPTH, str(folder)))
    assert len(seen) == len(runs) == 5
    # A copy elsewhere with the same content need not be exported again.
    copy = shutil.copytree(folder, tmp_path / "copies/mine")
    assert exported.exported(Task.DEPTH, str(copy)) in seen and len(runs) == 5


def test_two_nodes_at_once_export_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       runs: list[list[str]]) -> None:
    folder, begun, quick = checkpoint(tmp_path / "mine"), threading.Event(), exported.subprocess.run

    def slow(command: list[str], **options: Any) -> Any:
        begun.set()
        threading.Event().wait(0.3)
        return quick(command, **options)
    monkeypatch.setattr(exported.subprocess, "run", slow)
    found: list[Path] = []
    threads = [threading.Thread(
        target=lambda: found.append(exported.exported(Task.DEPTH, str(folder)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 3 and len(runs) == 1


def test_the_embedded_ones_by_name_and_at_their_own_size(
        tmp_path: Path, runs: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "CHECKPOINTS_FOLDER", tmp_path)
    folder = checkpoint(tmp_path / "depth-indoor", max_depth=20, **{WORLD_KEY: True})
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 140, "width": 182}}')
    exported.exported(Task.DEPTH, "world-depth-indoor")
    assert runs[0][5] == str(folder) and runs[0][-1] == "140x182"
    (folder / "preprocessor_config.json").write_text('{"size": {"shortest_edge": 140}}')
    with pytest.raises(CheckpointError, match="shortest_edge"):
        exported.exported(Task.DEPTH, "world-depth-indoor")


def test_a_hub_name_is_given_to_the_export_as_it_is(runs: list[list[str]]) -> None:
    name = "depth-anything-v2-metric-indoor-small"
    path = exported.exported(Task.DEPTH, name)
    assert runs[0][4:] == ["depth", name, str(path), "--provider", "cpu"]
    assert path.name.startswith(name)
    exported.exported(Task.DEPTH, name, allow_noncommercial=True)
    assert len(runs) == 1


def test_other_weights_of_the_registry_are_another_file(runs: list[list[str]],
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    known = named("d-fine-n")
    assert known is not None
    path = exported.exported(Task.DETECTION, known.name)
    others = dataclasses.replace(known, weights_sha256="0" * 64)
    monkeypatch.setattr(exported, "named", lambda name: others)
    assert exported.exported(Task.DETECTION, known.name) != path and len(runs) == 2


def test_a_checkpoint_for_something_else_is_refused() -> None:
    with pytest.raises(CheckpointError, match="is for vlm, not for depth"):
        exported.exported(Task.DEPTH, "smolvlm2-256m")


def test_a_failure_says_the_last_words_and_leaves_no_file(
        tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoint(tmp_path / "mine")
    monkeypatch.setattr(exported.subprocess, "run", lambda command, **_: (
        subprocess.CompletedProcess(command, 2, "", "a bar\nexport: no such tensor\n\n")))
    with pytest.raises(ModelError, match="export: no such tensor"):
        exported.exported(Task.DEPTH, str(folder))
    assert list(cache.glob("*.onnx")) == []

    def late(command: list[str], **_: Any) -> Any:
        raise subprocess.TimeoutExpired(command, 900)
    monkeypatch.setattr(exported.subprocess, "run", late)
    with pytest.raises(ModelError, match="longer than 900 s"):
        exported.exported(Task.DEPTH, str(folder))


def test_without_torch_what_to_install_is_named(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported.importlib.util, "find_spec",
                        lambda name: None if name == "torch" else name)
    with pytest.raises(ModelError, match='needs torch; .*install "numpy<2" torch .*onnx .*; or'):
        exported.exported(Task.DEPTH, str(checkpoint(tmp_path / "mine")))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(closed))
    with pytest.raises(ModelError, match="XDG_CACHE_HOME"):
        exported.exported(Task.DEPTH, str(checkpoint(tmp_path / "mine")))


def test_what_can_be_exported(tmp_path: Path) -> None:
    assert is_checkpoint("world-detector") and is_checkpoint("ustc-community/dfine-nano-coco")
    assert is_checkpoint(str(checkpoint(tmp_path / "mine")))
    for other in ("", "never-heard-of", str(tmp_path), "model.onnx"):
        assert not is_checkpoint(other)

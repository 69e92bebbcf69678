"""Checkpoint folders: what is refused before anything is loaded."""
from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest

from smolvlm_ros.models.checkpoint import (
    check_safetensors,
    open_checkpoint,
    read_json,
    refuse_pickle,
    sha256,
)
from smolvlm_ros.models.errors import CheckpointError

hypothesis = pytest.importorskip("hypothesis", reason="the parsers are fuzzed with it")
st = hypothesis.strategies


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


GOOD = {"__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "BF16", "shape": [5], "data_offsets": [24, 34]}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"model_type": "depth_anything"}')
    (tmp_path / "model.safetensors").write_bytes(safetensors(GOOD, bytes(34)))
    return tmp_path


def test_whole_folder(folder: Path) -> None:
    checkpoint = open_checkpoint(folder, "depth_anything")
    assert checkpoint.parameters == 11 and checkpoint.model_type == "depth_anything"
    assert checkpoint.sha256() == sha256(folder / "model.safetensors")


def test_other_architecture(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="'depth_anything', expected 'd_fine'"):
        open_checkpoint(folder, "d_fine")


@pytest.mark.parametrize("cut", [0, 4, 8, 60, -1])
def test_truncated(folder: Path, cut: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CheckpointError, match="model.safetensors.*(truncated|header)"):
        open_checkpoint(folder)


@pytest.mark.parametrize(("header", "text"), [
    ([], "list instead of an object"),
    (b"{nonsense", "damaged"),
    ({"a": {"dtype": "F32", "shape": [2]}}, "damaged"),                                # no offsets
    ({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, "unknown type"),
    ({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, "shape"),
    ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "8 bytes has offsets"),
    ({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
      "b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}, "overlap"),
])
def test_damaged_header(tmp_path: Path, header: Any, text: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors(header, bytes(4)))
    with pytest.raises(CheckpointError, match=text):
        check_safetensors(path)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=100).map(safetensors),
    st.dictionaries(st.text(max_size=3), st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["dtype", "shape", "data_offsets", "F32"]), inner, max_size=3),
        max_leaves=6), max_size=3).map(safetensors)))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory,
                                       content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.safetensors"
    path.write_bytes(content)
    try:
        assert check_safetensors(path) >= 0
    except CheckpointError as error:
        assert "fuzz.safetensors" in str(error)


def test_pickles_are_refused_by_content_and_by_name(folder: Path) -> None:
    disguised = folder / "model.safetensors"
    disguised.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match="is a pickle"):
        open_checkpoint(folder)
    disguised.unlink()
    (folder / "pytorch_model.bin").write_bytes(bytes(10))
    with pytest.raises(CheckpointError, match="only as pickles.*pytorch_model.bin"):
        open_checkpoint(folder)
    with pytest.raises(CheckpointError, match="is a pickle"):
        refuse_pickle(folder / "pytorch_model.bin")


def test_git_lfs_pointer_is_told_apart(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match="git lfs pull"):
        open_checkpoint(folder)


def test_missing_parts(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a folder"):
        open_checkpoint(tmp_path / "nowhere")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no model.safetensors"):
        open_checkpoint(folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match="config.json cannot be read"):
        open_checkpoint(folder)


@pytest.mark.parametrize(("content", "text"), [
    ("{", "not valid JSON"), ("[1]", "holds a list"), ("\xff", "not valid JSON"),
    ("[" * 100_000, "not valid JSON")])
def test_damaged_json(tmp_path: Path, content: str, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=text):
        read_json(path)


def test_shards(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-1-of-2.safetensors")
    index = folder / "model.safetensors.index.json"
    names = {"a": "model-1-of-2.safetensors", "c": "model-2-of-2.safetensors"}
    index.write_text(json.dumps({"weight_map": names}))
    with pytest.raises(CheckpointError, match="model-2-of-2.safetensors cannot be read"):
        open_checkpoint(folder)
    header = {"c": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}}
    (folder / "model-2-of-2.safetensors").write_bytes(safetensors(header, bytes(3)))
    checkpoint = open_checkpoint(folder)
    assert checkpoint.parameters == 14 and len(checkpoint.sha256()) == 64
    # An index cannot reach outside its folder.
    index.write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    with pytest.raises(CheckpointError, match="outside"):
        open_checkpoint(folder)

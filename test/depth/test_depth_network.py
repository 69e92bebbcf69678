"""Choosing, opening and checking a network's file."""
from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth_checkpoints import SIZE, description, formula_onnx

from smolvlm_ros.accelerator import network as accelerator_network
from smolvlm_ros.depth import DepthConfig, DepthError, make_estimator
from smolvlm_ros.depth.network import find_file, open_network
from smolvlm_ros.models.depth_metadata import KEY
from smolvlm_ros.models.errors import CheckpointError, LicenceError, MemoryFloorError, ProviderError

pytest.importorskip("onnxruntime", reason="networks run on it")


def config(path: Path | str, **changes: Any) -> DepthConfig:
    return DepthConfig(**{"model_indoor": str(path), "num_threads": 1, **changes})


def test_opens_and_says_what_it_is(tmp_path: Path) -> None:
    network = open_network(config(formula_onnx(tmp_path / "a.onnx")))
    assert network.provider == "cpu" and network.metadata.variant == "indoor"
    assert "of the exported model" in network.self_check and network.notes == ()
    assert network.run(np.zeros((1, 3, *SIZE), np.float32)).shape == SIZE
    network.close()
    network.close()
    with pytest.raises(ProviderError, match="closed"):
        network.run(np.zeros((1, 3, *SIZE), np.float32))


def broken_file(kind: str, folder: Path) -> Path:
    path = folder / "model.onnx"
    if kind == "truncated":
        whole = formula_onnx(path).read_bytes()
        path.write_bytes(whole[:len(whole) * 2 // 3])
    elif kind == "pickled":
        path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    elif kind == "torch zip":
        path.write_bytes(b"PK\x03\x04" + bytes(100))
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "git lfs":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    elif kind == "no description":
        formula_onnx(path, entries={})
    elif kind == "other architecture":
        formula_onnx(path, channels=4)
    elif kind == "relative":
        made = dict([description().to_entry()])
        value = {**json.loads(made[KEY]), "depth_estimation_type": "relative"}
        formula_onnx(path, entries={KEY: json.dumps(value)})
    return path


@pytest.mark.parametrize(("kind", "text"), [
    ("missing", "does not exist"),
    ("truncated", "truncated"),
    ("pickled", "pickle"),
    ("torch zip", "pickle"),
    ("empty", "truncated"),
    ("git lfs", "git lfs pull"),
    ("no description", "smolvlm_ros export"),
    ("other architecture", r"\(1, 4, 70, 98\)"),
    ("relative", "relative"),
])
def test_broken_files_are_refused_by_name_and_the_next_try_works(kind: str, text: str,
                                                                 tmp_path: Path) -> None:
    with pytest.raises(DepthError, match=text) as caught:
        make_estimator(config(broken_file(kind, tmp_path)))
    assert "model" in str(caught.value)
    make_estimator(config(formula_onnx(tmp_path / "good.onnx"))).close()


@pytest.mark.parametrize(("name", "size", "command"), [
    ("any.onnx", {}, "export depth CHECKPOINT"),
    ("depth_indoor_252x336.onnx", {}, "export depth --size 252x336 CHECKPOINT"),
    # What is asked for counts, not the name.
    ("a_252x336.onnx", {"input_height": 140, "input_width": 196},
     "export depth --size 140x196 CHECKPOINT")])
def test_a_missing_file_s_command_has_its_size(name: str, size: dict[str, int], command: str,
                                               tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"does not exist; .*'smolvlm_ros {command} FILE"):
        open_network(config(tmp_path / name, **size))


def test_no_file_set_names_the_setting_and_the_way_without() -> None:
    with pytest.raises(DepthError, match="model_outdoor is not set.*ground_plane"):
        make_estimator(DepthConfig(scene="outdoor"))


def test_variant_that_contradicts_the_scene_is_refused(tmp_path: Path) -> None:
    outdoor = formula_onnx(tmp_path / "o.onnx", {"variant": "outdoor", "max_depth_m": 80.0})
    with pytest.raises(CheckpointError, match="outdoor variant with a range of 80 m"):
        open_network(config(outdoor))


def test_size_that_contradicts_the_settings_is_refused(tmp_path: Path) -> None:
    path = formula_onnx(tmp_path / "a.onnx")
    with pytest.raises(CheckpointError, match="70x98.*140x196"):
        open_network(config(path, input_height=140, input_width=196))


def test_noncommercial_needs_the_switch_and_is_said_at_every_start(tmp_path: Path) -> None:
    path = formula_onnx(tmp_path / "b.onnx", {
        "licence": "CC-BY-NC-4.0", "commercial": False, "source": "Base"})
    with pytest.raises(LicenceError, match="CC-BY-NC-4.0.*allow_noncommercial"):
        open_network(config(path))
    for _ in range(2):
        network = open_network(config(path, allow_noncommercial=True))
        assert any("no commercial use" in note for note in network.notes)


def test_the_agpl_is_refused_whatever_is_allowed(tmp_path: Path) -> None:
    path = formula_onnx(tmp_path / "b.onnx", {"licence": "AGPL-3.0", "commercial": True})
    with pytest.raises(LicenceError, match=r"AGPL-3.0.*Use a Small variant \(Apache-2.0\)$"):
        open_network(config(path, allow_noncommercial=True))


def test_unknown_licence_is_said(tmp_path: Path) -> None:
    network = open_network(config(formula_onnx(tmp_path / "c.onnx", {"licence": "unknown"})))
    assert any("licence" in note for note in network.notes)


def test_folder_is_searched_for_scene_and_size(tmp_path: Path) -> None:
    formula_onnx(tmp_path / "indoor.onnx")
    formula_onnx(tmp_path / "large.onnx", {"height": 140, "width": 196})
    formula_onnx(tmp_path / "outdoor.onnx", {"variant": "outdoor", "max_depth_m": 80.0})
    formula_onnx(tmp_path / "detector.onnx", entries={})
    (tmp_path / ".indoor-x1y2.onnx").write_bytes(b"an export that was killed")
    assert find_file(config(tmp_path, input_height=140, input_width=196)).name == "large.onnx"
    outdoor = config(tmp_path, model_outdoor=str(tmp_path), scene="outdoor")
    assert find_file(outdoor).name == "outdoor.onnx"
    with pytest.raises(CheckpointError, match=r"several.*indoor.onnx, large.onnx"):
        find_file(config(tmp_path))
    with pytest.raises(CheckpointError, match="no indoor model of 518x686"):
        find_file(config(tmp_path, input_height=518, input_width=686))


def test_folder_without_models(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no indoor model among its 0 .onnx files"):
        find_file(config(tmp_path))


def test_export_that_computes_otherwise_here_is_refused(tmp_path: Path) -> None:
    path = formula_onnx(tmp_path / "drift.onnx", {"canary": (3.0,) * 64})
    with pytest.raises(ProviderError, match="self-check.*differs from its export"):
        open_network(config(path))


def test_missing_provider_is_refused_or_replaced_loudly(tmp_path: Path) -> None:
    import onnxruntime
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has TensorRT")
    path = formula_onnx(tmp_path / "a.onnx")
    with pytest.raises(ProviderError, match="built without TensorrtExecutionProvider"):
        open_network(config(path, provider="tensorrt"))
    network = open_network(config(path, provider="tensorrt", provider_fallback=True))
    assert network.provider == "cpu"
    assert any("on the CPU instead of tensorrt" in note for note in network.notes)


class WrongAccelerator:
    """A session that claims to be TensorRT and computes 5 % too much, as JetPack 6.2's did."""

    factor = 1.05
    backend = "onnxruntime"

    def __init__(self, path: Path, options: Any = None) -> None:
        from smolvlm_ros.models.onnx_session import OnnxSession, SessionOptions
        self._real = OnnxSession(path, SessionOptions(num_threads=1))
        self._wrong = options is not None and options.provider == "tensorrt"
        self.provider = "tensorrt" if self._wrong else "cpu"
        self.path, self.metadata = self._real.path, self._real.metadata
        self.inputs, self.outputs = self._real.inputs, self._real.outputs

    def run(self, feeds: Any) -> list[Any]:
        return [o * (self.factor if self._wrong else 1.0) for o in self._real.run(feeds)]

    def close(self) -> None:
        self._real.close()


def test_accelerator_that_computes_wrong_is_refused_or_replaced_loudly(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator_network, "OnnxSession", WrongAccelerator)
    path = formula_onnx(tmp_path / "a.onnx")
    with pytest.raises(ProviderError, match="self-check: tensorrt differs from the CPU"):
        open_network(config(path, provider="tensorrt"))
    network = open_network(config(path, provider="tensorrt", provider_fallback=True))
    assert network.provider == "cpu" and any("self-check: tensorrt" in n for n in network.notes)
    # Half precision's rounding passes.
    monkeypatch.setattr(WrongAccelerator, "factor", 1.001)
    network = open_network(config(path, provider="tensorrt"))
    assert network.provider == "tensorrt" and "of the CPU" in network.self_check
    # Values above the range or NaN are refused before any comparison.
    monkeypatch.setattr(WrongAccelerator, "factor", float("nan"))
    with pytest.raises(ProviderError, match="or NaN"):
        open_network(config(path, provider="tensorrt"))


def test_memory_floor_comes_before_loading(tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    free = [20.0]
    monkeypatch.setattr("smolvlm_ros.models.memory.available_mib", lambda *_: free[0])
    path = formula_onnx(tmp_path / "a.onnx",
                        {"height": 518, "width": 686, "parameters": 24_800_000})
    with pytest.raises(MemoryFloorError, match="a.onnx needs 115 MiB, only 20 MiB.*int8"):
        open_network(config(path))
    free[0] = 200.0  # the weights fit, the pixels do not
    with pytest.raises(MemoryFloorError, match="a.onnx needs 242 MiB.*smaller input size"):
        open_network(config(path))
    free[0] = 500.0
    open_network(config(path)).close()


def test_a_checkpoint_is_exported_on_first_use(checkpoint_folder: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="the export writes with onnx")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = config(checkpoint_folder, input_height=SIZE[0], input_width=SIZE[1])
    estimator = make_estimator(asked)
    assert estimator.info.source == checkpoint_folder.name
    estimator.close()
    made = list((tmp_path / "smolvlm_ros/onnx").glob("*.onnx"))
    assert len(made) == 1 and find_file(asked) == made[0]

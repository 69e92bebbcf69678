"""The back-end torch: the same depth as ONNX Runtime's, from the checkpoint as it is."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth_checkpoints import SIZE, formula_onnx, textured

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import DepthConfig, DepthError, make_estimator, network
from smolvlm_ros.settings import SettingError

IMAGE = textured(140, 196)
CAMERA = CameraModel.from_fov(196, 140, 60.0)


def config(model: Path | str, **changes: Any) -> DepthConfig:
    return DepthConfig(**{"model_indoor": str(model), "backend": "torch", "num_threads": 1,
                          "input_height": SIZE[0], "input_width": SIZE[1], **changes})


def test_the_same_depth_as_onnx_runtime(checkpoint_folder: Path, indoor_onnx: Path) -> None:
    ours = make_estimator(config(checkpoint_folder))
    other = make_estimator(config(indoor_onnx, backend="onnxruntime"))
    assert (ours.info.backend, ours.info.provider, ours.info.precision) == ("torch", "cpu", "fp32")
    assert other.info.backend == "onnxruntime"
    same = ("estimator", "variant", "max_depth_m", "source", "source_sha256", "licence",
            "input_height", "input_width")
    assert [getattr(ours.info, n) for n in same] == [getattr(other.info, n) for n in same]
    found, wanted = (e.estimate(IMAGE, CAMERA, 0.0) for e in (ours, other))
    assert np.std(wanted.depth_m) > 0.05  # a flat output would agree with anything
    assert np.abs(found.depth_m - wanted.depth_m).max() / 20.0 < 1e-3
    assert found.focal_scale == wanted.focal_scale and found.model_ms > 0
    ours.close()
    ours.close()
    with pytest.raises(DepthError, match="closed"):
        ours.estimate(IMAGE, CAMERA, 0.0)


def test_a_name_of_the_registry_is_no_file_of_that_name(tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    name = "depth-anything-v2-metric-indoor-small"
    (tmp_path / name).write_bytes(b"any")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(network, "local_folder", lambda source: Path("hub") / source)
    assert network.find_file(config(name)) == Path("hub") / name


def test_what_is_no_checkpoint_of_that_variant_is_refused_and_the_next_try_works(
        checkpoint_folder: Path, detector_like: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the back-end")
    refused = [
        (config(formula_onnx(tmp_path / "a.onnx")), "is a file, and backend 'torch'"),
        (config(tmp_path / "nowhere"), "does not exist"),
        (config(""), "model_indoor is not set"),
        (config(detector_like), "'d_fine', expected 'depth_anything'"),
        (config(checkpoint_folder, model_outdoor=str(checkpoint_folder), scene="outdoor"),
         "indoor variant with a range of 20 m"),
        (config(checkpoint_folder, provider="cuda"), "provider 'cuda' was asked for"),
    ]
    import torch
    for settings, words in refused[:-1] if torch.cuda.is_available() else refused:
        with pytest.raises(DepthError, match=words):
            make_estimator(settings)
    fallen = make_estimator(config(checkpoint_folder, provider="cuda", provider_fallback=True))
    assert fallen.info.provider == "cpu" or torch.cuda.is_available()
    assert fallen.estimate(IMAGE, None, 0.0).depth_m.shape == IMAGE.shape[:2]


def test_a_device_that_is_full_is_refused_or_replaced_loudly(
        checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="the back-end")
    move = torch.nn.Module.to

    def to(module: Any, device: str) -> Any:
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 96 MiB")
        return move(module, device)
    monkeypatch.setattr(torch.nn.Module, "to", to)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(DepthError, match="failed on torch, cuda .CUDA out of memory"):
        make_estimator(config(checkpoint_folder, provider="cuda"))
    fallen = make_estimator(config(checkpoint_folder, provider="cuda", provider_fallback=True))
    assert fallen.info.provider == "cpu"
    assert any("out of memory" in note for note in fallen.info.notes)


@pytest.fixture
def detector_like(tmp_path: Path) -> Path:
    """A folder that says it is another architecture."""
    folder = tmp_path / "detector"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "d_fine"}')
    return folder


def test_tensorrt_is_for_the_other_backend() -> None:
    with pytest.raises(SettingError, match="provider = 'tensorrt' needs backend = 'onnxruntime'"):
        config("any", provider="tensorrt")


def test_without_torch_what_to_install_is_named(checkpoint_folder: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(DepthError, match='needs torch and transformers.*install "numpy<2" torch'):
        make_estimator(config(checkpoint_folder))

"""Sessions run on the provider asked for, or not at all."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from depth_checkpoints import SIZE, formula_onnx

from smolvlm_ros.models import onnx_session
from smolvlm_ros.models.errors import ProviderError
from smolvlm_ros.models.onnx_session import (
    OnnxSession,
    SessionOptions,
    available_providers,
    compare_outputs,
)

pytest.importorskip("onnxruntime", reason="sessions are its")


def test_runs_and_tells_shapes(tmp_path: Path) -> None:
    session = OnnxSession(formula_onnx(tmp_path / "a.onnx"), SessionOptions(num_threads=1))
    assert session.inputs == {"pixel_values": (1, 3, *SIZE)}
    assert session.outputs == {"predicted_depth": (1, *SIZE)}
    out = session.run({"pixel_values": np.zeros((1, 3, *SIZE), np.float32)})
    np.testing.assert_allclose(out[0], 10.0)


def test_failure_while_running_is_told_with_the_file(tmp_path: Path) -> None:
    session = OnnxSession(formula_onnx(tmp_path / "a.onnx"))
    with pytest.raises(ProviderError, match="a.onnx failed on cpu"):
        session.run({"pixel_values": np.zeros((1, 3, 7, 7), np.float32)})


def test_unknown_provider(tmp_path: Path) -> None:
    assert "cpu" in available_providers()
    with pytest.raises(ProviderError, match="'npu'.*cpu, cuda, tensorrt"):
        OnnxSession(formula_onnx(tmp_path / "a.onnx"), SessionOptions("npu"))


def test_silent_fall_back_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What onnxruntime-gpu does on a machine without a GPU: CUDA is listed, the CPU is taken.
    import onnxruntime
    real = onnxruntime.InferenceSession

    def session(path: str, sess_options: object, providers: object) -> object:
        return real(path, sess_options=sess_options, providers=["CPUExecutionProvider"])

    pretending = SimpleNamespace(
        __version__="1.0", SessionOptions=onnxruntime.SessionOptions, InferenceSession=session,
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(onnx_session, "_onnxruntime", lambda: pretending)
    path = formula_onnx(tmp_path / "a.onnx")
    with pytest.raises(ProviderError, match="'cuda' was asked for.*took CPUExecutionProvider"):
        OnnxSession(path, SessionOptions("cuda"))
    assert OnnxSession(path, SessionOptions("cpu")).provider == "cpu"


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """An onnxruntime that says it has TensorRT; what sessions give it as its options."""
    import onnxruntime
    given: list[dict[str, str]] = []

    def session(path: str, sess_options: object, providers: list[tuple[str, dict[str, str]]]
                ) -> object:
        given.extend(options for name, options in providers if name.startswith("Tensorrt"))
        real = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        monkeypatch.setattr(real, "get_providers", lambda: [name for name, _ in providers])
        return real

    monkeypatch.setattr(onnx_session, "_onnxruntime", lambda: SimpleNamespace(
        __version__="1.0", SessionOptions=onnxruntime.SessionOptions, InferenceSession=session,
        GraphOptimizationLevel=onnxruntime.GraphOptimizationLevel,
        get_available_providers=lambda: ["TensorrtExecutionProvider", "CPUExecutionProvider"]))
    return given


def test_tensorrt_gets_a_cache_of_the_file_s_own_and_half_precision(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tensorrt: list[dict[str, str]]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = formula_onnx(tmp_path / "a.onnx")
    first = OnnxSession(path, SessionOptions("tensorrt")).engines
    assert first is not None and first.is_dir()
    assert first.parent == tmp_path / "smolvlm_ros" / "tensorrt" and len(first.name) == 16
    assert tensorrt[0]["trt_fp16_enable"] == "True"
    assert tensorrt[0]["trt_engine_cache_path"] == str(first)
    # The same content elsewhere has the same engines, other content of that name has its own.
    (tmp_path / "b.onnx").write_bytes(path.read_bytes())
    assert OnnxSession(tmp_path / "b.onnx", SessionOptions("tensorrt")).engines == first
    path.write_bytes(path.read_bytes() + b"\xa2\x06\x00")   # an entry that nobody reads
    assert OnnxSession(path, SessionOptions("tensorrt")).engines != first
    # So has one whose weights lie beside it.
    (tmp_path / "b.onnx.data").write_bytes(b"weights")
    assert OnnxSession(tmp_path / "b.onnx", SessionOptions("tensorrt")).engines != first
    assert OnnxSession(path).engines is None


def test_a_cache_that_cannot_be_made_names_its_setting(
        tmp_path: Path, tensorrt: list[dict[str, str]]) -> None:
    (tmp_path / "file").write_text("in the way")
    options = SessionOptions("tensorrt", engine_cache=str(tmp_path / "file" / "engines"))
    with pytest.raises(ProviderError, match="cannot be made.*set engine_cache"):
        OnnxSession(formula_onnx(tmp_path / "a.onnx"), options)
    assert tensorrt == []


def test_comparison() -> None:
    wanted = np.full((4, 25), 10.0)
    got = wanted.copy()
    got[0, 0] += 2.0
    mean, p99 = compare_outputs(got, wanted, 20.0)
    assert mean == pytest.approx(0.001) and p99 < 0.1
    for bad in (got[:2], np.where(got > 11, np.nan, got)):
        assert compare_outputs(bad, wanted, 20.0) == (float("inf"), float("inf"))

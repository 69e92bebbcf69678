"""Device and number format of a SmolVLM2, decided before its memory is counted."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from smolvlm_ros.qa.engine import EngineConfig, EngineError
from smolvlm_ros.qa.placement import Placement, gpu_free_mib, place

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")


@pytest.fixture
def cuda(monkeypatch):
    """A GPU of 2 GiB, of which 1.5 are free; what of it a test may change."""
    gpu = SimpleNamespace(works=True, native=True, is_integrated=False)
    for name, answer in {
            "is_available": lambda: gpu.works, "current_device": lambda: 0,
            "is_bf16_supported": lambda including_emulation: gpu.native,
            "get_device_properties": lambda device: gpu,
            "mem_get_info": lambda device: (3 << 29, 2 << 30)}.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    return gpu


@pytest.mark.parametrize(("device", "dtype", "placed"), [
    ("auto", "auto", ("cuda", "bfloat16")), ("cuda", "auto", ("cuda", "bfloat16")),
    ("cpu", "auto", ("cpu", "float32")), ("auto", "float32", ("cuda", "float32")),
    ("auto", "int8", ("cpu", "int8")), ("cpu", "bfloat16", ("cpu", "bfloat16"))])
def test_where_cuda_works(cuda, device, dtype, placed) -> None:
    assert place(EngineConfig(device=device, dtype=dtype)) == Placement(*placed)


def test_half_precision_where_bfloat16_is_slow(cuda) -> None:
    cuda.native = False
    assert place(EngineConfig()) == Placement("cuda", "float16")


@pytest.mark.parametrize(("dtype", "placed"), [("auto", "float32"), ("bfloat16", "bfloat16")])
def test_where_cuda_does_not_work(cuda, dtype, placed) -> None:
    cuda.works = False
    assert place(EngineConfig(dtype=dtype)) == Placement("cpu", placed)
    with pytest.raises(EngineError, match="no CUDA device"):
        place(EngineConfig(device="cuda", dtype=dtype))


def test_only_a_gpu_with_memory_of_its_own_is_asked(cuda) -> None:
    assert gpu_free_mib() == 1536
    cuda.is_integrated = True
    assert gpu_free_mib() is None

"""Where a SmolVLM2 runs and in which number format, and whether it fits there."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.models.errors import MemoryFloorError
from smolvlm_ros.models.memory import check_floor, check_memory
from smolvlm_ros.qa.engine import EngineConfig, EngineError

# Peak memory of a process over that of its weights, MiB: libraries, activations, one prefix.
# Measured 440 to 515 with SmolVLM2-256M to 2.2B on a CPU. A GPU's memory holds no libraries; what
# its kernels and their workspaces take was not measured, and is taken to be no more.
_OVERHEAD_MIB = 515
_WEIGHT_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0,
                 "int8": 5.0}  # float32 while loading and INT8 made from it, side by side
_LIGHT = "bfloat16"
# No SmolVLM2 has less: that of the embedded world has 3.6 million. The floor and the reserve are
# not for such.
_SMALLEST_PARAMETERS = 100_000_000
_WITHOUT = "set engine.model to 'server' or 'none' (launch files: models:=none)"


@dataclass(frozen=True)
class Placement:
    """Where a model runs.

    Attributes:
        device: 'cpu' or 'cuda'.
        dtype: 'float32', 'bfloat16', 'float16' or 'int8'.
    """

    device: str
    dtype: str


def place(config: EngineConfig) -> Placement:
    """What 'auto' means here, for the device and for the number format.

    Raises:
        EngineError: CUDA was asked for and does not work.
    """
    if config.device == "cpu" or config.dtype == "int8":
        # bfloat16 is emulated, and slow, on CPUs without AVX512-BF16
        return Placement("cpu", "float32" if config.dtype == "auto" else config.dtype)
    import torch

    works = torch.cuda.is_available()
    if config.device == "cuda" and not works:
        raise EngineError("device = 'cuda', but torch sees no CUDA device; install a torch with "
                          "CUDA for this machine, or use device = 'auto' or 'cpu'")
    if not works:
        return place(config.changed(device="cpu"))
    if config.dtype != "auto":
        return Placement("cuda", config.dtype)
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return Placement("cuda", "bfloat16" if native else "float16")


def gpu_free_mib() -> float | None:
    """Free memory of the GPU that torch uses, MiB; None for one that shares the CPU's (Jetson)."""
    import torch

    device = torch.cuda.current_device()
    if getattr(torch.cuda.get_device_properties(device), "is_integrated", False):
        return None
    return torch.cuda.mem_get_info(device)[0] / 2**20


def memory_need_mib(parameters: int, dtype: str) -> float:
    """Expected peak memory of a process that runs a checkpoint, MiB, and of its GPU's own."""
    return parameters * _WEIGHT_BYTES[dtype] / 2**20 + _OVERHEAD_MIB


def require_machine(name: str) -> None:
    """Refuse a SmolVLM2 on a machine of less than 4 GB.

    Raises:
        MemoryFloorError: naming what to do without.
    """
    check_floor(name, _WITHOUT)


def require_room(parameters: int, name: str, config: EngineConfig, smaller: str = "") -> None:
    """Refuse a checkpoint that does not fit the machine's memory, or the GPU's.

    Weights come into the machine's memory first, for a GPU too.

    Args:
        parameters: number of them.
        name: of the checkpoint, for the error.
        config: where it is to run, in which format, and what is to stay free.
        smaller: the next smaller checkpoint, for the error; empty for none.

    Raises:
        MemoryFloorError: naming what is smaller, or what to do without.
        EngineError: CUDA was asked for and does not work.
    """
    if parameters < _SMALLEST_PARAMETERS:
        check_memory(memory_need_mib(parameters, "float32"), name)
        return
    require_machine(name)
    where = place(config)
    need = memory_need_mib(parameters, where.dtype)
    cure = _smaller(parameters, where.dtype, smaller)
    check_memory(need, name, cure, config.reserve_mib)
    free = gpu_free_mib() if where.device == "cuda" else None
    if free is not None and free < need:
        raise MemoryFloorError(f"{name} needs {need:.0f} MiB of the GPU's memory in {where.dtype}, "
                               f"only {free:.0f} MiB are free there; use {cure}, set "
                               "engine.device to 'cpu', or stop what else uses the GPU")


def _smaller(parameters: int, dtype: str, smaller: str) -> str:
    """What takes less memory, in words."""
    lighter = memory_need_mib(parameters, _LIGHT)
    choices = [smaller] if smaller else []
    if lighter < memory_need_mib(parameters, dtype):
        choices.append(f"engine.dtype {_LIGHT} ({lighter:.0f} MiB)")
    return " or ".join(choices) or "engine.model 'server' or 'none'"

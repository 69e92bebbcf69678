"""Where training computes in bfloat16: where the machine is faster with it."""
from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def fast_bfloat16(device: torch.device) -> bool:
    """True for CUDA and for CPUs with matrix instructions (AMX); others lose time with it."""
    if device.type == "cuda":
        return True
    try:
        return bool(torch.cpu._is_amx_tile_supported())  # no public name for it
    except AttributeError:
        return False


def mixed(device: torch.device) -> AbstractContextManager[object]:
    """Autocast to bfloat16 where that is fast, else plain float32.

    Weights, loss and optimizer stay float32 either way; leave the block before the loss.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device))

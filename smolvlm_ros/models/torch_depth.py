"""The part of a depth model's export that needs torch and transformers, imported on first use."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_model
from smolvlm_ros.models.checkpoint import Checkpoint

OUTPUTS = ("predicted_depth",)


def load(checkpoint: Checkpoint, purpose: str = "exporting") -> Any:
    """The model on the CPU in float32, ready to run; see `torch_model.load`."""
    return torch_model.load(checkpoint, "DepthAnythingForDepthEstimation", purpose)


def run(model: Any, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model's depth in metres, shape (height, width), for a (1, 3, height, width) tensor."""
    import torch
    with torch.inference_mode():
        return model(torch.from_numpy(tensor)).predicted_depth[0].numpy()  # type: ignore[no-any-return]


def write_onnx(model: Any, tensor: NDArray[np.float32], path: Path,
               fused: bool = False) -> None:
    """Trace the model with that input and write it, each attention as one operator when `fused`.

    See `torch_model.write_onnx`.
    """
    heads = int(model.config.backbone_config.num_attention_heads) if fused else 0
    torch_model.write_onnx(model, tensor, path, OUTPUTS, fused_heads=heads)

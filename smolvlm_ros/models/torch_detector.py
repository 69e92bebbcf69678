"""The part of a detector's export that needs torch and transformers, imported on first use."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_model
from smolvlm_ros.models.checkpoint import Checkpoint

OUTPUTS = ("logits", "pred_boxes")
_CLASSES = {"d_fine": "DFineForObjectDetection", "rt_detr": "RTDetrForObjectDetection",
            "rt_detr_v2": "RTDetrV2ForObjectDetection"}


def load(checkpoint: Checkpoint) -> Any:
    """The model on the CPU in float32, ready to run at any input size.

    Raises:
        CheckpointError: its weights do not fit the architecture.
        ModelError: torch or transformers is missing.
    """
    model = torch_model.load(checkpoint, _CLASSES[checkpoint.model_type])
    # Anchors and positions that were made for one size would be taken for every other.
    model.config.anchor_image_size = None
    for module in model.modules():
        if hasattr(module, "eval_size"):
            module.eval_size = None
    return model


def run(model: Any, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32],
                                                          NDArray[np.float32]]:
    """Logits (Q, C) and boxes (Q, 4) of a (1, 3, height, width) tensor."""
    import torch
    with torch.inference_mode():
        output = model(pixel_values=torch.from_numpy(tensor))
        return output.logits[0].numpy(), output.pred_boxes[0].numpy()


def write_onnx(model: Any, tensor: NDArray[np.float32], path: Path) -> None:
    """Trace the model with that input and write it, with the input's size fixed.

    The position embeddings are put in as numbers: their float64 cosines are not known to every
    ONNX Runtime (1.23.2 does not load them).
    """
    torch_model.write_onnx(model, tensor, path, OUTPUTS, _freeze_positions)


def _freeze_positions(model: Any, pixels: Any) -> None:
    """Have every sine position embedding answer with what it gives for that input."""
    found: dict[Any, Any] = {}

    def keep(module: Any, _: Any, output: Any) -> None:
        found[module] = output.float().clone()

    handles = [module.register_forward_hook(keep) for module in model.modules()
               if type(module).__name__.endswith("SinePositionEmbedding")]
    model(pixel_values=pixels)
    for handle in handles:
        handle.remove()
    for module, value in found.items():
        module.forward = lambda *_, value=value, **__: value

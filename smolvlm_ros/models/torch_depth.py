"""The part of the export that needs torch and transformers, which are imported on first use."""
from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.checkpoint import Checkpoint
from smolvlm_ros.models.errors import CheckpointError, ModelError

OPSET = 17


def load(checkpoint: Checkpoint, architecture: str = "DepthAnythingForDepthEstimation") -> Any:
    """The model on the CPU in float32, ready to run.

    Args:
        checkpoint: where its weights are.
        architecture: name of its class in transformers.

    Raises:
        CheckpointError: its weights do not fit the architecture.
        ModelError: torch or transformers is missing.
    """
    try:
        import torch  # noqa: F401
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise ModelError(f"exporting needs torch and transformers ({error}); "
                         "install the extra 'export'") from error
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    kind: Any = getattr(transformers, architecture)
    try:
        model, loading = kind.from_pretrained(
            checkpoint.folder, use_safetensors=True, local_files_only=True,
            output_loading_info=True)
    except Exception as error:  # shape mismatches are RuntimeErrors, bad configurations many kinds
        raise CheckpointError(f"{checkpoint.folder} cannot be loaded ({error}); "
                              "get the checkpoint again") from error
    wrong = sorted(str(k) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")
                   for k in loading.get(key) or ())
    if wrong:  # transformers would go on with random numbers in their place
        raise CheckpointError(f"{checkpoint.folder} does not fit its architecture: {len(wrong)} "
                              f"tensors are missing or not expected, first {wrong[0]}; "
                              "get the checkpoint again")
    return model.float().eval()


def run(model: Any, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model's depth in metres, shape (height, width), for a (1, 3, height, width) tensor."""
    import torch
    with torch.inference_mode():
        return model(torch.from_numpy(tensor)).predicted_depth[0].numpy()  # type: ignore[no-any-return]


def write_onnx(model: Any, tensor: NDArray[np.float32], path: Path) -> None:
    """Trace the model with that input and write it, with the input's size fixed."""
    import torch

    class DepthOnly(torch.nn.Module):
        """The model with one tensor as result."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> Any:
            """The predicted depth, shape (1, height, width)."""
            return self.model(pixel_values).predicted_depth

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracer notes about sizes, which are fixed on purpose
        torch.onnx.export(DepthOnly(), (torch.from_numpy(tensor),), str(path), dynamo=False,
                          opset_version=OPSET, input_names=["pixel_values"],
                          output_names=["predicted_depth"], do_constant_folding=True)

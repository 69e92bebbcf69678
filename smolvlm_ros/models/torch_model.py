"""What of an export needs torch and transformers, whatever the task; imported on first use."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.checkpoint import Checkpoint
from smolvlm_ros.models.errors import CheckpointError, ModelError
from smolvlm_ros.models.pip_packages import TORCH, install

OPSET = 17  # of the legacy exporter, which gave the fastest graphs of those measured
INPUT = "pixel_values"
_ATTENTION = "aten::scaled_dot_product_attention"


def load(checkpoint: Checkpoint, architecture: str, purpose: str = "exporting") -> Any:
    """The model on the CPU in float32, ready to run.

    Args:
        checkpoint: where its weights are.
        architecture: name of its class in transformers.
        purpose: what it is loaded for, in the text of an error.

    Raises:
        CheckpointError: its weights do not fit the architecture.
        ModelError: torch or transformers is missing.
    """
    try:
        import torch  # noqa: F401
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise ModelError(f"{purpose} needs torch and transformers ({error}); "
                         f"{install(TORCH)}") from error
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


def write_onnx(model: Any, tensor: NDArray[np.float32], path: Path, outputs: Sequence[str],
               prepare: Callable[[Any, Any], None] = lambda model, pixels: None,
               fused_heads: int = 0) -> None:
    """Trace a model with one input and write it, with the input's size fixed.

    Args:
        model: as `load` gives it.
        tensor: shape (1, 3, height, width).
        path: the file to write.
        outputs: what of the model's result is kept, in order; the names of the file's outputs.
        prepare: called with the model and the input as a tensor of torch before tracing.
        fused_heads: heads of every attention, to write each as one operator, which ONNX Runtime's
            CPU and CUDA providers have and TensorRT has not. At 1,814 tokens it takes less time,
            and no matrix of scores is kept. 0 writes plain operators.
    """
    import torch

    class Traced(torch.nn.Module):
        """The model with plain tensors as result."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> Any:
            """One tensor, or a tuple of several."""
            result = self.model(pixel_values=pixel_values)
            kept = tuple(getattr(result, name) for name in outputs)
            return kept if len(kept) > 1 else kept[0]

    pixels = torch.from_numpy(tensor)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracer notes about sizes, which are fixed on purpose
        prepare(model, pixels)
        if fused_heads:
            torch.onnx.register_custom_op_symbolic(_ATTENTION, partial(_fused, fused_heads), OPSET)
        try:
            torch.onnx.export(
                Traced(), (pixels,), str(path), dynamo=False, opset_version=OPSET,
                input_names=[INPUT], output_names=list(outputs), do_constant_folding=True,
                custom_opsets={"com.microsoft": 1} if fused_heads else None)
        finally:
            if fused_heads:
                torch.onnx.unregister_custom_op_symbolic(_ATTENTION, OPSET)


def _fused(heads: int, g: Any, query: Any, key: Any, value: Any, mask: Any = None,
           dropout: Any = None, causal: Any = None, scale: Any = None,
           grouped: Any = None) -> Any:
    """Attention over (1, heads, tokens, size) tensors, without a mask, as one operator."""
    from torch.onnx import symbolic_helper
    if mask is not None and not symbolic_helper._is_none(mask):
        raise ModelError("an attention with a mask cannot be fused; export it with precision fp32 "
                         "and without a provider")
    one_row = g.op("Constant", value_t=_shape(0, 0, -1))
    flat = [g.op("Reshape", g.op("Transpose", tensor, perm_i=[0, 2, 1, 3]), one_row)
            for tensor in (query, key, value)]
    options = {} if scale is None or symbolic_helper._is_none(scale) else {
        "scale_f": symbolic_helper._maybe_get_const(scale, "f")}
    result = g.op("com.microsoft::MultiHeadAttention", *flat, num_heads_i=heads, **options)
    by_head = g.op("Reshape", result, g.op("Constant", value_t=_shape(0, 0, heads, -1)))
    output = g.op("Transpose", by_head, perm_i=[0, 2, 1, 3])
    output.setType(query.type())  # torch does not know the operator's
    return output


def _shape(*extents: int) -> Any:
    import torch
    return torch.tensor(extents, dtype=torch.int64)

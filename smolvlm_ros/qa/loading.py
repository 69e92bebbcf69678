"""From a checked folder to a model in memory: device, number format, safe loading."""
from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.lora import merge
from smolvlm_ros.qa.checkpoint import Found
from smolvlm_ros.qa.engine import EngineConfig, EngineError
from smolvlm_ros.qa.placement import place


@dataclass(frozen=True)
class Loaded:
    """A model ready to run, with its tokenizer.

    Attributes:
        model: transformers' SmolVLMForConditionalGeneration, in evaluation mode.
        tokenizer: its fast tokenizer.
        device: 'cpu' or 'cuda'.
        dtype: 'float32', 'bfloat16', 'float16' or 'int8'.
    """

    model: Any
    tokenizer: Any
    device: str
    dtype: str


def load(found: Found, config: EngineConfig) -> Loaded:
    """Load the weights and the tokenizer; nothing is fetched and no code of the checkpoint runs.

    Raises:
        EngineError: CUDA was asked for and does not work, the weights do not fill the model, an
            adapter does not fit it, or the libraries refuse the folder.
    """
    import torch

    where = place(config)
    dtype = where.dtype
    if config.num_threads:
        torch.set_num_threads(config.num_threads)
    folder = str(found.checkpoint.folder)
    try:
        model, tokenizer, report = _read(folder, torch.float32 if dtype == "int8"
                                         else getattr(torch, dtype))
        _refuse_gaps(folder, report)
        merge(model, found.adapters)
        model = model.eval().requires_grad_(False)
        if dtype == "int8":
            _quantize(model)
        return Loaded(model.to(where.device), tokenizer, where.device, dtype)
    except CheckpointError as error:  # of an adapter: its text says all
        raise EngineError(str(error)) from error
    except (OSError, ValueError, RuntimeError, ImportError, AttributeError,
            MemoryError) as error:
        if isinstance(error, EngineError):
            raise
        raise EngineError(f"{folder} cannot be loaded ({type(error).__name__}: {error})") from error


def _read(folder: str, dtype: Any) -> tuple[Any, Any, dict[str, Any]]:
    from transformers import AutoModelForImageTextToText, AutoTokenizer
    from transformers.utils import logging

    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # a node's log is no terminal
    try:
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True,
            attn_implementation="sdpa", **safe)  # another may not read the mask of packed questions
    finally:
        if bars:
            logging.enable_progress_bar()
    model, report = loaded
    return model, AutoTokenizer.from_pretrained(folder, **safe), report


def _quantize(model: Any) -> None:
    """Weights of all linear layers to INT8, in place; activations are quantised as they come."""
    import torch

    with warnings.catch_warnings():
        # Announced for removal long ago, still the one INT8 path in torch itself.
        warnings.simplefilter("ignore")
        torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8, inplace=True)


def _refuse_gaps(folder: str, report: dict[str, Any]) -> None:
    """transformers fills what is missing with random numbers, and only logs it."""
    for what in ("missing_keys", "mismatched_keys"):
        names = sorted(str(name) for name in report.get(what, ()))
        if names:
            raise EngineError(f"{folder} has {len(names)} {what.replace('_', ' ')} (first: "
                              f"{names[0]}), which would be filled with random numbers; "
                              "get the checkpoint again")

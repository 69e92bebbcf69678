"""LoRA adapters as peft writes them, added to a model's weights when it is loaded.

A LoRA adapter holds two small matrices for each linear layer it changes (Hu et al. 2021, arXiv
2106.09685): `W + scale * B @ A`, with `scale = alpha / r`, or `alpha / sqrt(r)` for one that is
rank-stabilised (arXiv 2312.03732). Added once, it costs nothing per question and works with every
number format. Read here from the files of peft, so that neither peft nor accelerate is needed
on a robot; what this does not know is refused, and peft itself can merge it into a checkpoint.
"""
from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolvlm_ros.models.checkpoint import check_safetensors, read_json, refuse_pickle, sha256
from smolvlm_ros.models.errors import CheckpointError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLE = "adapter_model.bin"
_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])\.weight")
# What an entry of adapter_config.json may be without changing how the two matrices are added.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",), "bias": ("none",), "fan_in_fan_out": (False,), "lora_bias": (False,),
    "init_lora_weights": (True, False, "gaussian", "orthogonal")}
# Read below, or of no matter once the training is over.
_KNOWN = frozenset({
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "ensure_weight_tying",
    "exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "lora_alpha",
    "lora_dropout", "megatron_core", "peft_version", "qalora_group_size", "r", "rank_pattern",
    "revision", "target_modules", "task_type", "use_rslora"})
_MERGE = ("merge it into its checkpoint with peft (merge_and_unload, save_pretrained) and give "
          "that folder as the model")


@dataclass(frozen=True)
class Adapter:
    """An adapter whose files passed the checks; its tensors are not loaded yet.

    Attributes:
        folder: where it lies.
        base: the checkpoint it was made for, as it says; empty when it does not.
        alpha: scale before the division by the rank.
        alpha_of: other values by the end of a module's name, or a regular expression for it.
        stabilised: the scale is divided by the root of the rank.
    """

    folder: Path
    base: str
    alpha: float
    alpha_of: Mapping[str, float]
    stabilised: bool

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.folder.resolve().name

    def sha256(self) -> str:
        """Hash of its weights."""
        return sha256(self.folder / WEIGHTS)

    def scale(self, module: str, rank: int) -> float:
        """What `B @ A` is multiplied with for that module."""
        alpha = next((value for key, value in self.alpha_of.items()
                      if re.match(rf"(.*\.)?({key})$", module)), self.alpha)
        return alpha / (math.sqrt(rank) if self.stabilised else rank)


def is_adapter(folder: str | Path) -> bool:
    """True for a folder that peft wrote."""
    return (Path(folder).expanduser() / CONFIG).is_file()


def open_adapter(folder: str | Path) -> Adapter:
    """Check a folder of adapter_config.json and adapter_model.safetensors.

    Raises:
        CheckpointError: a file is missing, damaged or a pickle, or it is no plain LoRA adapter.
    """
    folder = Path(folder).expanduser()
    config = read_json(folder / CONFIG)
    if not (folder / WEIGHTS).exists() and (folder / _PICKLE).exists():
        refuse_pickle(folder / _PICKLE)
    check_safetensors(folder / WEIGHTS)
    for key, value in config.items():
        if not _plain(key, value):
            raise CheckpointError(f"{folder}: {key} = {value!r} is not of a plain LoRA adapter; "
                                  f"{_MERGE}")
    alpha_of = config.get("alpha_pattern") or {}
    try:
        alpha = _number(config["lora_alpha"])
        patterns = {str(key): _number(value) for key, value in alpha_of.items()}
        for key in patterns:
            re.compile(key)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, re.error) as error:
        raise CheckpointError(f"{folder / CONFIG} does not say its scale ({type(error).__name__}: "
                              f"{error}); get the adapter again") from error
    base = config.get("base_model_name_or_path")
    return Adapter(folder, base if isinstance(base, str) else "", alpha, patterns,
                   bool(config.get("use_rslora", False)))


def merge(model: Any, adapters: Sequence[Adapter]) -> None:
    """Add adapters to the weights of a model, one after the other, in place.

    Args:
        model: transformers' model, with weights in a floating-point format.
        adapters: of `open_adapter`.

    Raises:
        CheckpointError: an adapter is for another model, or changes what is no linear layer; the
            model is then of no use any more.
    """
    for adapter in adapters:
        _merge(model, adapter)


def _merge(model: Any, adapter: Adapter) -> None:
    import torch
    from safetensors.torch import load_file

    pairs: dict[str, dict[str, Any]] = {}
    for name, tensor in load_file(adapter.folder / WEIGHTS).items():
        match = _TENSOR.fullmatch(name)
        if match is None:
            raise CheckpointError(f"{adapter.folder}: {name} is no matrix of a plain LoRA adapter; "
                                  f"{_MERGE}")
        pairs.setdefault(match["module"], {})[match["part"]] = tensor
    if not pairs:
        raise CheckpointError(f"{adapter.folder} changes nothing; get the adapter again")
    modules = dict(model.named_modules())
    embeddings = model.get_input_embeddings()
    for name, pair in sorted(pairs.items()):
        layer = modules.get(name)
        if not isinstance(layer, torch.nn.Linear):
            kind = "not there" if layer is None else f"a {type(layer).__name__}"
            of = f" (it was made for {adapter.base})" if adapter.base else ""
            raise CheckpointError(f"{adapter.folder} changes {name}, which is {kind} in this model"
                                  f"{of}; give the model it was made for, or {_MERGE}")
        if layer.weight is embeddings.weight:
            raise CheckpointError(f"{adapter.folder} changes {name}, whose weights are those of "
                                  f"the embeddings too; {_MERGE}")
        first, second = pair.get("A"), pair.get("B")
        expected = tuple(layer.weight.shape)
        if first is None or second is None or first.ndim != 2 or second.ndim != 2 or (
                first.shape[0] != second.shape[1] or not first.shape[0]
                or (second.shape[0], first.shape[1]) != expected):
            shapes = [tuple(part.shape) for part in (first, second) if part is not None]
            raise CheckpointError(f"{adapter.folder}: {name} has matrices of {shapes} for weights "
                                  f"of {expected}; give the model it was made for")
        change = second.float() @ first.float() * adapter.scale(name, first.shape[0])
        layer.weight.data = (layer.weight.data.float() + change).to(layer.weight.dtype)


def _plain(key: str, value: Any) -> bool:
    return key in _KNOWN or value in _PLAIN.get(key, ()) or value in (None, False, {}, [])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)

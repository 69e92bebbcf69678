"""A Depth Anything network of small size, with weights to begin from."""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

from smolvlm_ros.models.depth_metadata import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PATCH,
    TRAINING_FOCAL,
)
from smolvlm_ros.models.registry import WORLD_KEY

_WIDTH = 192
_POSITION = 0.5  # amplitude of the position embeddings at the start


def fresh(max_depth_m: float, size: tuple[int, int], typical_m: float,
          training_focal: float) -> DepthAnythingForDepthEstimation:
    """A network with random weights that answers about `typical_m` everywhere.

    Args:
        max_depth_m: its range.
        size: (height, width) of its input, multiples of 14.
        typical_m: depth that it begins with.
        training_focal: focal length over image width of the camera it will be trained for.
    """
    backbone: dict[str, Any] = {
        "hidden_size": _WIDTH, "num_hidden_layers": 4, "num_attention_heads": 6,
        "patch_size": PATCH, "image_size": max(size), "out_indices": [1, 2, 3, 4],
        "reshape_hidden_states": False}
    values: dict[str, Any] = {
        "reassemble_hidden_size": _WIDTH, "reassemble_factors": [2, 1, 1, 0.5],
        "neck_hidden_sizes": [24, 48, 96, 96], "fusion_hidden_size": 24, "head_hidden_size": 16,
        "depth_estimation_type": "metric", "max_depth": round(max_depth_m),
        TRAINING_FOCAL: training_focal, WORLD_KEY: True}
    config = DepthAnythingConfig(backbone_config=Dinov2Config(**backbone), **values)
    model = DepthAnythingForDepthEstimation(config)
    _begin(model, typical_m / max_depth_m)
    return model


def depth_logits(model: DepthAnythingForDepthEstimation,
                 pixels: torch.Tensor) -> torch.Tensor:
    """What the network's last sigmoid gets, shape (N, height, width) float32.

    The range times its sigmoid is the depth. Losses near the range need it: there the sigmoid
    itself has no slope left.
    """
    caught: list[torch.Tensor] = []

    def catch(_: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        caught.append(arguments[0])

    handle = model.head.activation2.register_forward_pre_hook(catch)
    try:
        model(pixels)
    finally:
        handle.remove()
    return caught[0][:, 0].float()


def save(model: DepthAnythingForDepthEstimation, folder: Path, size: tuple[int, int]) -> None:
    """Write config.json, model.safetensors (float16) and preprocessor_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    model.float()
    (folder / "model.safetensors").chmod(0o644)  # it is written for its owner alone
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "DPTImageProcessor", "do_resize": True,
        "size": {"height": size[0], "width": size[1]}, "keep_aspect_ratio": False,
        "ensure_multiple_of": PATCH, "resample": 3, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_STD), "do_pad": False}, indent=2) + "\n")


def load(folder: Path) -> DepthAnythingForDepthEstimation:
    """A saved checkpoint, float32, to go on from."""
    model: DepthAnythingForDepthEstimation = DepthAnythingForDepthEstimation.from_pretrained(
        folder, use_safetensors=True, local_files_only=True)
    return model.float()


@torch.no_grad()
def _begin(model: Any, typical_share: float) -> None:
    """Weights that learn at once: the small ones of transformers are meant for pretraining."""
    for name, weight in model.named_parameters():
        if name.startswith("backbone"):
            continue
        if weight.ndim > 1:
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
    embeddings = model.backbone.embeddings
    torch.nn.init.trunc_normal_(embeddings.patch_embeddings.projection.weight, std=0.04)
    positions = embeddings.position_embeddings
    side = math.isqrt(positions.shape[1] - 1)
    positions[0, 1:] = torch.from_numpy(_POSITION * sin_cos(side, side, positions.shape[2]))
    model.head.conv3.weight.mul_(0.1)
    model.head.conv3.bias.fill_(math.log(typical_share / (1 - typical_share)))


def sin_cos(rows: int, columns: int, width: int) -> NDArray[np.float32]:
    """Sine and cosine of row and column at several periods, shape (rows * columns, width).

    As in Vaswani et al. (arXiv 1706.03762), half of the width for the row, half for the column.
    """
    half = width // 2
    rates = 1.0 / 100 ** (np.arange(half // 2) / max(1, half // 2))
    parts = []
    for places in np.mgrid[0:rows, 0:columns].reshape(2, -1):
        angles = places[:, None] * rates
        parts.append(np.concatenate([np.sin(angles), np.cos(angles)], 1))
    table = np.concatenate(parts, 1)
    return np.pad(table, ((0, 0), (0, width - table.shape[1]))).astype(np.float32)

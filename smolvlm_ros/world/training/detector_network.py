"""A D-FINE network of small size, and its checkpoint."""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

from smolvlm_ros.models.registry import WORLD_KEY

_STRIDES = (8, 16)   # of the two levels: an object of 10 pixels still covers a cell


def fresh(classes: Sequence[str], **changes: Any) -> DFineForObjectDetection:
    """A network with random weights for these classes.

    The backbone is HGNetV2 with its last stage at stride 16, not 32: the input is small.

    Args:
        classes: their names, in the order of their ids.
        changes: to `DFineConfig`, and to the backbone's `HGNetV2Config` as backbone_...
    """
    widths = [32, 64, 160, 256]
    backbone: dict[str, Any] = {
        "stem_channels": [3, 8, 16], "stage_in_channels": [16, 32, 64, 160],
        "stage_mid_channels": [12, 24, 64, 96], "stage_out_channels": widths,
        "stage_num_blocks": [1, 1, 1, 1], "stage_downsample": [False, True, True, False],
        "stage_light_block": [False] * 4, "stage_kernel_size": [3] * 4,
        "stage_numb_of_layers": [2, 2, 4, 4], "hidden_sizes": widths, "depths": [1] * 4,
        "embedding_size": 16, "out_indices": [2, 4],
        **{k[9:]: v for k, v in changes.items() if k.startswith("backbone_")}}
    outs = [backbone["stage_out_channels"][i - 1] for i in backbone["out_indices"]]
    width = int(changes.get("d_model", 96))
    levels = len(_STRIDES)
    settings: dict[str, Any] = {
        WORLD_KEY: True, "encoder_in_channels": outs, "feat_strides": list(_STRIDES),
        "encode_proj_layers": [1],
        "encoder_hidden_dim": width, "encoder_ffn_dim": 2 * width, "encoder_attention_heads": 4,
        "hidden_expansion": 0.5, "depth_mult": 0.34, "d_model": width,
        "decoder_in_channels": [width] * levels, "num_feature_levels": levels,
        "decoder_ffn_dim": 2 * width, "decoder_layers": 2, "decoder_attention_heads": 4,
        "num_queries": 30, "num_denoising": 10,
        **{k: v for k, v in changes.items() if not k.startswith("backbone_")}}
    model = DFineForObjectDetection(DFineConfig(
        backbone_config=HGNetV2Config(**backbone), freeze_backbone_batch_norms=False,
        id2label=dict(enumerate(classes)), label2id={name: i for i, name in enumerate(classes)},
        **settings))
    # Fewer than a hundred queries: plain products are quicker here than the fused kernels.
    model.set_attn_implementation("eager")
    return model


def use_bfloat16(model: DFineForObjectDetection) -> None:
    """Compute the convolutions in bfloat16 from now on; the decoder and the loss stay float32."""
    inner = model.model
    device = next(model.parameters()).device.type
    for module in (inner.backbone, *inner.encoder_input_proj, inner.encoder):
        module.forward = torch.autocast(device, torch.bfloat16)(module.forward)
    for module in inner.decoder_input_proj:
        module.register_forward_hook(lambda _, inputs, output: output.float())


def save(model: DFineForObjectDetection, folder: Path, size: tuple[int, int]) -> None:
    """Write config.json, model.safetensors (float16) and preprocessor_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    model.float()
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "RTDetrImageProcessor", "do_resize": True,
        "size": {"height": size[0], "width": size[1]}, "resample": 2, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": False, "do_pad": False}, indent=2) + "\n")


def load(folder: Path) -> DFineForObjectDetection:
    """A saved checkpoint, float32, to go on from."""
    model: DFineForObjectDetection = DFineForObjectDetection.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, dtype=torch.float32)
    return model

"""The small SmolVLM: the real class with few and narrow layers, and what it learns with."""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from smolvlm_ros.world.training.vlm_views import (
    CATEGORIES,
    CELLS,
    PATCH_PX,
    SCALE_FACTOR,
    TILE_PX,
)

HIDDEN = 192            # of both models
VISION_LAYERS, VISION_HEADS = 4, 3
TEXT_LAYERS, TEXT_HEADS, TEXT_INNER = 4, 4, 320
_TEXT_SPREAD = 0.06     # of fresh weights; the usual 0.02 suits wider layers
VOCABULARY = 640        # the tokenizer may hold fewer
IMAGE_TOKENS = (CELLS // SCALE_FACTOR) ** 2
_POSITION_AMPLITUDE = 0.5   # with the usual 0.02 places are lost beside the patches' content


class Learner(nn.Module):
    """The model and the heads that say what each patch and each image token shows.

    The heads only serve training and are not part of the checkpoint.

    Attributes:
        vlm: a SmolVLMForConditionalGeneration.
        patch_head: logits of background and the categories, by patch.
        token_head: logits of the categories, by image token.
    """

    def __init__(self, vlm: Any) -> None:
        super().__init__()
        self.vlm = vlm
        self.patch_head = nn.Linear(vlm.config.vision_config.hidden_size, 1 + CATEGORIES)
        self.token_head = nn.Linear(vlm.config.text_config.hidden_size, CATEGORIES)
        nn.init.constant_(self.token_head.bias, -5.0)   # most tokens show nothing of a category

    def see(self, tiles: torch.Tensor,
            corners: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """What the vision tower and the connector make of tiles; the same as the plain forward.

        Args:
            tiles: shape (N, H, W, 3), 0 to 255: whole tiles, or windows of tiles whose edges are
                multiples of a token's.
            corners: of windows: row and column of the first patch, shape (N, 2); None for whole
                tiles.

        Returns:
            Patches, shape (N, rows x columns of patches, HIDDEN), and image tokens, shape
            (N, patches / SCALE_FACTOR², HIDDEN).
        """
        vision = self.vlm.model.vision_model
        conv, places = vision.embeddings.patch_embedding, vision.embeddings.position_embedding
        count, side = len(tiles), tiles.shape[1] // PATCH_PX
        values = tiles.float() / 127.5 - 1
        cells = values.view(count, side, PATCH_PX, side, PATCH_PX, 3)
        cells = cells.permute(0, 1, 3, 5, 2, 4).reshape(count, side * side, -1)
        # A matrix product, which is faster than the convolution with its stride.
        embedded = nn.functional.linear(cells, conv.weight.flatten(1), conv.bias)
        if corners is None:
            embedded = embedded + places.weight
        else:
            steps = torch.arange(side, device=tiles.device)
            rows, columns = corners[:, :1] + steps, corners[:, 1:] + steps
            embedded = embedded + places((rows[:, :, None] * CELLS + columns[:, None]).flatten(1))
        encoded = vision.encoder(inputs_embeds=embedded, attention_mask=None).last_hidden_state
        patches = vision.post_layernorm(encoded)
        return patches, self.vlm.model.connector(patches)


def make_vlm(ids: dict[str, int]) -> Any:
    """A fresh model.

    Args:
        ids: token ids by name: 'image', 'pad', 'begin' and 'end'.
    """
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    special = {"pad_token_id": ids["pad"], "bos_token_id": ids["begin"], "eos_token_id": ids["end"]}
    both: dict[str, Any] = {"pad_token_id": ids["pad"], "tie_word_embeddings": True}
    config = SmolVLMConfig(
        vision_config={"hidden_size": HIDDEN, "num_hidden_layers": VISION_LAYERS,
                       "num_attention_heads": VISION_HEADS, "intermediate_size": 4 * HIDDEN,
                       "image_size": TILE_PX, "patch_size": PATCH_PX, "hidden_act": "relu"},
        text_config={"model_type": "llama", "hidden_size": HIDDEN,
                     "num_hidden_layers": TEXT_LAYERS, "num_attention_heads": TEXT_HEADS,
                     "num_key_value_heads": TEXT_HEADS, "head_dim": HIDDEN // TEXT_HEADS,
                     "intermediate_size": TEXT_INNER, "vocab_size": VOCABULARY,
                     "max_position_embeddings": 1024,
                     "initializer_range": _TEXT_SPREAD, "tie_word_embeddings": True,
                     **special},
        scale_factor=SCALE_FACTOR, image_token_id=ids["image"], **both)
    vlm = SmolVLMForConditionalGeneration._from_config(config, attn_implementation=attention())
    vlm.generation_config.eos_token_id = ids["end"]
    vlm.generation_config.pad_token_id = ids["pad"]
    with torch.no_grad():
        places = vlm.model.vision_model.embeddings.position_embedding.weight
        places.copy_(_grid_waves(CELLS, HIDDEN) * _POSITION_AMPLITUDE)
    return vlm


def attention() -> str:
    """The fastest kind of attention here: plain products suit a CPU's matrix unit."""
    return "sdpa" if torch.cuda.is_available() else "eager"


def _grid_waves(cells: int, width: int) -> torch.Tensor:
    """Sines and cosines of row and column, shape (cells², width)."""
    quarter = width // 4
    rates = torch.exp(torch.arange(quarter) * (-math.log(20.0) / quarter))
    angles = torch.arange(cells)[:, None] * rates[None]
    waves = torch.cat([angles.sin(), angles.cos()], 1)
    rows = waves[:, None].expand(cells, cells, -1)
    columns = waves[None].expand(cells, cells, -1)
    return torch.cat([rows, columns], 2).reshape(cells * cells, width)

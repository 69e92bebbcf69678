"""The small SmolVLM on disk, in the hub's form."""
from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from smolvlm_ros.models.registry import WORLD_KEY
from smolvlm_ros.world.training.vlm_network import IMAGE_TOKENS, make_vlm
from smolvlm_ros.world.training.vlm_tokenizer import ids_of
from smolvlm_ros.world.training.vlm_views import CELLS, TILE_PX

_PROCESSOR = {"processor_class": "SmolVLMProcessor"}
# SmolVLM2's own without videos: the same text as `qa.prompt.chat_prefix` and `chat_question`.
_CHAT = ("<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
         "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
         "{% for line in message['content'] %}"
         "{% if line['type'] == 'text' %}{{ line['text'] }}"
         "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}"
         "{% endfor %}<end_of_utterance>\n{% endfor %}"
         "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")
_PLACES = "model.vision_model.embeddings.position_embedding.weight"


def save(folder: Path, vlm: Any, tokenizer: Any) -> None:
    """Write configuration, weights in float16, tokenizer, and how images and chats are prepared."""
    from transformers.utils import logging

    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(vlm).cpu().half()
    setattr(half.config, WORLD_KEY, True)
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        half.save_pretrained(folder)
    finally:
        if bars:
            logging.enable_progress_bar()
    (folder / "model.safetensors").chmod(0o644)   # it is written for its owner alone
    tokenizer.save_pretrained(folder)
    write_preparation(folder)


def write_preparation(folder: Path) -> None:
    """Write what a processor is made from: image preparation, image tokens, chat template."""
    _write_json(folder / "preprocessor_config.json", {
        "image_processor_type": "SmolVLMImageProcessor", **_PROCESSOR,
        # As in SmolVLM2's own: the first of two scalings makes images larger and loses nothing.
        "do_image_splitting": False, "size": {"longest_edge": 4 * TILE_PX},
        "max_image_size": {"longest_edge": TILE_PX}, "rescale_factor": 1 / 255,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 1})
    _write_json(folder / "processor_config.json", {"image_seq_len": IMAGE_TOKENS, **_PROCESSOR})
    (folder / "chat_template.jinja").write_text(_CHAT, encoding="utf-8")


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def load(folder: Path, tokenizer: Any) -> Any:
    """The model of a checkpoint, to go on with; one of another tile size is taken over.

    Raises:
        ValueError: it has other layers or another vocabulary than this training makes.
        OSError: it cannot be read.
    """
    from transformers import AutoTokenizer, SmolVLMForConditionalGeneration

    old = SmolVLMForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True)
    vlm = make_vlm(ids_of(tokenizer))
    values = old.state_dict()
    if _PLACES in values:
        values[_PLACES] = resized(values[_PLACES], CELLS)
    expected = {name: value.shape for name, value in vlm.state_dict().items()}
    known = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if ({name: value.shape for name, value in values.items()} != expected
            or known.get_vocab() != tokenizer.get_vocab()):
        raise ValueError(f"{folder} has other layers or another vocabulary than this training "
                         "makes; begin without --start, or with a checkpoint of this version")
    vlm.load_state_dict(values)
    return vlm


def resized(places: torch.Tensor, cells: int) -> torch.Tensor:
    """Embeddings of a square of patches, read off at so many patches along each edge."""
    edge = math.isqrt(len(places))
    if edge == cells:
        return places
    grid = places.view(1, edge, edge, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, (cells, cells), mode="bicubic")
    return grid.permute(0, 2, 3, 1).reshape(cells * cells, -1).contiguous()

"""SmolVLM2 at its real sizes with random weights: for what a question costs they are as good.

Layers, widths, tile and image tokens are those of the 256M and 500M checkpoints. The tokenizer is
learned from the questions, so that they have about as many tokens as with the real one.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, YES_NO_HINT

TILE_PX, PATCH_PX, SCALE_FACTOR, VOCABULARY = 512, 16, 4, 49280
QUESTIONS = (
    "Is the person lying on the floor?", "Is there a forklift?", "Is the door open?",
    "Is there smoke in the room?", "Is the box damaged?", "Is there a cable on the floor?",
    "Does the person wear a helmet?", "Is the shelf empty?")
_VISION = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
           "intermediate_size": 3072, "image_size": TILE_PX, "patch_size": PATCH_PX}
_TEXT: dict[str, dict[str, Any]] = {
    "256m": {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
             "num_key_value_heads": 3, "intermediate_size": 1536, "head_dim": 64},
    "500m": {"hidden_size": 960, "num_hidden_layers": 32, "num_attention_heads": 15,
             "num_key_value_heads": 5, "intermediate_size": 2560, "head_dim": 64}}
SIZES = tuple(_TEXT)
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>",
            "<end_of_utterance>", "<global-img>")


def write_checkpoint(folder: Path, size: str) -> Path:
    """A checkpoint in the hub's format, weights in bfloat16.

    Args:
        folder: to be made.
        size: '256m' or '500m'.
    """
    import torch
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    tokenizer = _tokenizer()
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in _SPECIAL}
    settings: dict[str, Any] = {
        "vision_config": dict(_VISION), "scale_factor": SCALE_FACTOR,
        "text_config": {"model_type": "llama", **_TEXT[size], "vocab_size": VOCABULARY,
                     "max_position_embeddings": 8192, "rope_theta": 100000.0,
                     "pad_token_id": ids["<|im_end|>"], "bos_token_id": ids["<|im_start|>"],
                     "eos_token_id": ids["<end_of_utterance>"]},
        "image_token_id": ids["<image>"], "pad_token_id": ids["<|im_end|>"],
        "tie_word_embeddings": False}
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        SmolVLMForConditionalGeneration(SmolVLMConfig(**settings)).save_pretrained(folder)
    finally:
        torch.set_default_dtype(before)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "SmolVLMImageProcessor", "do_image_splitting": False,
        "size": {"longest_edge": TILE_PX}, "max_image_size": {"longest_edge": TILE_PX},
        "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "resample": 1}), encoding="utf-8")
    return folder


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    corpus = [f"System: {SYSTEM_PROMPT}", "\nAssistant: Yes", "\nAssistant: No", "User:",
              *(f"{text} {YES_NO_HINT}" for q in QUESTIONS for text in (q, negate(q)))]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(corpus * 20, trainers.BpeTrainer(
        vocab_size=2000, special_tokens=[AddedToken(t, special=True) for t in _SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|im_start|>", eos_token="<end_of_utterance>",
        pad_token="<|im_end|>", unk_token="<|endoftext|>")

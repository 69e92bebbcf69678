"""A real SmolVLM, made small: random weights, a byte-level BPE tokenizer, hub format.

The architecture, the special tokens and the files are those of SmolVLM2; only the sizes differ, so
what loads and runs this loads and runs the real ones. Made without a network in about a second.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

IMAGE_PX = 32
PATCH_PX = 4
SCALE_FACTOR = 2  # 64 patches become 16 image tokens
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>",
           "<end_of_utterance>", "<global-img>", "<row_1_col_1>", "<row_1_col_2>")
CORPUS = ("User: Is there a person in the room? Answer yes or no.\nAssistant: Yes",
          "User: Is there no person in the room? Answer yes or no.\nAssistant: No",
          "Assistant: yes", "Assistant: no") * 20


def make_tokenizer(corpus: tuple[str, ...] = CORPUS) -> Any:
    """A byte-level BPE tokenizer as SmolVLM2's, with its control tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=340, special_tokens=[AddedToken(t, special=True) for t in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|im_start|>", eos_token="<end_of_utterance>",
        pad_token="<|im_end|>", unk_token="<|endoftext|>")


def make_model(tokenizer: Any, seed: int = 0, image_px: int = IMAGE_PX,
               scale_factor: int = SCALE_FACTOR) -> Any:
    """A SmolVLMForConditionalGeneration of about 65 thousand parameters."""
    import torch
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    torch.manual_seed(seed)
    ids = {t: tokenizer.convert_tokens_to_ids(t) for t in SPECIAL}
    # A wide start: with the usual 0.02 the image would hardly change the answer.
    shared = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
              "intermediate_size": 64, "initializer_range": 0.3}
    config = SmolVLMConfig(
        vision_config={**shared, "image_size": image_px, "patch_size": PATCH_PX},
        text_config={"model_type": "llama", **shared, "num_key_value_heads": 1, "head_dim": 16,
                     "vocab_size": len(tokenizer), "max_position_embeddings": 1024,
                     "pad_token_id": ids["<|im_end|>"], "bos_token_id": ids["<|im_start|>"],
                     "eos_token_id": ids["<end_of_utterance>"]},
        scale_factor=scale_factor, image_token_id=ids["<image>"],
        pad_token_id=ids["<|im_end|>"], tie_word_embeddings=False)
    return SmolVLMForConditionalGeneration(config).eval()


def save(folder: Path, model: Any, tokenizer: Any, image_px: int = IMAGE_PX) -> Path:
    """Write config.json, model.safetensors, the tokenizer and preprocessor_config.json."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "SmolVLMImageProcessor", "do_image_splitting": True,
        "size": {"longest_edge": 4 * image_px}, "max_image_size": {"longest_edge": image_px},
        "rescale_factor": 1 / 255, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "resample": 1}), encoding="utf-8")
    return folder


def make_checkpoint(folder: Path, seed: int = 0) -> Path:
    """A complete checkpoint in a folder."""
    tokenizer = make_tokenizer()
    return save(folder, make_model(tokenizer, seed), tokenizer)

"""The small SmolVLM's tokenizer: byte-level BPE with the real model's control tokens."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, YES_NO_HINT, chat_question
from smolvlm_ros.world.training.vlm_network import VOCABULARY
from smolvlm_ros.world.training.vlm_questions import NOTHING, caption, texts
from smolvlm_ros.world.training.vlm_views import CATEGORIES

BEGIN, END, PAD, IMAGE = "<|im_start|>", "<end_of_utterance>", "<|im_end|>", "<image>"
CONTROL = ("<|endoftext|>", BEGIN, PAD, "<fake_token_around_image>", IMAGE, END, "<global-img>",
           "<row_1_col_1>", "<row_1_col_2>")
_OFTEN = 40   # what stands in every prompt


def make_tokenizer() -> Any:
    """A `PreTrainedTokenizerFast` in which the words of training are few tokens each."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(_corpus(), trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[AddedToken(t, special=True) for t in CONTROL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=BEGIN, eos_token=END,
                                   pad_token=PAD, unk_token=CONTROL[0])


def ids_of(tokenizer: Any) -> dict[str, int]:
    """The ids that `vlm_network.make_vlm` needs."""
    names = {"image": IMAGE, "pad": PAD, "begin": BEGIN, "end": END}
    return {name: int(tokenizer.convert_tokens_to_ids(token)) for name, token in names.items()}


def _corpus() -> Iterable[str]:
    import numpy as np

    yield from texts()
    for number in range(CATEGORIES):
        for count in (1, 2, 3):
            yield caption(np.eye(CATEGORIES, dtype=np.uint8)[number] * count)
    yield from [NOTHING, f"System: {SYSTEM_PROMPT}", "User:", f" {YES_NO_HINT}",
                chat_question("", "") + " Yes", "Assistant: No", "Assistant: yes", "Assistant: no",
                *YES_NO_HINT.split(), "A", "Yes", "No"] * _OFTEN

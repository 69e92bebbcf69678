"""Many questions on one image as one sequence, none of which sees the others."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from transformers.models.smolvlm.processing_smolvlm import get_image_prompt_string

from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, chat_prefix, chat_question
from smolvlm_ros.world.training.vlm_network import IMAGE_TOKENS, Learner
from smolvlm_ros.world.training.vlm_tokenizer import END, IMAGE

_END_WEIGHT = 0.1   # of the token that ends an answer, over that of the answer's own


@dataclass(frozen=True)
class Turn:
    """A question and its answer.

    Attributes:
        question: as the engine gets it.
        hint: what the engine adds to it; empty for none.
        answer: ' Yes', ' No' or a sentence, with a space in front.
        weight: of its loss.
    """

    question: str
    hint: str
    answer: str
    weight: float = 1.0


@dataclass(frozen=True)
class Packed:
    """Sequences of one length: the shared prefix, then the turns of each image.

    Attributes:
        ids: shape (N, S) int64; the prefix is the same everywhere.
        positions: shape (N, S) int64: every turn goes on from the prefix.
        allowed: shape (N, S, S) bool: which token sees which.
        rows, columns: of the tokens from which the next one is to be told.
        targets: which one that is.
        weights: of these.
        image: where the image tokens begin.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    allowed: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    image: int

    def to(self, device: torch.device) -> Packed:
        """On a device."""
        moved: dict[str, Any] = {name: value.to(device) for name, value in vars(self).items()
                                 if isinstance(value, torch.Tensor)}
        return Packed(**moved, image=self.image)


class Packer:
    """Makes sequences with a tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids = lru_cache(maxsize=20_000)(self._encode)
        self._image_id = int(tokenizer.convert_tokens_to_ids(IMAGE))
        self._pad_id = int(tokenizer.pad_token_id)
        self._image_text = get_image_prompt_string(
            0, 0, IMAGE_TOKENS, fake_token_around_image="<fake_token_around_image>",
            image_token=IMAGE, global_image_token="<global-img>")

    def pack(self, turns: Sequence[Sequence[Turn]], system_prompt: str = SYSTEM_PROMPT) -> Packed:
        """One sequence for each image's turns."""
        prefix = self._ids(chat_prefix(self._image_text, system_prompt))
        segments = [[self._segment(turn) for turn in row] for row in turns]
        length = len(prefix) + max(sum(len(s) for s, _ in row) for row in segments)
        ids = np.full((len(turns), length), self._pad_id, np.int64)
        part = np.full((len(turns), length), -1, np.int64)   # 0 the prefix, from 1 the turns
        positions = np.zeros((len(turns), length), np.int64)
        ids[:, :len(prefix)], part[:, :len(prefix)] = prefix, 0
        positions[:, :len(prefix)] = np.arange(len(prefix))
        told: list[tuple[int, int, int, float]] = []
        for row, own in enumerate(segments):
            begin = len(prefix)
            for number, (segment, answered) in enumerate(own):
                stop = begin + len(segment)
                ids[row, begin:stop], part[row, begin:stop] = segment, number + 1
                positions[row, begin:stop] = len(prefix) + np.arange(len(segment))
                weight = turns[row][number].weight
                for place in range(answered, len(segment)):
                    last = place == len(segment) - 1
                    told.append((row, begin + place - 1, segment[place],
                                 weight * (_END_WEIGHT if last else 1.0)))
                begin = stop
        order = np.arange(length)
        allowed = ((part[:, :, None] == part[:, None]) | (part[:, None] == 0))
        allowed &= order[:, None] >= order
        rows, columns, targets, weights = zip(*told, strict=True)
        return Packed(torch.from_numpy(ids), torch.from_numpy(positions),
                      torch.from_numpy(allowed), torch.tensor(rows), torch.tensor(columns),
                      torch.tensor(targets), torch.tensor(weights),
                      prefix.index(self._image_id))

    def _segment(self, turn: Turn) -> tuple[tuple[int, ...], int]:
        """Ids of question, answer and end, and where the answer begins."""
        asked = self._ids(chat_question(turn.question, turn.hint))
        return (*asked, *self._ids(turn.answer + END)), len(asked)

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def told_logits(learner: Learner, packed: Packed, tokens: torch.Tensor) -> torch.Tensor:
    """Logits of the next token where one is to be told, shape (places, vocabulary).

    Args:
        learner: with the text model.
        packed: on the same device.
        tokens: image tokens, shape (N, IMAGE_TOKENS, HIDDEN).
    """
    embedded = learner.vlm.get_input_embeddings()(packed.ids)
    end = packed.image + tokens.shape[1]
    embedded = torch.cat([embedded[:, :packed.image], tokens.to(embedded.dtype),
                          embedded[:, end:]], 1)
    mask = packed.allowed[:, None]
    if learner.vlm.config.text_config._attn_implementation == "eager":
        mask = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -1e9)
    hidden = learner.vlm.model.text_model(
        inputs_embeds=embedded, attention_mask=mask, position_ids=packed.positions,
        use_cache=False).last_hidden_state
    logits: torch.Tensor = learner.vlm.lm_head(hidden[packed.rows, packed.columns])
    return logits

"""A checkpoint's tokens: the image's text, the answers yes and no, the ends, and their checks."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.engine import EngineError

END = "<end_of_utterance>"
_START = "<|im_start|>"
_FAKE = "<fake_token_around_image>"
_GLOBAL = "<global-img>"
_IMAGE = "<image>"
_YES = (" Yes", " yes", " YES", "Yes", "yes", "YES")
_NO = (" No", " no", " NO", "No", "no", "NO")


@dataclass(frozen=True)
class Tokens:
    """What the engine needs of a tokenizer.

    Attributes:
        image_text: one tile as text.
        yes: ids of the variants of yes that are one token each.
        no: ids of the variants of no.
        ends: ids that end an answer.
        special: texts of all control tokens, which no question may hold.
    """

    image_text: str
    yes: tuple[int, ...]
    no: tuple[int, ...]
    ends: frozenset[int]
    special: tuple[str, ...]
    _tokenizer: Any = field(repr=False)

    @classmethod
    def of(cls, tokenizer: Any, model: Any, image_tokens: int) -> Tokens:
        """Read and check a tokenizer against its model.

        Raises:
            EngineError: a control token is missing, the image token is another one than the
                model's, or ' Yes' or ' No' is not one token.
        """
        from transformers.models.smolvlm.processing_smolvlm import get_image_prompt_string

        for token in (_START, _FAKE, _GLOBAL, _IMAGE, END):
            if _single(tokenizer, token) is None:
                raise EngineError(f"the tokenizer lacks {token!r}; it does not belong to SmolVLM2")
        if _single(tokenizer, _IMAGE) != model.config.image_token_id:
            raise EngineError(f"the tokenizer's {_IMAGE!r} is {_single(tokenizer, _IMAGE)}, the "
                              f"model's is {model.config.image_token_id}; they do not belong "
                              "together")
        largest = max(tokenizer.get_vocab().values())
        if largest >= model.config.text_config.vocab_size:
            raise EngineError(f"the tokenizer has ids up to {largest}, the model only "
                              f"{model.config.text_config.vocab_size} tokens; they do not belong "
                              "together")
        image_text = get_image_prompt_string(
            0, 0, image_tokens, fake_token_around_image=_FAKE, image_token=_IMAGE,
            global_image_token=_GLOBAL)
        special = {str(t) for t in tokenizer.added_tokens_decoder.values()}
        return cls(image_text, _variants(tokenizer, _YES), _variants(tokenizer, _NO),
                   _ends(tokenizer, model), tuple(sorted(special)), tokenizer)

    def encode(self, text: str) -> list[int]:
        """Ids of a text that is already in chat form."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, control tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True,
                                          clean_up_tokenization_spaces=False))

    def check_split(self, prefix: str, question: str) -> None:
        """The prefix may only be shared when cutting there does not change the tokens.

        Raises:
            EngineError: it does.
        """
        if self.encode(prefix + question) != self.encode(prefix) + self.encode(question):
            raise EngineError("the tokenizer joins the image and the question to other tokens than "
                              "apart; it does not belong to a SmolVLM2")

    def yes_no(self, logits: NDArray[np.float32]) -> tuple[float, float]:
        """p(yes) against no, and the mass of both among all tokens.

        `sigmoid(logsumexp(yes) - logsumexp(no))`; NaN where the logits are not finite.

        Args:
            logits: (vocabulary,) float32.
        """
        values = logits.astype(np.float64)
        if not np.isfinite(values).all():
            return float("nan"), float("nan")
        yes = np.logaddexp.reduce(values[list(self.yes)])
        no = np.logaddexp.reduce(values[list(self.no)])
        either, everything = np.logaddexp(yes, no), np.logaddexp.reduce(values)
        return float(np.exp(yes - either)), min(float(np.exp(either - everything)), 1.0)


def _single(tokenizer: Any, text: str) -> int | None:
    """The one id of a text; None when it takes several."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return int(ids[0]) if len(ids) == 1 else None


def _variants(tokenizer: Any, texts: Sequence[str]) -> tuple[int, ...]:
    """Ids of the variants that are one token; the first one (' Yes', ' No') must be."""
    ids = [_single(tokenizer, text) for text in texts]
    if ids[0] is None or ids[0] == tokenizer.unk_token_id:
        raise EngineError(f"the tokenizer does not hold {texts[0]!r} as one token, so yes and no "
                          "cannot be read from one forward pass; use another checkpoint")
    return tuple(sorted({i for i in ids if i is not None and i != tokenizer.unk_token_id}))


def _ends(tokenizer: Any, model: Any) -> frozenset[int]:
    said = getattr(model.generation_config, "eos_token_id", None)
    ends = {_single(tokenizer, END), tokenizer.eos_token_id}
    ends |= set(said if isinstance(said, (list, tuple)) else [said])
    return frozenset(int(e) for e in ends if e is not None)

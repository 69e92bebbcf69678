"""What plain transformers make of the same image and question, without the engine's shortcuts."""
from __future__ import annotations

from typing import Any

import numpy as np

from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, chat_question

QUESTION = "Is there a person in the room?"
OTHER = "Is there no person in the room?"


def picture(seed: int = 0, shape: tuple[int, int, int] = (48, 64, 3)) -> np.ndarray:
    """Noise; another one for each seed."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def chat(question: str, image_text: str) -> str:
    """The prompt as transformers' own chat template of SmolVLM makes it."""
    from jinja2 import Template
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

    messages = [
        {"role": "system", "content": [{"type": "text", "text": SYSTEM_PROMPT}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    text = Template(DEFAULT_CHAT_TEMPLATE).render(messages=messages, add_generation_prompt=True)
    return text.replace("<image>", image_text)


def reference(plain: Any, engine: Any, image: np.ndarray, question: str) -> np.ndarray:
    """Logits of the first answer token: one plain forward of the whole prompt, no cache."""
    import torch

    model, tokenizer = plain
    ids = tokenizer(chat(question, engine.tokens.image_text), add_special_tokens=False,
                    return_tensors="pt")["input_ids"]
    pixels = torch.from_numpy(engine.tile.pixels(image))[None, None]
    with torch.inference_mode():
        logits = model(input_ids=ids, pixel_values=pixels).logits
    return np.asarray(logits[0, -1])


def ids_of(engine: Any, question: str) -> list[int]:
    """Tokens of a question without the yes/no hint."""
    return list(engine.tokens.encode(chat_question(question)))

"""What scene QA's questions cost on the real architectures, in pairs with plain transformers.

Each measurement runs in a process of its own, so that its peak memory is that of one model. Ratios
are of processor time, rows in milliseconds of time that passed.
"""
from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.common import timed_ms
from benchmark.qa_architectures import QUESTIONS
from smolvlm_ros.qa.engine import EngineConfig
from smolvlm_ros.qa.negation import negate
from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, YES_NO_HINT, chat_prefix, chat_question

_DECODED = 8  # tokens


def cost(folder: Path, dtype: str, repeats: int, threads: int) -> dict[str, float]:
    """Rows of one checkpoint in one number format, measured in another process.

    Returns:
        prefill_ms (system prompt, image and a question), question_ms (another one on the same
        frame), decode_ms (a token), peak_mib, and the ratios four_pass_cost_ratio and
        eight_questions_ratio.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measure, folder, dtype, repeats, threads).result()


def _measure(folder: Path, dtype: str, repeats: int, threads: int) -> dict[str, float]:
    from smolvlm_ros.qa.checkpoint import locate
    from smolvlm_ros.qa.engine import NoEngine
    from smolvlm_ros.qa.smolvlm import SmolVlmEngine

    config = EngineConfig(model=str(folder), dtype=dtype, device="cpu", num_threads=threads)
    found = locate(config)
    if isinstance(found, NoEngine):
        raise RuntimeError(found.reason)
    engine = SmolVlmEngine.load(found, config)
    images = _images()
    one = QUESTIONS[0]
    texts = (one, negate(one))
    plain = _Plain(engine)
    plain.ask(next(images), one)  # warm
    fours, eights, prefills, questions = [], [], [], []
    for index in range(repeats):
        frames = [next(images), next(images)]

        def ours(frames: Sequence[NDArray[np.uint8]] = frames) -> None:
            for frame in frames:
                engine.yes_no(frame, texts)

        def theirs(frames: Sequence[NDArray[np.uint8]] = frames) -> None:
            for frame in frames:
                for text in texts:
                    plain.ask(frame, text)
        fours.append(_ratio(ours, theirs, bool(index % 2)))
        single, eight = next(images), next(images)
        prefills.append(timed_ms(partial(engine.yes_no, single, [one])))
        eights.append(_cpu_s(partial(engine.yes_no, eight, QUESTIONS))
                      / _cpu_s(partial(engine.yes_no, next(images), [one])))
        questions.append(timed_ms(partial(engine.yes_no, eight, [one])))
    begin = next(images)
    engine.yes_no(begin, [one])
    pieces = engine.stream(begin, one, _DECODED)
    decode = timed_ms(lambda: list(pieces)) / _DECODED
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    engine.close()
    return {"prefill_ms": statistics.median(prefills), "question_ms": statistics.median(questions),
            "decode_ms": decode, "peak_mib": peak,
            "four_pass_cost_ratio": statistics.median(fours),
            "eight_questions_ratio": statistics.median(eights)}


class _Plain:
    """The same weights, asked as transformers' own documentation does: `generate()` of one token.

    Args:
        engine: whose model, tokenizer and tile are used.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def ask(self, image_rgb: NDArray[np.uint8], question: str) -> int:
        """The token that answers."""
        import torch

        tokens, tile, model = self._engine.tokens, self._engine.tile, self._engine._model
        ids = tokens.encode(chat_prefix(tokens.image_text, SYSTEM_PROMPT)
                            + chat_question(question, YES_NO_HINT))
        inputs = torch.tensor([ids])
        with torch.inference_mode():
            made = model.generate(
                input_ids=inputs, attention_mask=torch.ones_like(inputs),
                pixel_values=torch.from_numpy(tile.pixels(image_rgb))[None, None],
                max_new_tokens=1, do_sample=False)
        return int(made[0, -1])


def _ratio(ours: Callable[[], None], theirs: Callable[[], None], theirs_first: bool) -> float:
    if theirs_first:
        of_theirs = _cpu_s(theirs)
        return _cpu_s(ours) / of_theirs
    of_ours = _cpu_s(ours)
    return of_ours / _cpu_s(theirs)


def _cpu_s(run: Callable[[], object]) -> float:
    """Processor time of one call, seconds: what others do on the machine is not in it."""
    begin = time.process_time()
    run()
    return time.process_time() - begin


def _images() -> Iterator[NDArray[np.uint8]]:
    """Images of a camera's size, each another one: nothing of them can be remembered."""
    rng = np.random.default_rng(0)
    while True:
        yield rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)

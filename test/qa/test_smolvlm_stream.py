"""Streamed answers of the engine, and several who ask at once."""
from __future__ import annotations

import threading
import time

import pytest

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
pytest.importorskip("transformers", reason="the extra vlm is not installed")

from plain_smolvlm import QUESTION, chat, picture  # noqa: E402

from smolvlm_ros.qa.engine import EngineConfig, EngineError, make_engine  # noqa: E402


def test_stream_equals_generate(engine, plain) -> None:
    model, tokenizer = plain
    image = picture(5)
    text = chat("What is there?", engine.tokens.image_text)
    inputs = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    out = model.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=False,
        pixel_values=torch.from_numpy(engine.tile.pixels(image))[None, None], max_new_tokens=12)
    expected = tokenizer.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
    assert "".join(engine.stream(image, "What is there?", 12)) == expected


def test_stream_gives_a_token_before_it_computes_the_next(engine) -> None:
    steps = []
    hook = engine._model.register_forward_hook(lambda *_: steps.append(1))
    try:
        pieces = engine.stream(picture(5), "What is there?", 12)
        first = next(pieces)
        while not first:
            first = next(pieces)
        made = len(steps)
        next(pieces)
        assert made < len(steps)
    finally:
        hook.remove()


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_stream_stops_within_one_token(engine, allowed) -> None:
    image = picture(5)
    engine.yes_no(image, [QUESTION])  # the prefix is there: every forward below is a token
    steps = []
    hook = engine._model.register_forward_hook(lambda *_: steps.append(1))
    try:
        list(engine.stream(image, "What is there?", 12, lambda: len(steps) >= allowed))
        assert len(steps) == allowed
    finally:
        hook.remove()


def test_a_verdict_between_two_tokens_changes_neither(engine) -> None:
    image = picture(5)
    alone = "".join(engine.stream(image, "What is there?", 12))
    answer = engine.yes_no(image, [QUESTION])[0].p_yes
    mixed = []
    for piece in engine.stream(image, "What is there?", 12):
        mixed.append(piece)
        assert engine.yes_no(image, [QUESTION])[0].p_yes == pytest.approx(answer, abs=1e-6)
    assert "".join(mixed) == alone


def test_who_asks_beside_a_stream_waits_for_its_present_token_only(engine, monkeypatch) -> None:
    image, passes = picture(5), []
    engine.yes_no(image, [QUESTION])
    verdict = threading.Thread(target=engine.yes_no, args=(image, [QUESTION]), name="verdict")
    forward = engine._forward

    def counted(*arguments):
        passes.append(threading.current_thread().name)
        if len(passes) == 2:  # a token is on its way
            verdict.start()
            while not engine._lock.waiting:
                time.sleep(0.001)
        return forward(*arguments)

    monkeypatch.setattr(engine, "_forward", counted)
    list(engine.stream(image, "What is there?", 8))
    verdict.join()
    assert passes.index("verdict") == 2 and len(passes) > 4


def test_calls_from_several_threads_agree(engine) -> None:
    images = [picture(seed) for seed in range(4)]
    alone = [engine.yes_no(image, [QUESTION])[0].p_yes for image in images]
    got: dict[int, list[float]] = {i: [] for i in range(4)}

    def ask(i: int) -> None:
        for _ in range(5):
            got[i].append(engine.yes_no(images[i], [QUESTION])[0].p_yes)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, values in got.items():
        assert values == pytest.approx([alone[i]] * 5, abs=1e-6)


def test_whoever_asks_the_model_computes_in_one_thread(engine) -> None:
    computing: set[int] = set()
    hook = engine._model.register_forward_hook(lambda *_: computing.add(threading.get_ident()))
    try:
        askers = [threading.Thread(target=lambda n=n: list(engine.stream(picture(n), "What?", 2)))
                  for n in range(3)]
        for asker in askers:
            asker.start()
        engine.yes_no(picture(), [QUESTION])
        for asker in askers:
            asker.join()
    finally:
        hook.remove()
    assert len(computing) == 1 and threading.get_ident() not in computing


def test_closed_engine_says_so(tiny_checkpoint) -> None:
    made = make_engine(EngineConfig(model=str(tiny_checkpoint)))
    pieces = made.stream(picture(), "What is there?")
    next(pieces)
    made.close()
    made.close()  # twice does no harm
    with pytest.raises(EngineError, match="is closed"):
        made.yes_no(picture(), [QUESTION])
    with pytest.raises(EngineError, match="is closed"):
        list(pieces)

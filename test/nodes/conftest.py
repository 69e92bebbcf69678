"""ROS for the node tests: one context for the whole run."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def ros() -> Iterator[None]:
    """The context that all nodes of this process live in."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope="session")
def tiny_vlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real SmolVLM of 65 thousand random weights, which never ends an answer by itself."""
    return _make_vlm(tmp_path_factory.mktemp("tiny_vlm"), 0)


@pytest.fixture(scope="session")
def other_vlms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same with other weights, one after the other."""
    return (_make_vlm(tmp_path_factory.mktemp("vlm"), seed) for seed in (21, 14, 5, 15, 12, 11, 4))


def _make_vlm(folder: Path, seed: int) -> Path:
    torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
    pytest.importorskip("transformers", reason="the extra vlm is not installed")
    torch.set_num_threads(1)
    sys.path.insert(0, str(Path(__file__).parents[1] / "qa"))
    from tiny_smolvlm import SPECIAL, make_model, make_tokenizer, save

    tokenizer = make_tokenizer()
    model = make_model(tokenizer, seed)
    with torch.no_grad():  # logits of 0 are never the greatest
        model.lm_head.weight[[tokenizer.convert_tokens_to_ids(token) for token in SPECIAL]] = 0
    return save(folder, model, tokenizer)

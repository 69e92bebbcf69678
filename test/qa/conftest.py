"""Fixtures of the scene QA tests."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from queue_clock import Clock

from smolvlm_ros.qa.scheduler import Scheduler


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small real SmolVLM with random weights; read only."""
    torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
    pytest.importorskip("transformers", reason="the extra vlm is not installed")
    torch.set_num_threads(1)
    from tiny_smolvlm import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("tiny_smolvlm"))


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Iterator[Any]:
    """The engine on it."""
    from smolvlm_ros.qa.engine import EngineConfig, make_engine

    made = make_engine(EngineConfig(model=str(tiny_checkpoint), num_threads=1))
    yield made
    made.close()


@pytest.fixture(scope="module")
def plain(tiny_checkpoint: Path) -> tuple[Any, Any]:
    """The same checkpoint through plain transformers: model and tokenizer."""
    import transformers

    model = transformers.AutoModelForImageTextToText.from_pretrained(tiny_checkpoint)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(tiny_checkpoint)


@pytest.fixture
def clock() -> Clock:
    """Of the test's own."""
    return Clock()


@pytest.fixture
def scheduler(clock: Clock) -> Scheduler:
    """An empty queue on that clock."""
    return Scheduler(clock=clock)

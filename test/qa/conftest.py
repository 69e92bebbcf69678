"""Fixtures of the scene QA tests."""
from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small real SmolVLM with random weights; read only."""
    torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
    pytest.importorskip("transformers", reason="the extra vlm is not installed")
    torch.set_num_threads(1)
    from tiny_smolvlm import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("tiny_smolvlm"))

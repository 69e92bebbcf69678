"""Stores for the memory's tests; each is closed at the end of its test."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from smolvlm_ros.memory import MemoryConfig, MemoryStore


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy disk or processor fails no test."""
    monkeypatch.setattr("smolvlm_ros.memory.search._SEARCH_S", math.inf)
    monkeypatch.setattr("smolvlm_ros.memory.sent._PATIENCE_S", 60.0)


@pytest.fixture
def make() -> Iterator[Callable[..., MemoryStore]]:
    """Builds stores: make(path=…, max_mb=…), in RAM without a path."""
    made: list[MemoryStore] = []

    def build(**arguments: object) -> MemoryStore:
        other = {k: arguments.pop(k) for k in ("on_change", "connect") if k in arguments}
        made.append(MemoryStore(MemoryConfig(**arguments), **other))
        return made[-1]
    yield build
    for store in made:
        store.close(60.0)

"""What engines have in common that ask another one."""
from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """What verdicts say of an engine."""

    name: str
    description: str
    embedded: bool


E = TypeVar("E", bound=Named)


class Around(Generic[E]):
    """Asks another engine, in its name; a subclass changes what is asked, or when.

    Args:
        engine: what is asked; it stays its owner's.

    Attributes:
        name, description, embedded: see `Engine`.
    """

    def __init__(self, engine: E) -> None:
        self._engine = engine
        self.name, self.description = engine.name, engine.description
        self.embedded = engine.embedded

    def close(self) -> None:
        """Nothing: the engine is its owner's."""

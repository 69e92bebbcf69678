"""Which frames the images are of that an engine is asked about: who sends them must know."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.around import Around, Named
from smolvlm_ros.qa.verdict import Frame, YesNo

E = TypeVar("E")


@runtime_checkable
class Sender(Named, Protocol):
    """An engine that covers the persons in a frame before it leaves this machine."""

    def yes_no(self, image_rgb: Any, questions: Sequence[str]) -> list[YesNo]:
        """See `Engine.yes_no`; of a frame too."""

    def stream(self, image_rgb: Any, question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `Engine.stream`; of a frame too."""

    @property
    def sends(self) -> bool:
        """Whether images leave this machine."""


def looking_at(engine: E, frames: Sequence[Frame]) -> E | Looking:
    """The engine for questions on the images of these frames; itself where none of them leaves."""
    if isinstance(engine, Sender) and engine.sends:
        return Looking(engine, frames)
    return engine


class Looking(Around[Sender]):
    """A sender that is told of which frame each image is.

    Args:
        engine: what is asked.
        frames: those whose images it is asked about.
    """

    def __init__(self, engine: Sender, frames: Sequence[Frame]) -> None:
        super().__init__(engine)
        self._frames = tuple(frames)

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        """See `Engine.yes_no`."""
        return self._engine.yes_no(self._frame(image_rgb), questions)

    def stream(self, image_rgb: NDArray[np.uint8], question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `Engine.stream`."""
        return self._engine.stream(self._frame(image_rgb), question, max_tokens, should_stop)

    def _frame(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | Frame:
        """The frame of that very array; itself where it is of none, which the engine refuses."""
        return next((f for f in self._frames if f.image_rgb is image_rgb), image_rgb)

"""An engine that is asked no more once nobody can use the answer."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.engine import Engine
from smolvlm_ros.qa.scheduler import TooLate
from smolvlm_ros.qa.verdict import YesNo

OVER = "the time for the answer was over before it was ready, or who asked has given up"


class WhileWanted:
    """Ends what is computed of several frames between two of them; see `Scheduler.wanted`.

    Args:
        engine: what is asked.
        wanted: False when nobody can use the answer any more.

    Attributes:
        name, description, embedded: see `Engine`.
    """

    def __init__(self, engine: Engine, wanted: Callable[[], bool]) -> None:
        self._engine, self._wanted = engine, wanted
        self.name, self.description = engine.name, engine.description
        self.embedded = engine.embedded

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        """See `Engine.yes_no`; raises TooLate where it is not wanted any more."""
        if not self._wanted():
            raise TooLate(OVER)
        return self._engine.yes_no(image_rgb, questions)

    def stream(self, image_rgb: NDArray[np.uint8], question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `Engine.stream`."""
        return self._engine.stream(image_rgb, question, max_tokens,
                                   lambda: should_stop() or not self._wanted())

    def close(self) -> None:
        """Nothing: the engine is its owner's."""

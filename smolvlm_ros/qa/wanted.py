"""An engine that is asked no more once nobody can use the answer."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.around import Around
from smolvlm_ros.qa.engine import Engine
from smolvlm_ros.qa.scheduler import TooLate
from smolvlm_ros.qa.verdict import YesNo

OVER = "the time for the answer was over before it was ready, or who asked has given up"


class WhileWanted(Around[Engine]):
    """Ends what is computed of several frames between two of them; see `Scheduler.wanted`.

    Args:
        engine: what is asked.
        wanted: False when nobody can use the answer any more.
    """

    def __init__(self, engine: Engine, wanted: Callable[[], bool]) -> None:
        super().__init__(engine)
        self._wanted = wanted

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

"""Site notes in the prompt, marked as what they are: written beforehand, not seen."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.around import Around
from smolvlm_ros.qa.engine import Engine
from smolvlm_ros.qa.verdict import YesNo

INTRO = "Site notes, written beforehand and not seen in the image:"


def grounded(question: str, notes: Sequence[str]) -> str:
    """The question after the notes; itself where there are none.

    Args:
        question: to be asked.
        notes: lines of at most `memory.notes.MAX_LINE` characters.
    """
    if not notes:
        return question
    return " ".join([INTRO, *(f"({number}) {note}" for number, note in enumerate(notes, 1)),
                     question])


class Grounded(Around[Engine]):
    """An engine whose every question comes after the same notes."""

    def __init__(self, engine: Engine, notes: Sequence[str]) -> None:
        super().__init__(engine)
        self._notes = tuple(notes)

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        """See `Engine.yes_no`."""
        return self._engine.yes_no(image_rgb, [grounded(q, self._notes) for q in questions])

    def stream(self, image_rgb: NDArray[np.uint8], question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `Engine.stream`."""
        return self._engine.stream(image_rgb, grounded(question, self._notes), max_tokens,
                                   should_stop)

"""Several questions on one image in one forward pass, none of which sees another."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Packed:
    """Tokens of one forward pass: a prefix that all see, or none, and the questions after it.

    Attributes:
        ids: of all tokens, one question after the other.
        ends: place of each question's last token in `ids`.
        positions: of each token as if its question stood alone, shape (N,) int64; None where that
            is their order.
        visible: what each token sees of what was computed before and of these, shape (N, past + N)
            bool; None where it is all that came before it.
    """

    ids: tuple[int, ...]
    ends: tuple[int, ...]
    positions: NDArray[np.int64] | None = None
    visible: NDArray[np.bool_] | None = None


def pack(questions: Sequence[Sequence[int]], prefix: Sequence[int] = (), past: int = 0) -> Packed:
    """Lay out questions behind what they share.

    Args:
        questions: their tokens, at least one, none of them empty.
        prefix: tokens before them that are computed in the same pass.
        past: number of tokens before these that are computed already.

    Raises:
        ValueError: no question, or an empty one.
    """
    if not questions or not all(questions):
        raise ValueError("a pass needs questions with tokens")
    ids = [*prefix, *(i for question in questions for i in question)]
    ends = np.cumsum([len(question) for question in questions]) + len(prefix) - 1
    if len(questions) == 1:
        return Packed(tuple(ids), (int(ends[0]),))
    shared = past + len(prefix)
    # Every token sees what is shared and comes before it, and what its own question said so far.
    own = np.concatenate([np.full(shared, -1),
                          *(np.full(len(q), n) for n, q in enumerate(questions))])
    order = np.arange(past + len(ids))
    rows = slice(past, None)
    visible = ((order <= order[rows, None])
               & ((own == -1) | (own == own[rows, None])))
    positions = np.concatenate([np.arange(past, shared),
                                *(shared + np.arange(len(q)) for q in questions)])
    return Packed(tuple(ids), tuple(int(end) for end in ends), positions.astype(np.int64), visible)


def chunks(questions: Sequence[Sequence[int]], tokens: int) -> Iterator[list[Sequence[int]]]:
    """Questions for one pass after the other, in their order.

    Args:
        questions: their tokens.
        tokens: most of a pass; a longer question has a pass of its own.
    """
    chunk: list[Sequence[int]] = []
    for question in questions:
        if chunk and sum(map(len, chunk)) + len(question) > tokens:
            yield chunk
            chunk = []
        chunk.append(question)
    if chunk:
        yield chunk

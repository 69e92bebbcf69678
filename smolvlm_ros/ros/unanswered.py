"""A question that gets no answer, with the status that says which way."""
from __future__ import annotations


class Unanswered(RuntimeError):  # noqa: N818 - it is an answer, not a failure
    """The request gets no answer; `status` says which way, the text why.

    Attributes:
        status: of an AskScene response.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

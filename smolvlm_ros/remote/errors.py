"""What can go wrong with a server; the text names the cause and the cure, never the key."""
from __future__ import annotations


class RemoteError(RuntimeError):
    """No answer from the server.

    Attributes:
        counts: the server is to blame, so a circuit breaker counts it.
        retry: the same request may be sent again.
        after_s: seconds that the server asked to wait before; None when it did not.
    """

    counts = True
    retry = False
    after_s: float | None = None


class Unreachable(RemoteError):  # noqa: N818
    """No connection came about: name not found, refused, no route, certificate refused."""

    def __init__(self, text: str, *, retry: bool = False) -> None:
        super().__init__(text)
        self.retry = retry


class OutOfTime(RemoteError):  # noqa: N818
    """The deadline passed."""


class Cancelled(RemoteError):  # noqa: N818
    """The one who asked does not want the answer any more."""

    counts = False


class BadAnswer(RemoteError):  # noqa: N818
    """The server's answer is no valid one: cut off, not HTTP, not JSON, another schema."""


class TooLarge(BadAnswer):
    """The server sends more than is accepted."""


class Refused(RemoteError):  # noqa: N818
    """The server answered with an HTTP status other than success.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, text: str, *, retry: bool = False,
                 after_s: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry = retry
        self.after_s = after_s
        # These say that the request was wrong, not that the server is down.
        self.counts = status not in (400, 413, 422)


class CircuitOpen(RemoteError):  # noqa: N818
    """The server failed several times and is left alone for a while."""

    counts = False


class NotSent(RemoteError):  # noqa: N818
    """Something on this side forbids the request: budget, settings, record."""

    counts = False

"""The messages that wait in a subscription."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def take_backlog(subscription: Any) -> Iterator[Any]:
    """Take what waits in a subscription, from its own callback.

    An executor takes one message of every subscription in turn. Where the callback of another one
    is slower than the messages come, those of this one pile up until the oldest are lost.
    """
    while True:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        yield taken[0]

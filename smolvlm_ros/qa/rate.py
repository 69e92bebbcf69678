"""How often one client may ask: a token bucket each, so that one cannot starve the others."""
from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from smolvlm_ros.qa.scheduler import Refused
from smolvlm_ros.settings import Settings, setting

_CLIENTS = 256  # remembered; one that is forgotten may ask a burst again


@dataclass(frozen=True)
class RateConfig(Settings):
    """How often one client may ask."""

    per_client_hz: float = setting(
        5.0, "Questions a client may ask in the long run; 0 for no limit. Clients that give no "
        "name count as one.", unit="Hz", ge=0.0, le=1000.0, runtime=True)
    burst: int = setting(
        20, "Questions a client that has been quiet may ask at once.", unit="questions", ge=1,
        le=1000, runtime=True)


class RateLimiter:
    """Counts questions by client. Not thread-safe: the owner holds a lock.

    Attributes:
        config: settable at any time.
    """

    def __init__(self, config: RateConfig | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config or RateConfig()
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, at

    def admit(self, client: str) -> None:
        """Count a question of that client.

        Raises:
            Refused: it asks too often; says when it may again. The question is not counted.
        """
        rate, burst = self.config.per_client_hz, float(self.config.burst)
        if not rate:
            return
        now_s = self._clock()
        left, at_s = self._buckets.pop(client, (burst, now_s))
        left = min(burst, left + max(0.0, now_s - at_s) * rate)
        admitted = left >= 1.0 - 1e-9
        self._buckets[client] = (left - 1.0 if admitted else left, now_s)
        while len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        if not admitted:
            raise Refused(f"{client or 'clients without a name'} may ask {rate:g} times a second "
                          f"(rate.per_client_hz); ask again in {(1.0 - left) / rate:.2f} s")

"""One visit of an object is one moment: which sightings are new, and which to note."""
from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

_NS = 1_000_000_000
NOTED_NS = 2 * _NS  # an object in sight is written this often
_IN_A_ROW = 3


@dataclass
class Visit:
    """An object in sight.

    Attributes:
        last_ns: when it was seen last.
        noted_ns: the same, as it was written last.
        key: of its moment; None until it is remembered.
    """

    last_ns: int
    noted_ns: int
    key: Future[int | None] | None = None


class Visits:
    """The objects in sight, by track. Not safe for several threads at once."""

    def __init__(self) -> None:
        self._visits: dict[str, Visit] = {}
        self._newest_ns: int | None = None
        self._apart = 0

    def sparse(self, stamp_ns: int, absent_s: float) -> bool:
        """Note that somebody looked; True when several looks in a row lie further apart than
        `absent_s`, so that what never left is taken for new each time."""
        if self._newest_ns is not None and stamp_ns != self._newest_ns:
            far = stamp_ns - self._newest_ns > absent_s * _NS > 0
            self._apart = self._apart + 1 if far else 0
        self._newest_ns = stamp_ns
        return self._apart >= _IN_A_ROW

    def see(self, track: str, stamp_ns: int, absent_s: float) -> Visit:
        """Note an object seen now; its visit has no `key` when it was not seen for `absent_s`."""
        absent_ns = round(absent_s * _NS)
        for known, visit in list(self._visits.items()):
            if abs(stamp_ns - visit.last_ns) > absent_ns:  # also when time went back
                del self._visits[known]
        visit = self._visits.setdefault(track, Visit(stamp_ns, stamp_ns))
        visit.last_ns = stamp_ns
        return visit

    @staticmethod
    def due(visit: Visit) -> bool:
        """True when it is time to write that it is still there, which is then taken as done."""
        if abs(visit.last_ns - visit.noted_ns) < NOTED_NS:
            return False
        visit.noted_ns = visit.last_ns
        return True

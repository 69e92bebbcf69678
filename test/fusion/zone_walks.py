"""Zones, and somebody who walks through them, for the tests of the zone monitor."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from smolvlm_ros.fusion.shapes import Prism
from smolvlm_ros.fusion.sightings import Sightings
from smolvlm_ros.fusion.zone_monitor import ZoneMonitor, ZoneTransition
from smolvlm_ros.fusion.zones import Zone


def at_once(*arguments: object, **others: object) -> Zone:
    """A zone that one sighting is enough for."""
    return Zone(*arguments, enter_hits=1, **others)  # type: ignore[arg-type]


DOOR = at_once("door", "map", Prism(((0, 0), (2, 0), (2, 2), (0, 2))), dwell_s=3.0,
               leave_after_s=1.0, hysteresis_m=0.2)
SURE = replace(DOOR, enter_hits=2, enter_after_s=1.0)
NOBODY = Sightings([], [], np.zeros((0, 3)), np.zeros(0))


def at(x: float, track: int = 1, name: str = "person", radius: float = 0.25,
       hits: int = 1) -> Sightings:
    """One track at that x, inside the zones in y and z."""
    return Sightings([track], [name], np.array([[x, 1.0, 1.0]]), np.array([radius]),
                     np.array([hits]))


def told(events: Iterable[ZoneTransition]) -> list[tuple[str, float, float]]:
    """Kind, stamp and stay of each event."""
    return [(e.kind, round(e.stamp_s, 3), round(e.dwell_s, 3)) for e in events]


def walk(monitor: ZoneMonitor, stamps: Iterable[float], place: object) -> list[ZoneTransition]:
    """Frames at those stamps; `place(t)` is the x of track 1, None where it is not seen."""
    events: list[ZoneTransition] = []
    for t in stamps:
        x = place(t)  # type: ignore[operator]
        events += monitor.update({"map": NOBODY if x is None else at(x)}, t)
    return events


def visit(t: float) -> float:
    """In at 2 s, stands, out at 9 s."""
    return -1 + t / 2 if t < 4 else 1.0 if t < 7 else 1 + (t - 7) / 2

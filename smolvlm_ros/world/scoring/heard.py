"""What the funnel said in one timeline of the embedded world, beside what was there."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world.actors import Place
from smolvlm_ros.world.truth import WorldObject


@dataclass(frozen=True)
class HeardEvent:
    """A zone event of the funnel.

    Attributes:
        time_s: since the timeline's beginning, as in all of these.
        place: x and y of the object in the world, metres.
    """

    time_s: float
    kind: str
    zone: str
    track_id: str
    class_name: str
    place: Place


@dataclass(frozen=True)
class HeardVerdict:
    """A verdict that a zone event raised.

    Attributes:
        time_s: its stamp: of the newest frame it stands on.
        pass_times: of the frames that were asked, seconds; none when nothing was asked.
        answer: True, False, or None for UNSURE.
        reason: as it was told.
    """

    time_s: float
    zone: str
    track_id: str
    question: str
    answer: bool | None
    pass_times: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True, eq=False)
class HeardObject:
    """An object of one frame: class and position, shape (3,), metres in the world."""

    class_name: str
    position: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Look:
    """One passed frame: what the funnel saw in it, and what was there.

    Attributes:
        time_s: of the frame.
        camera_position: shape (3,), metres in the world.
        heard: the funnel's objects.
        truth: everybody and everything.
    """

    time_s: float
    camera_position: NDArray[np.float64]
    heard: tuple[HeardObject, ...]
    truth: tuple[WorldObject, ...]


@dataclass(frozen=True, eq=False)
class FunnelLog:
    """All that the funnel said in one timeline."""

    events: tuple[HeardEvent, ...] = ()
    verdicts: tuple[HeardVerdict, ...] = ()
    looks: tuple[Look, ...] = ()
    frames_in: int = 0
    frames_passed: int = 0

"""Zones: shapes in a TF frame that objects may enter, dwell in and leave."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.shapes import Sector, Shape

_MOST_HITS = 100
_DRAWN_HEIGHT_M = 2.0   # of a zone without upper limit


@dataclass(frozen=True)
class Zone:
    """A shape in a frame and what is watched in it.

    Attributes:
        name: unique among the zones.
        frame_id: TF frame of the shape's coordinates.
        shape: where.
        classes: the classes watched; empty for all.
        enter_hits: sightings inside after which 'enter' is told: one false box is not enough. A
            track that was seen as often before, elsewhere, enters with its first sighting further
            inside than `hysteresis_m`.
        enter_after_s: time after which it is told with fewer, when no frame has come since to say
            otherwise (the gate drops what shows no change) and nothing has moved.
        dwell_s: stay after which 'dwell' is told, None for never.
        leave_after_s: time for which a track may be unseen before it counts as gone; a frame has to
            show it while something moves.
        hysteresis_m: how far out a track that is inside must go to be outside, with its edge: of
            who lies half across the border, the centre is now in and now out.
        keep_out: True where nothing of the watched classes may be: here already an object's edge
            counts as inside, not only its centre.

    Raises:
        ValueError: naming the field and the fix.
    """

    name: str
    frame_id: str
    shape: Shape
    classes: tuple[str, ...] = ()
    enter_hits: int = 2
    enter_after_s: float = 1.0
    dwell_s: float | None = None
    leave_after_s: float = 1.0
    hysteresis_m: float = 0.1
    keep_out: bool = False

    def __post_init__(self) -> None:
        for field in ("name", "frame_id"):
            if not getattr(self, field).strip():
                raise ValueError(f"{field} is empty; give it a text")
        if self.dwell_s is not None and not 0 < self.dwell_s < math.inf:
            raise ValueError(f"dwell_s = {self.dwell_s:g} must be above 0 s; leave it out for no "
                             "dwell event")
        if not 1 <= self.enter_hits <= _MOST_HITS:
            raise ValueError(f"enter_hits = {self.enter_hits} must be 1 to {_MOST_HITS}; 1 tells "
                             "an entry at once")
        for field in ("enter_after_s", "leave_after_s", "hysteresis_m"):
            value = getattr(self, field)
            if not 0 <= value < math.inf:
                raise ValueError(f"{field} = {value:g} must be at least 0 and finite")

    def watches(self, class_name: str) -> bool:
        """True when objects of that class are watched here."""
        return not self.classes or class_name in self.classes

    def floor(self) -> NDArray[np.float64]:
        """Corners of its lower end, shape (K, 3), metres in `frame_id`."""
        return self._ring(self._drawn_heights()[0])

    def edges(self) -> NDArray[np.float64]:
        """Lines to draw it, shape (K, 2, 3), metres in `frame_id`; two ends each (LINE_LIST)."""
        rings = [self._ring(height) for height in self._drawn_heights()]
        lines = [np.stack([ring, np.roll(ring, -1, axis=0)], 1) for ring in rings]
        return np.concatenate([*lines, np.stack(rings, 1)])

    def _drawn_heights(self) -> tuple[float, float]:
        """Where it begins and ends for the eye, metres: what has no limit is drawn with one."""
        low = self.shape.z_min_m if math.isfinite(self.shape.z_min_m) else 0.0
        high = self.shape.z_max_m if math.isfinite(self.shape.z_max_m) else low + _DRAWN_HEIGHT_M
        if low >= high:   # no lower limit, and the upper one is below the floor
            low = high - _DRAWN_HEIGHT_M
        return low, high

    def _ring(self, height_m: float) -> NDArray[np.float64]:
        """The outline at a height, shape (K, 3), in the axes of `frame_id`."""
        forward, left = self.shape.outline().T
        up = np.full(len(forward), height_m)
        if isinstance(self.shape, Sector) and self.shape.optical:   # right, down, forward
            return np.column_stack([-left, -up, forward])
        return np.column_stack([forward, left, up])

"""Zones: their checks, and the lines they are drawn with."""
from __future__ import annotations

import math

import numpy as np
import pytest

from smolvlm_ros.fusion.shapes import Cylinder, Prism, Sector
from smolvlm_ros.fusion.zones import Zone


# frame, shape, whether a line's ends lie at those heights
@pytest.mark.parametrize(("shape", "low", "high"), [
    (Prism(((0, 0), (1, 0), (0, 1)), 0.5, 1.5), 0.5, 1.5),
    (Cylinder((0, 0), 1.0), 0.0, 2.0),                       # no limits: drawn from the floor
    (Cylinder((0, 0), 1.0, z_max_m=-1.0), -3.0, -1.0),       # all below the floor
    (Sector((0.5, 2.0), (0, 90), 1.0), 1.0, 3.0),
])
def test_lines_to_draw(shape: object, low: float, high: float) -> None:
    lines = Zone("z", "map", shape).edges()  # type: ignore[arg-type]
    assert lines.shape[1:] == (2, 3)
    assert set(np.unique(lines[..., 2])) == {low, high}
    assert (Zone("z", "map", shape).floor()[:, 2] == low).all()  # type: ignore[arg-type]


def test_lines_of_an_optical_sector_lie_ahead() -> None:
    lines = Zone("z", "camera_optical_frame", Sector((0.5, 2), (-10, 10), optical=True)).edges()
    assert lines[..., 2].min() > 0.45                        # z is forward
    assert lines[..., 1].min() == -2.0                       # y is down: 2 m up
    assert lines[:len(lines) // 3, 0, 1].max() == 0.0        # and it stands on the floor


@pytest.mark.parametrize(("change", "words"), [
    ({"name": " "}, "name is empty"), ({"frame_id": ""}, "frame_id is empty"),
    ({"dwell_s": 0.0}, "dwell_s = 0"), ({"dwell_s": math.inf}, "dwell_s = inf"),
    ({"enter_hits": 0}, "enter_hits = 0 must be 1 to 100"),
    ({"enter_after_s": -1.0}, "enter_after_s"),
    ({"leave_after_s": -1.0}, "leave_after_s = -1"), ({"hysteresis_m": math.nan}, "hysteresis_m"),
])
def test_zone_is_checked(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Zone(**{"name": "z", "frame_id": "map", "shape": Cylinder((0, 0), 1.0),
                **change})  # type: ignore[arg-type]

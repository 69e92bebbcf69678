"""Where a camera sits on a robot: signs of height, pitch and roll by REP-103."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.fusion import mount_transform

# Directions in the optical frame: x right, y down, z forward.
AHEAD, RIGHT, DOWN = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@pytest.mark.parametrize(("pitch", "roll", "direction", "expected"), [
    # Level: forward is x, right is -y, down is -z.
    (0, 0, AHEAD, (1, 0, 0)), (0, 0, RIGHT, (0, -1, 0)), (0, 0, DOWN, (0, 0, -1)),
    # A positive pitch looks down.
    (90, 0, AHEAD, (0, 0, -1)), (90, 0, DOWN, (-1, 0, 0)), (90, 0, RIGHT, (0, -1, 0)),
    (30, 0, AHEAD, (np.cos(np.radians(30)), 0, -0.5)),
    # A positive roll is clockwise as seen from behind: the camera's right side goes down.
    (0, 90, RIGHT, (0, 0, -1)), (0, 90, DOWN, (0, 1, 0)), (0, 90, AHEAD, (1, 0, 0)),
    # Roll is about the viewing direction, also of a camera that looks down.
    (90, 90, AHEAD, (0, 0, -1)), (90, 90, RIGHT, (-1, 0, 0)),
])
def test_directions(pitch: float, roll: float, direction, expected) -> None:
    mount = mount_transform(0.0, pitch, roll, "base", "camera")
    assert mount.apply(direction) == pytest.approx(expected, abs=1e-12)


def test_the_camera_is_at_its_height_above_the_parent_s_origin() -> None:
    mount = mount_transform(1.2, 10.0, -3.0, "base", "camera")
    assert mount.apply((0.0, 0.0, 0.0)) == pytest.approx((0, 0, 1.2))
    assert (mount.target, mount.source) == ("base", "camera")
    # A point on the floor, 2 m ahead, seen by a camera that looks at it.
    looking = mount_transform(2.0, 45.0, 0.0, "base", "camera")
    assert looking.apply((0.0, 0.0, 2 * np.sqrt(2))) == pytest.approx((2, 0, 0), abs=1e-12)

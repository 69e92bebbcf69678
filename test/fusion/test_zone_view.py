"""The box round what a camera sees of a zone."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion import Transform, Zone
from smolvlm_ros.fusion.shapes import Cylinder, Prism, Sector
from smolvlm_ros.fusion.zone_view import seen_box

CAMERA = CameraModel(640, 480, 500.0, 500.0, 319.5, 239.5)
BENT = CameraModel(640, 480, 400.0, 400.0, 319.5, 239.5, (-0.25, 0.06, 0.0, 0.0), "plumb_bob")
# Its corners look behind it, and all of the edge of the round one does.
FISHEYE = CameraModel(640, 480, 250.0, 250.0, 319.5, 239.5, (0.02, 0.0, 0.0, 0.0), "equidistant")
ROUND = CameraModel(640, 480, 100.0, 100.0, 319.5, 239.5, (0.0, 0.0, 0.0, 1e-9), "equidistant")
# x forward, y left, z up, from an optical frame 1.5 m above the floor that looks ahead.
AHEAD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])


def placed(x: float = 0.0, y: float = 0.0, z: float = 1.5, yaw: float = 0.0) -> Transform:
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return Transform(turn @ AHEAD, np.array([x, y, z]))


def box_zone(x0: float, y0: float, x1: float, y1: float, low: float = 0.0, high: float = 2.0
             ) -> Zone:
    return Zone("door", "map", Prism(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), low, high))


def test_a_zone_ahead_has_the_box_of_its_corners() -> None:
    box = seen_box(box_zone(4, -0.5, 6, 0.5), CAMERA, placed())
    # The near face, 4 m ahead: 0.5 m to both sides, 0.5 m above the camera, 1.5 m below.
    # The optical axis is in the image's middle, where pixel (0, 0) covers 0 to 1.
    assert box == pytest.approx((320 - 62.5, 240 - 62.5, 320 + 62.5, 240 + 187.5))


@pytest.mark.parametrize("zone", [
    box_zone(-6, -0.5, -4, 0.5),                       # behind the camera
    box_zone(4, 20, 6, 21),                            # far to the left
    Zone("high", "map", Cylinder((5.0, 0.0), 0.5, 30.0, 31.0))])
def test_a_zone_out_of_view_has_none(zone: Zone) -> None:
    assert seen_box(zone, CAMERA, placed()) is None


def test_inside_a_zone_all_of_the_view_is_it() -> None:
    assert seen_box(box_zone(-1, -1, 1, 1), CAMERA, placed()) == (0, 0, 640, 480)
    # Before a wall of a zone too, none of whose edges are in view.
    left, top, right, bottom = seen_box(box_zone(1, -50, 2, 50, -50, 50), CAMERA, placed())
    assert (left, top) == (0, 0) and right >= 639 and bottom >= 479


def test_a_zone_that_reaches_behind_the_camera_is_cut() -> None:
    left, top, right, bottom = seen_box(box_zone(-3, 0.5, 8, 1.5), CAMERA, placed())
    assert left == 0 and bottom >= 479 and 200 < right < 319.5


def test_a_sector_before_the_camera_in_its_own_frame() -> None:
    sector = Zone("near", "optical", Sector((0.5, 2.0), (-10, 10), optical=True))
    left, top, right, bottom = seen_box(sector, CAMERA, Transform.identity("optical"))
    assert left < 300 < 340 < right and right - left < 400


@settings(max_examples=150, deadline=None)
@example(0.25, 0.0, 1.0, 1.0, 1.0, FISHEYE)
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(0.2, 3), st.floats(0.2, 3),
       st.floats(-3.1, 3.1), st.sampled_from([CAMERA, BENT, FISHEYE, ROUND]))
def test_whatever_is_in_the_zone_and_in_view_is_in_the_box(
        x: float, y: float, dx: float, dy: float, yaw: float, camera: CameraModel) -> None:
    zone, place = box_zone(x, y, x + dx, y + dy), placed(yaw=yaw)
    grid = np.stack(np.meshgrid(np.linspace(x, x + dx, 6), np.linspace(y, y + dy, 6),
                                np.linspace(0, 2, 6)), -1).reshape(-1, 3)
    seen = place.inverse().apply(grid)
    low, high = camera.view_limits()
    flat = seen[:, :2] / np.maximum(seen[:, 2:], 1e-9)
    # Only where the lens model holds: it folds back points far outside of the image.
    seen = seen[(seen[:, 2] > 0.06) & (flat >= low).all(1) & (flat <= high).all(1)]
    pixels = camera.project(seen)
    pixels = pixels[(pixels >= 0).all(1) & (pixels <= (639, 479)).all(1)]
    box = seen_box(zone, camera, place)
    if not len(pixels):
        return
    assert box is not None
    left, top, right, bottom = box
    assert 0 <= left < right <= 640 and 0 <= top < bottom <= 480
    slack = 3.0  # px: between the points of the border a lens bends it
    assert (pixels[:, 0] >= left - slack).all() and (pixels[:, 0] <= right + slack).all()
    assert (pixels[:, 1] >= top - slack).all() and (pixels[:, 1] <= bottom + slack).all()

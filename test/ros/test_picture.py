"""The annotated picture: boxes at any size of the image, zones in any frame."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="no ROS here, or its interfaces are not built")
from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.fusion import Fused, Tracker3D, Transform, Unplaced, Zone, fuse  # noqa: E402
from smolvlm_ros.fusion.shapes import Prism, Sector  # noqa: E402
from smolvlm_ros.ros.picture import View, draw  # noqa: E402

CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
BOX = (120.0, 60.0, 200.0, 180.0)


def view(boxes=(BOX,), zones: tuple[Zone, ...] = (), frames: dict | None = None,
         occupied: bool = False) -> View:
    fused = fuse(boxes, [0.9] * len(boxes), ["person"] * len(boxes),
                 np.full((240, 320), 3.0, np.float32), CAMERA)
    tracks = Tracker3D().update(fused.objects, 1.0)
    return View(CAMERA, fused, tracks, zones, frames or {},
                {z.name: (1,) if occupied else () for z in zones})


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_boxes_are_at_their_place_in_an_image_of_any_size(factor: float) -> None:
    image = np.zeros((round(240 * factor), round(320 * factor), 3), np.uint8)
    drawn = draw(image, view()).any(2)
    assert not image.any()  # a copy was drawn on
    x0, y0, x1, y1 = (round(v * factor) for v in BOX)
    middle = (y0 + y1) // 2
    # Along the row through the middle only the box's two sides are drawn.
    columns = np.flatnonzero(drawn[middle])
    assert set(np.digitize(columns, [(x0 + x1) / 2]).tolist()) == {0, 1}
    assert np.abs(columns - np.where(columns < (x0 + x1) / 2, x0, x1)).max() <= 4 * max(1, factor)


def test_what_has_no_pose_is_drawn_too() -> None:
    nowhere = View(CAMERA, Fused((), (Unplaced("person", 0.9, BOX, "no depth"),)), (), (), {}, {})
    assert draw(np.zeros((240, 320, 3), np.uint8), nowhere).any()


@pytest.mark.parametrize("shape", [
    # Flat ground 1 m below a camera that looks ahead, in a body frame and in the optical one.
    Prism(((2.0, -1.0), (4.0, -1.0), (4.0, 1.0), (2.0, 1.0)), z_min_m=-1.0),
    Sector((2.0, 4.0), (-15.0, 15.0), z_min_m=-1.0, optical=True)])
def test_zones_are_drawn_below_the_horizon_where_they_are(shape) -> None:
    optical = isinstance(shape, Sector)
    to_zone = (Transform.identity("zone") if optical else
               Transform(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3), "zone"))
    zone = Zone("z", "zone", shape)
    drawn = draw(np.zeros((240, 320, 3), np.uint8),
                 view((), (zone,), {"zone": to_zone})).any(2)
    # 1 m down at 2 to 4 m: 300 / 4 to 300 / 2 pixels below the middle.
    rows = np.flatnonzero(drawn[:, 150:170].any(1))
    assert rows.min() >= 119 and rows.max() >= 180
    assert drawn[200:, :].any() and not drawn[:100].any()


def test_a_zone_whose_frame_is_missing_is_left_out_and_an_occupied_one_has_another_colour() -> None:
    zone = Zone("z", "zone", Sector((2.0, 4.0), (-15.0, 15.0), z_min_m=-1.0, optical=True))
    image = np.zeros((240, 320, 3), np.uint8)
    assert not draw(image, view((), (zone,))).any()
    here = {"zone": Transform.identity("zone")}
    free, occupied = (draw(image, view((), (zone,), here, inside)) for inside in (False, True))
    assert (free != occupied).any()

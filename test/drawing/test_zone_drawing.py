"""Zones as the camera sees them, against projections done here."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.drawing import draw_zone
from smolvlm_ros.sources.demo_scene import camera_pose

CAMERA = CameraModel.from_fov(320, 240, 62.0)
BLACK = np.zeros((240, 320, 3), np.uint8)
COLOUR = (200, 100, 50)
FROM_GROUND = np.linalg.inv(camera_pose(1.2, 10.0))
SQUARE = [[3, 0.5, 0], [4, 0.5, 0], [4, -0.5, 0], [3, -0.5, 0]]


def seen(polygon, transform=FROM_GROUND, camera: CameraModel = CAMERA, **options) -> np.ndarray:
    """Mask of pixels that the zone touches."""
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    return draw_zone(image, polygon, camera, transform, colour=COLOUR, **options).any(2)


def pixel(x: float, y: float, z: float = 0.0, camera: CameraModel = CAMERA) -> tuple[int, int]:
    point = FROM_GROUND @ (x, y, z, 1)
    u, v = camera.project(point[None, :3])[0]
    return int(round(v)), int(round(u))


def test_the_floor_is_where_it_is_projected() -> None:
    mask = seen(SQUARE)
    assert mask[pixel(3.5, 0)] and mask[pixel(3.1, 0.4)]
    for outside in ((2.8, 0), (4.3, 0), (3.5, 0.7), (3.5, -0.7)):
        assert not mask[pixel(*outside)]


def test_a_prism_has_an_upper_edge() -> None:
    assert not seen(SQUARE)[pixel(3, 0.5, 1.0)]
    assert seen(SQUARE, height_m=1.0)[pixel(3, 0.5, 1.0)]
    assert seen(SQUARE, height_m=1.0)[pixel(3, 0.5, 0.5)]


def test_through_a_round_lens() -> None:
    lens = CameraModel(320, 240, 60.0, 60.0, 159.5, 119.5, (0.0, 0.0, 0.0, 1e-9), "equidistant")
    mask = seen(SQUARE, camera=lens)
    assert mask[pixel(3.5, 0, camera=lens)] and not mask[pixel(4.5, 0, camera=lens)]


def test_what_is_behind_the_camera_is_cut_off() -> None:
    # reaches from behind the camera to 4 m before it
    mask = seen([[-5, 0.5, 0], [4, 0.5, 0], [4, -0.5, 0], [-5, -0.5, 0]])
    assert mask[pixel(3.5, 0)] and mask[239, 160]
    assert not mask[:100].any()  # nothing flipped above the horizon
    assert not mask[pixel(4.5, 0)]


@pytest.mark.parametrize("polygon", [
    # behind, far to the left
    [[-3, 0, 0], [-4, 0, 0], [-4, 1, 0]], [[3, 20, 0], [4, 20, 0], [4, 21, 0]]])
def test_a_zone_out_of_view_draws_nothing(polygon) -> None:
    assert not seen(polygon, height_m=1.0, label="door").any()


def test_a_zone_around_the_camera_fills_the_floor() -> None:
    mask = seen([[-50, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]])
    assert mask[200:].all() and not mask[:40].any()


def test_edges_bend_with_the_lens() -> None:
    lens = CameraModel(320, 240, CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy,
                       (-0.3, 0.08, 0.0, 0.0), "plumb_bob")
    wide = [[2.2, 1.2, 0], [4, 1.2, 0], [4, -1.2, 0], [2.2, -1.2, 0]]
    mask = seen(wide, camera=lens)
    for y in (-1.1, -0.5, 0.0, 0.5, 1.1):
        assert mask[pixel(2.25, y, camera=lens)]
        assert not mask[pixel(2.1, y, camera=lens)]


def test_a_concave_zone_keeps_its_notch() -> None:
    mask = seen([[3, 1, 0], [5, 1, 0], [5, -1, 0], [3, -1, 0], [4.5, 0, 0]])
    assert mask[pixel(4.5, 0.6)] and not mask[pixel(3.5, 0)]


def test_a_label_lies_in_the_image() -> None:
    with_label = draw_zone(BLACK, SQUARE, CAMERA, FROM_GROUND, label="a" * 200)
    assert with_label.shape == BLACK.shape
    plain = draw_zone(BLACK, SQUARE, CAMERA, FROM_GROUND)
    assert (with_label != plain).any() and not BLACK.any()


@pytest.mark.parametrize(("change", "words"), [
    ({"polygon": [[0, 0, 0], [1, 0, 0]]}, r"\(N, 3\)"),
    ({"polygon": [[0, 0], [1, 0], [1, 1]]}, r"\(N, 3\)"),
    ({"polygon": [[0, 0, 0], [1, 0, 0], [1, np.nan, 0]]}, "not finite"),
    ({"camera_from_zone": np.eye(3)}, r"expected \(4, 4\)"),
    ({"camera": CAMERA.scaled(640, 480)}, "camera.scaled"),
])
def test_wrong_input_is_refused(change, words: str) -> None:
    arguments = {"image_rgb": BLACK, "polygon": SQUARE, "camera": CAMERA,
                 "camera_from_zone": FROM_GROUND, **change}
    with pytest.raises(ValueError, match=words):
        draw_zone(**arguments)

"""The camera model: there and back with every distortion, and what it refuses."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel

MODELS = [
    ("none", ()),
    ("plumb_bob", (-0.3, 0.1, 0.001, -0.001, 0.02)),
    ("rational_polynomial", (0.1, 0.02, 0.001, 0.0, 0.01, 0.05, 0.01, 0.0)),
    ("equidistant", (0.01, 0.002, 0.0, 0.0)),
]


@pytest.mark.parametrize(("model", "coefficients"), MODELS)
def test_project_undoes_rays(model: str, coefficients: tuple[float, ...]) -> None:
    camera = CameraModel(640, 480, 500, 510, 320.3, 238.9, coefficients, model)
    pixels = np.array([[0, 0], [639, 479], [320.3, 238.9], [10.5, 400.2]])
    assert np.allclose(camera.project(camera.rays(pixels) * 3.7), pixels, atol=1e-5)


def test_a_known_pixel_gives_its_ray() -> None:
    # one focal length to the right of the principal point is 45 degrees
    camera = CameraModel(640, 480, 500, 500, 100, 240)
    assert np.allclose(camera.rays([[600, 240]]), [[1, 0, 1]])


def test_scaling_keeps_every_ray() -> None:
    camera = CameraModel(640, 480, 500, 510, 320.3, 238.9, (-0.3, 0.1, 0, 0), "plumb_bob")
    half = camera.scaled(320, 240)
    corner, scaled = np.array([[99.0, 57.0]]), np.array([[(99.5) / 2 - 0.5, 57.5 / 2 - 0.5]])
    assert np.allclose(camera.rays(corner), half.rays(scaled), atol=1e-7)


def test_points_behind_the_camera_have_no_pixel() -> None:
    camera = CameraModel.from_fov(640, 480, 90)
    uv = camera.project([[0, 0, 1], [0, 0, -1], [0, 0, 0]])
    assert np.allclose(uv[0], [319.5, 239.5]) and np.isnan(uv[1:]).all()


# 100 px a radian: what lies outside of a circle of 157 px is behind the camera.
ROUND = CameraModel(640, 480, 100.0, 100.0, 319.5, 239.5, (0.0, 0.0, 0.0, 1e-9), "equidistant")
# x (1 - 0.3 r^2 ...) turns back at 1.05: no point is seen farther than 0.7 focal lengths out.
FOLDED = CameraModel(640, 480, 320.0, 320.0, 319.5, 239.5, (-0.3, 0.0, 0.0, 0.0), "plumb_bob")


@pytest.mark.parametrize(("camera", "last_px"), [(ROUND, 157.0), (FOLDED, 224.8)])
def test_a_pixel_that_shows_nothing_in_front_has_no_ray(camera: CameraModel, last_px: float
                                                        ) -> None:
    image = camera.ray_image()
    v, u = np.indices(image.shape[:2])
    radius = np.hypot(u - camera.cx, v - camera.cy)
    none = np.isnan(image).any(2)
    assert none[radius > last_px + 2].all() and not none[radius < last_px - 5].any()
    assert np.isnan(image[none]).all()  # all of a ray or nothing
    seen = camera.project(image[~none])
    assert np.abs(seen - np.stack([u, v], 2)[~none]).max() <= 1.0


@pytest.mark.parametrize(("camera", "expected"), [
    # a pinhole: its corners
    (CameraModel(640, 480, 400.0, 400.0, 319.5, 239.5), (0.8, 0.6)),
    # an edge behind the camera: 89 degrees
    (ROUND, (np.tan(np.radians(89)),) * 2),
    # no ray along all edges: as far as the polynomial goes
    (FOLDED, (1.05, 1.05))])
def test_the_limits_of_the_view(camera: CameraModel, expected: tuple[float, float]) -> None:
    low, high = camera.view_limits()
    assert high == pytest.approx(expected, rel=0.06) and low == pytest.approx(-high, rel=0.06)


def test_ray_image_is_the_rays_and_read_only() -> None:
    camera = CameraModel.from_fov(8, 6, 60)
    image = camera.ray_image()
    assert image.shape == (6, 8, 3)
    assert np.allclose(image[4, 7], camera.rays([[7, 4]])[0], atol=1e-6)
    with pytest.raises(ValueError):
        image[0, 0, 0] = 1


@pytest.mark.parametrize(("values", "word"), [
    (dict(width=0), "size"),  # an empty message
    (dict(fx=0.0), "focal"),  # an uncalibrated camera
    (dict(fy=float("nan")), "finite"),  # a broken calibration file
    (dict(distortion=(0.1,), distortion_model="plumb_bob"), "coefficients"),  # too few
    (dict(distortion=(0.1,), distortion_model="thin_prism"), "not known"),  # another library's
])
def test_refusals_say_what_is_wrong(values: dict[str, object], word: str) -> None:
    good: dict[str, object] = dict(width=640, height=480, fx=500.0, fy=500.0, cx=320.0, cy=240.0)
    with pytest.raises(ValueError, match=word):
        CameraModel(**{**good, **values})  # type: ignore[arg-type]


def test_an_ideal_fisheye_is_no_pinhole() -> None:
    for coefficients in ((), (0.0,) * 4):
        camera = CameraModel(1280, 800, 285.7, 285.7, 640.0, 400.0, coefficients, "equidistant")
        # Angles grow evenly with the distance from the middle: r = f * angle.
        angle = (916.0 - 640.0) / 285.7
        np.testing.assert_allclose(camera.rays([(916.0, 400.0)]), [[np.tan(angle), 0.0, 1.0]],
                                   atol=1e-6)
        np.testing.assert_allclose(camera.project([[np.tan(angle), 0.0, 1.0]]), [[916.0, 400.0]],
                                   atol=1e-6)


def test_view_limits_hold_what_a_wide_polynomial_shows_within_blind_edges() -> None:
    # Its polynomial turns over between u = 630 and the right edge.
    lens = CameraModel(640, 480, 330.0, 330.0, 319.5, 239.5, (-0.33, 0.11, 0.0, 0.0, -0.017),
                       "plumb_bob")
    assert np.isnan(lens.rays([(639.5, 239.5)])).any()
    inside = lens.rays([(600.0, 239.5)])[0, 0]
    low, high = lens.view_limits()
    assert high[0] > inside > 1.2 and low[0] < -inside


def test_view_limits_of_coefficients_that_are_no_lens_s_are_a_pinhole_s() -> None:
    # The principal point lies beside the image, and no pixel of it has a ray.
    lens = CameraModel(64, 48, 60.0, 60.0, 900.0, 23.5, (-50.0, 0.0, 0.0, 0.0), "plumb_bob")
    assert np.isnan(lens.ray_image()).all()
    low, high = lens.view_limits()
    np.testing.assert_allclose([low[0], high[0]], [(-0.5 - 900) / 60, (63.5 - 900) / 60])

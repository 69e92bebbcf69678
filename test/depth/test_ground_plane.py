"""Depth of flat ground: geometry against hand-made and independently rotated rays."""
from __future__ import annotations

import math

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import DepthConfig, DepthError, GroundPlane, Mount, ground_depth

CAMERA = CameraModel(64, 48, 50.0, 50.0, 31.5, 23.5)
IMAGE = np.zeros((48, 64, 3), np.uint8)


def estimator(**ground: float) -> GroundPlane:
    return GroundPlane(DepthConfig.from_flat(
        {"estimator": "ground_plane", **{f"ground_plane.{k}": v for k, v in ground.items()}}))


def test_level_camera_is_height_times_focal_over_rows_below_the_horizon() -> None:
    depth = ground_depth(CAMERA, Mount(1.5), 100.0)
    # Row 43 lies 19.5 px below the principal point: Z = 1.5 m * 50 px / 19.5 px.
    np.testing.assert_allclose(depth[43], 1.5 * 50 / 19.5, rtol=1e-5)
    assert np.isnan(depth[:24]).all() and np.isfinite(depth[25:]).all()


def test_looking_straight_down_sees_the_height_everywhere() -> None:
    depth = ground_depth(CAMERA, Mount(30.0, math.pi / 2), 100.0)
    np.testing.assert_allclose(depth, 30.0, rtol=1e-5)


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0, 10), (25, 0), (25, -15), (-5, 40)])
def test_every_point_lies_on_the_ground(pitch_deg: float, roll_deg: float) -> None:
    pitch, roll = math.radians(pitch_deg), math.radians(roll_deg)
    depth = ground_depth(CAMERA, Mount(0.8, pitch, roll), 50.0)
    seen = np.isfinite(depth)
    assert seen.sum() > 200
    points = CAMERA.ray_image()[seen] * depth[seen][:, None]
    # Optical to body (REP-103), then R = Ry(pitch) Rx(roll) to levelled axes with z up.
    body = np.column_stack([points[:, 2], -points[:, 0], -points[:, 1]])
    rx = np.array([[1, 0, 0], [0, math.cos(roll), -math.sin(roll)],
                   [0, math.sin(roll), math.cos(roll)]])
    ry = np.array([[math.cos(pitch), 0, math.sin(pitch)], [0, 1, 0],
                   [-math.sin(pitch), 0, math.cos(pitch)]])
    np.testing.assert_allclose((body @ (ry @ rx).T)[:, 2], -0.8, atol=2e-3)


def test_positive_roll_has_the_right_side_lower() -> None:
    # The right of the image then sees nearer ground than the left, in the same row.
    depth = ground_depth(CAMERA, Mount(1.0, 0.0, math.radians(10)), 1e3)
    assert depth[47, 63] < depth[47, 0]


def test_far_ground_is_infinite_and_the_sky_unknown() -> None:
    depth = ground_depth(CAMERA, Mount(1.0), 10.0)
    # The horizon is at row 23.5; Z > 10 m down to 5 px below it.
    assert np.isinf(depth[24:29]).all() and np.isfinite(depth[29:]).all()
    assert np.isnan(depth[:24]).all()
    assert np.nanmax(depth[29:]) <= 10.0


def test_distortion_is_respected() -> None:
    bent = CameraModel(64, 48, 50.0, 50.0, 31.5, 23.5, (-0.3, 0.1, 0, 0, 0), "plumb_bob")
    depth = ground_depth(bent, Mount(1.0, 0.3), 50.0)
    pixel = np.array([[60.0, 45.0]])
    ray = bent.rays(pixel)[0]
    assert depth[45, 60] == pytest.approx(1.0 / (ray @ Mount(1.0, 0.3).down()), rel=1e-5)
    assert abs(depth[45, 60] - ground_depth(CAMERA, Mount(1.0, 0.3), 50.0)[45, 60]) > 0.01


def test_beside_a_round_lens_nothing_is_known() -> None:
    lens = CameraModel(64, 48, 10.0, 10.0, 31.5, 23.5, (0.0, 0.0, 0.0, 1e-9), "equidistant")
    depth = ground_depth(lens, Mount(1.0), 1e3)
    assert np.isnan(depth[45, :16]).all() and np.isfinite(depth[35, 31])


def test_estimate_gives_map_camera_and_information() -> None:
    made = estimator(camera_height_m=1.5, max_range_m=100.0).estimate(IMAGE, CAMERA, 0.0)
    assert made.depth_m.shape == (48, 64) and made.depth_m.dtype == np.float32
    assert made.camera is CAMERA and made.range_m == 100.0 and made.info.variant is None
    assert not made.depth_m.flags.writeable  # the same map serves the next frame


def test_output_scale_scales_map_and_camera_alike() -> None:
    full = estimator(camera_height_m=1.5, camera_pitch_deg=20.0)
    half = GroundPlane(DepthConfig.from_flat({
        "estimator": "ground_plane", "output_scale": 0.5, "ground_plane.camera_height_m": 1.5,
        "ground_plane.camera_pitch_deg": 20.0}))
    small = half.estimate(IMAGE, CAMERA, 0.0)
    assert small.depth_m.shape == (24, 32) and small.camera is not None
    assert (small.camera.width, small.camera.height) == (32, 24)
    large = full.estimate(IMAGE, CAMERA, 0.0).depth_m
    # A half-size pixel covers four; its ray is the middle of theirs, in 1 / Z.
    expected = 1 / (1 / large[40:48]).reshape(4, 2, 32, 2).mean((1, 3))
    np.testing.assert_allclose(small.depth_m[20:], expected, rtol=1e-4)


def test_mount_from_tf_replaces_the_settings_until_these_change() -> None:
    ground = estimator(camera_height_m=1.0, camera_pitch_deg=90.0)
    assert ground.estimate(IMAGE, CAMERA, 0.0).depth_m[0, 0] == pytest.approx(1.0)
    ground.set_mount(2.0, math.pi / 2)
    assert ground.estimate(IMAGE, CAMERA, 0.1).depth_m[0, 0] == pytest.approx(2.0)
    same = DepthConfig.from_flat({"estimator": "ground_plane", "ground_plane.camera_height_m": 1.0,
                                  "ground_plane.camera_pitch_deg": 90.0,
                                  "ground_plane.max_range_m": 30.0})
    ground.configure(same)
    assert ground.mount.height_m == 2.0
    ground.configure(same.changed(ground_plane__camera_height_m=3.0))
    assert ground.estimate(IMAGE, CAMERA, 0.2).depth_m[0, 0] == pytest.approx(3.0)


@pytest.mark.parametrize("mount", [Mount(0.8, 0.3, -0.2), Mount(2.0, -0.1, 0.5),
                                   Mount(40.0, math.pi / 2)])
def test_pose_from_tf_gives_the_same_mount(mount: Mount) -> None:
    # Ground axes with z up, whatever the heading: only the third row of the rotation matters.
    up = -mount.down()
    side = np.cross(up, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    rotation = np.stack([np.cross(side, up), side, up])
    ground = estimator()
    ground.set_pose(rotation, (7.0, -3.0, mount.height_m))
    np.testing.assert_allclose(ground.mount.down(), mount.down(), atol=1e-12)
    assert ground.mount.height_m == mount.height_m
    with pytest.raises(DepthError, match="TF"):
        ground.set_pose(rotation, (0.0, 0.0, -0.5))


@pytest.mark.parametrize("height", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_mount_is_refused_and_the_old_one_kept(height: float) -> None:
    ground = estimator(camera_height_m=1.0)
    with pytest.raises(DepthError, match="height"):
        ground.set_mount(height, 0.0)
    assert ground.mount.height_m == 1.0


def test_bad_input_is_named() -> None:
    ground = estimator()
    with pytest.raises(DepthError, match="CameraInfo"):
        ground.estimate(IMAGE, None, 0.0)
    with pytest.raises(DepthError, match="64x48.*32x24"):
        ground.estimate(IMAGE, CAMERA.scaled(32, 24), 0.0)
    with pytest.raises(DepthError, match="rgb8"):
        ground.estimate(IMAGE[..., 0], CAMERA, 0.0)
    assert np.isfinite(ground.estimate(IMAGE, CAMERA, 0.0).depth_m).any()

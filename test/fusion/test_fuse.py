"""fuse: positions, sizes and covariances against geometry worked out by hand."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import Mount, ground_depth
from smolvlm_ros.fusion.fuse import FusionConfig, fuse
from smolvlm_ros.fusion.mount import mount_transform
from smolvlm_ros.fusion.transform import Transform

CAMERA = CameraModel(640, 480, 500.0, 400.0, 319.5, 239.5)
WIDE = CameraModel(640, 480, 400.0, 400.0, 319.5, 239.5, (-0.3, 0.1, 0.0, 0.0, 0.0), "plumb_bob")
FISHEYE = CameraModel(640, 480, 300.0, 300.0, 319.5, 239.5, (0.05, 0.01, 0.0, 0.0), "equidistant")
WALL = np.full((480, 640), 4.0, np.float32)


def test_position_and_size() -> None:
    # Centre (420, 200), the camera's is (320, 240) where pixel (0, 0) covers 0 to 1:
    # x = 100 / 500 * 4, y = -40 / 400 * 4; 50 px wide, 80 px high.
    thing = fuse([(395, 160, 445, 240)], [0.7], ["box"], WALL, CAMERA).objects[0]
    assert thing.position == pytest.approx([0.8, -0.4, 4.0])
    assert thing.size[:2] == pytest.approx([0.4, 0.8])
    assert thing.range_m == pytest.approx(np.sqrt(0.64 + 0.16 + 16))
    assert (thing.class_name, thing.score, thing.xyxy) == ("box", 0.7, (395, 160, 445, 240))
    assert not thing.cut


def test_the_middle_of_a_body_lies_behind_what_is_seen_of_it() -> None:
    box = [(395, 160, 445, 240)]  # 0.4 m wide, 0.8 m high
    seen = fuse(box, [1], ["a"], WALL, CAMERA, FusionConfig(depth_std_rel=0.0)).objects[0]
    body = fuse(box, [1], ["a"], WALL, CAMERA,
                FusionConfig(depth_std_rel=0.0, body_ratio=0.3)).objects[0]
    ray = seen.position / seen.range_m
    assert body.position - seen.position == pytest.approx(0.3 * 0.4 * ray)
    # What is seen of it is as near as before; where its middle is, is less sure along the ray.
    assert body.range_m == seen.range_m and body.size == pytest.approx(seen.size)
    assert ray @ (body.covariance - seen.covariance) @ ray == pytest.approx((0.15 * 0.4) ** 2)


def test_behind_its_contact_lies_the_middle_of_a_squat_body_and_none_of_an_upright_one() -> None:
    upright, squat = (395, 160, 445, 240), (370, 200, 445, 240)   # 0.4 x 0.8 m, 0.6 x 0.4 m
    for box, behind_m in ((upright, 0.0), (squat, 0.4 * 0.4)):
        seen, body = (fuse([box], [1], ["a"], WALL, CAMERA, FusionConfig(
            depth_anchor="contact", body_ratio=ratio)).objects[0] for ratio in (0.0, 0.3))
        ray = seen.position / seen.range_m
        assert body.position - seen.position == pytest.approx(behind_m * ray)


def standing(pitch_deg: float, x_m: float, height_m: float = 1.7
             ) -> tuple[Transform, NDArray[np.float64], NDArray[np.float32]]:
    """A thin post on the ground before a camera 3 m above it: mount, box and the ground's depth."""
    place = mount_transform(3.0, pitch_deg, 0.0, "map", "camera")
    y = np.array([(x_m, -0.2, 0.0), (x_m, 0.2, 0.0), (x_m, -0.2, height_m), (x_m, 0.2, height_m)])
    pixels = CAMERA.project(place.inverse().apply(y)) + 0.5
    depth = ground_depth(CAMERA, Mount(3.0, np.radians(pitch_deg)), 50.0)
    return place, np.concatenate([pixels.min(0), pixels.max(0)]), depth


@pytest.mark.parametrize("anchor", ["contact", "floor"])
@pytest.mark.parametrize(("pitch_deg", "x_m"), [
    (0, 8.0), (-8, 9.0), (22, 6.0), (35, 4.0), (45, 3.0), (60, 2.0)])
def test_what_stands_is_over_its_feet_however_the_camera_is_tilted(pitch_deg: float, x_m: float,
                                                                   anchor: str) -> None:
    place, box, depth = standing(pitch_deg, x_m)
    config = FusionConfig(depth_anchor=anchor, body_ratio=0.3)
    (thing,) = fuse([box], [1], ["person"], depth, CAMERA, config, place.up()).objects
    found = thing.transformed(place)
    # Above 30 degrees it may as well lie along the view: less and less is made of its height.
    off_m = np.sqrt(found.covariance[0, 0]) if pitch_deg > 30 else 0.0
    assert found.position[:2] == pytest.approx([x_m, 0], abs=0.06 + 2 * off_m)
    if pitch_deg <= 30:
        assert found.position[2] == pytest.approx(0.85, abs=0.25)   # not the middle of the post
    (blind,) = fuse([box], [1], ["person"], depth, CAMERA, config).objects
    if pitch_deg == 0:
        assert np.array_equal(thing.position, blind.position)
        assert np.array_equal(thing.covariance, blind.covariance)
    elif pitch_deg > 30:   # what it would be without
        assert blind.transformed(place).position[0] - x_m > 0.3


@pytest.mark.parametrize(("pitch_deg", "height_m", "x_m"), [
    (45, 2.5, 1.85), (60, 2.5, 1.45), (60, 1.2, 0.85), (70, 1.2, 0.25), (75, 1.0, 0.35)])
def test_who_lies_along_the_view_stays_near_the_floor_and_before_the_camera(
        pitch_deg: float, height_m: float, x_m: float) -> None:
    place = mount_transform(height_m, pitch_deg, 0.0, "map", "camera")
    corners = np.array([(x_m + x, y, z) for x in (-0.85, 0.85) for y in (-0.25, 0.25)
                        for z in (0.0, 0.2)])
    corners = place.inverse().apply(corners)
    pixels = CAMERA.project(corners[corners[:, 2] > 0.1]) + 0.5
    box = np.concatenate([pixels.min(0), pixels.max(0)]).clip(0, [640, 480, 640, 480])
    depth = ground_depth(CAMERA, Mount(height_m, np.radians(pitch_deg)), 50.0)
    (thing,) = fuse([box], [1], ["person"], depth, CAMERA, FusionConfig(
        depth_anchor="contact", body_ratio=0.3), place.up()).objects
    assert thing.position[2] > 0.3   # before the camera
    found = thing.transformed(place)
    assert found.position[2] < 0.75 and np.abs(found.position[0] - x_m) < 0.75


def test_from_right_above_it_is_unsure_how_high_a_thing_is() -> None:
    place = mount_transform(8.0, 88.0, 0.0, "map", "camera")
    depth = ground_depth(CAMERA, Mount(8.0, np.radians(88.0)), 50.0)
    (above, flat) = (fuse([(300, 200, 340, 240)], [1], ["a"], depth, CAMERA,
                          FusionConfig(depth_anchor="contact"), up).objects[0].transformed(place)
                     for up in (place.up(), None))
    assert above.position == pytest.approx(flat.position)
    assert np.sqrt(above.covariance[2, 2]) > 0.5 > 2 * np.sqrt(flat.covariance[2, 2])


def test_a_surface_s_depth_has_nothing_to_do_with_the_tilt() -> None:
    place, box, _ = standing(35, 4.0)
    one, other = (fuse([box], [1], ["a"], WALL, CAMERA, up=up).objects[0]
                  for up in (place.up(), None))
    assert np.array_equal(one.position, other.position)


def test_a_box_of_one_pixel_lies_on_that_pixels_ray() -> None:
    # The boxes of a detector count from the image's corner, a camera model from a pixel's centre.
    thing = fuse([(7, 9, 8, 10)], [1], ["a"], WALL, CAMERA,
                 FusionConfig(min_valid_pixels=1)).objects[0]
    assert thing.position == pytest.approx(4.0 * CAMERA.rays([(7, 9)])[0])
    whole = fuse([(0, 0, 640, 480)], [1], ["a"], WALL, CAMERA).objects[0]
    assert whole.cut and whole.xyxy == (0, 0, 640, 480)
    assert whole.position == pytest.approx([0, 0, 4.0], abs=1e-9)


def test_where_the_lens_has_no_ray_there_is_no_pose() -> None:
    # 100 px a radian: 157 px from the middle a ray is square to the axis.
    lens = CameraModel(640, 480, 100.0, 100.0, 319.5, 239.5, (0.0, 0.0, 0.0, 1e-9), "equidistant")
    boxes = [(500, 200, 540, 280), (300, 200, 340, 280), (400, 200, 520, 280), (100, 100, 630, 400)]
    fused = fuse(boxes, [1] * 4, ["beyond", "ahead", "half", "all"], WALL, lens)
    (beyond,) = fused.unplaced
    assert (beyond.class_name, beyond.reason) == ("beyond", "the lens model gives no ray there")
    ahead, half, whole = fused.objects
    assert ahead.position[:2] == pytest.approx([0, 0], abs=0.05)
    assert half.position[0] == pytest.approx(4 * np.tan(1.4), rel=0.01)
    # Its right side has no ray: as wide as on the left.
    assert half.size[0] == pytest.approx(8 * (np.tan(1.4) - np.tan(0.8)), rel=0.01)
    # Neither side has one: as without distortion.
    assert whole.size[0] == pytest.approx(4 * 530 / 100)
    for thing in fused.objects:
        assert np.isfinite(thing.covariance).all() and (thing.size > 0).all()


@pytest.mark.parametrize("camera", [WIDE, FISHEYE])   # a box far from the middle, both lens models
def test_distortion_is_undone(camera: CameraModel) -> None:
    truth = np.array([1.5, 0.9, 4.0])
    u, v = camera.project([truth])[0] + 0.5
    thing = fuse([(u - 15, v - 15, u + 15, v + 15)], [1], ["a"], WALL, camera).objects[0]
    assert thing.position == pytest.approx(truth, abs=1e-3)


def test_depth_of_another_resolution() -> None:
    depth = np.full((240, 320), 9.0, np.float32)
    depth[80:120, 198:223] = 4.0
    thing = fuse([(395, 160, 445, 240)], [1], ["a"], depth, CAMERA).objects[0]
    assert thing.position == pytest.approx([0.8, -0.4, 4.0])
    with pytest.raises(ValueError, match="not the same view"):
        fuse([(395, 160, 445, 240)], [1], ["a"], np.ones((240, 240), np.float32), CAMERA)


def test_covariance_lies_along_the_ray_and_across_it() -> None:
    config = FusionConfig(depth_std_rel=0.1, box_std_rel=0.0, box_std_px=0.0, focal_std_rel=0.0)
    thing = fuse([(395, 160, 445, 240)], [1], ["a"], WALL, CAMERA, config).objects[0]
    # Only the depth is unsure: the whole covariance lies along the ray, 0.1 of the position.
    assert thing.covariance == pytest.approx(0.01 * np.outer(thing.position, thing.position))
    config = FusionConfig(depth_std_rel=0.0, box_std_rel=0.1, box_std_px=0.0, focal_std_rel=0.0)
    thing = fuse([(395, 160, 445, 240)], [1], ["a"], WALL, CAMERA, config).objects[0]
    # Only the box is: a tenth of its sides, nothing in depth.
    assert thing.covariance == pytest.approx(np.diag([0.04, 0.08, 0.0]) ** 2, abs=1e-12)


# setting, and the axis whose variance it raises: (x, y, z)
@pytest.mark.parametrize(("change", "axis"), [
    ({"depth_std_rel": 0.2}, 2), ({"box_std_rel": 0.3}, 0), ({"box_std_px": 30.0}, 1),
    ({"focal_std_rel": 0.2}, 0)])
def test_every_deviation_is_read(change: dict[str, float], axis: int) -> None:
    boxes = [(395, 160, 445, 240)]
    before = fuse(boxes, [1], ["a"], WALL, CAMERA).objects[0].covariance
    after = fuse(boxes, [1], ["a"], WALL, CAMERA, FusionConfig().changed(**change)).objects[0]
    assert after.covariance[axis, axis] > 2 * before[axis, axis]
    assert np.linalg.eigvalsh(after.covariance).min() > 0


def test_a_cut_box_is_unsure_where_it_is_cut() -> None:
    left, middle = fuse([(-100, 100, 50, 200), (245, 100, 395, 200)], [1, 1], ["a", "a"], WALL,
                        CAMERA).objects
    assert left.cut and not middle.cut
    assert left.xyxy == (0, 100, 50, 200)
    per_side = [o.covariance[0, 0] / o.size[0] ** 2 for o in (left, middle)]
    assert per_side[0] > 10 * per_side[1]


def test_size_is_never_zero() -> None:
    config = FusionConfig(depth_std_rel=0.0)
    near = np.full((480, 640), 0.2, np.float32)
    thing = fuse([(300, 200, 308, 208)], [1], ["a"], near, CAMERA, config).objects[0]
    assert thing.size.min() >= 0.01


def test_every_detection_is_accounted_for() -> None:
    depth = WALL.copy()
    depth[:, :200] = np.nan
    fused = fuse([(10, 10, 100, 100), (300, 10, 400, 100), (700, 0, 800, 50)], [0.1, 0.2, 0.3],
                 ["a", "b", "c"], depth, CAMERA)
    assert [o.class_name for o in fused.objects] == ["b"]
    assert [(u.class_name, u.score, u.xyxy) for u in fused.unplaced] == [
        ("a", 0.1, (10, 10, 100, 100)), ("c", 0.3, (700, 0, 800, 50))]
    assert "min_valid_pixels" in fused.unplaced[0].reason
    assert "depth map" in fused.unplaced[1].reason


def test_nothing_and_all_unplaced() -> None:
    assert fuse(np.zeros((0, 4)), [], [], WALL, CAMERA).objects == ()
    fused = fuse([(5, 5, 1, 1)], [1], ["a"], WALL, CAMERA)
    assert fused.objects == () and len(fused.unplaced) == 1


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 boxes, 1 scores and 2 class names"):
        fuse([(0, 0, 9, 9)] * 2, [1], ["a", "b"], WALL, CAMERA)


def test_transformed_turns_position_and_covariance() -> None:
    thing = fuse([(395, 160, 445, 240)], [1], ["a"], WALL, CAMERA).objects[0]
    # x of the camera becomes z of the world.
    turn = Transform(np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]).T, np.array([1.0, 2.0, 3.0]))
    moved = thing.transformed(turn)
    assert moved.position == pytest.approx([1 - 4.0, 2 - 0.4, 3 + 0.8])
    assert moved.covariance[2, 2] == pytest.approx(thing.covariance[0, 0])
    assert moved.range_m == thing.range_m

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world import MOUNTS, SCENES, Key, World


def world_points(frame):
    """Points of all pixels, from the depth and the pose alone."""
    pose = frame.pose_world_from_camera
    camera_points = frame.camera.ray_image().astype(np.float64) * frame.depth_m[..., None]
    camera_points[~np.isfinite(camera_points)] = np.nan   # the sky
    return camera_points @ pose[:3, :3].T + pose[:3, 3]


def project(frame, points):
    pose = frame.pose_world_from_camera
    return frame.camera.project((np.atleast_2d(points) - pose[:3, 3]) @ pose[:3, :3])


# Some moments of every scene with every camera.
CASES = [(scene, camera, seed, index) for scene in SCENES for camera, seed, index in
         (("static", 1, 700), ("robot", 2, 150), ("drone", 3, 510))]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def frame(request, small):
    scene, camera, seed, index = request.param
    return World(scene, seed, camera=camera, model=small).frame(index)


def test_a_frame_has_the_promised_types(frame):
    rows, columns = frame.camera.height, frame.camera.width
    for array, shape, kind in ((frame.image_rgb, (rows, columns, 3), np.uint8),
                               (frame.depth_m, (rows, columns), np.float32),
                               (frame.mask, (rows, columns), np.uint8)):
        assert array.shape == shape and array.dtype == kind and array.flags.c_contiguous
    rotation = frame.pose_world_from_camera[:3, :3]
    assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    # A picture, neither black nor white.
    assert 60 < frame.image_rgb.mean() < 210 and frame.image_rgb.std() > 15


def test_depth_stays_in_the_range_of_the_scene(frame):
    finite = np.isfinite(frame.depth_m)
    assert not np.isnan(frame.depth_m).any() and frame.depth_m.min() > 0.3
    if frame.outdoor:
        assert frame.depth_m[finite].max() <= 80.0
        assert np.isposinf(frame.depth_m[~finite]).all() and 0.05 < (~finite).mean() < 0.6
        # Sky is above: no ground over sky in the middle column.
        sky = ~finite[:, frame.camera.width // 2]
        assert sky[0] and not sky[np.flatnonzero(~sky)[0]:].any()
    else:
        assert finite.all() and frame.depth_m.max() <= 20.0


def test_nothing_is_below_the_floor_and_much_is_on_it(frame):
    points = world_points(frame)
    place = np.isfinite(frame.depth_m) & (frame.mask == 0)
    heights = points[place][:, 2]
    assert heights.min() > -2e-3
    assert (np.abs(heights) < 2e-3).mean() > 0.15


def test_floor_depth_is_the_analytic_one(frame):
    # depth of a floor pixel = height of the camera over minus the ray's slope.
    # The lower middle of the image is floor, unless somebody stands there.
    pose = frame.pose_world_from_camera
    slope = (frame.camera.ray_image().astype(np.float64) @ pose[:3, :3].T)[..., 2]
    middle = (slice(-12, None), slice(60, 100))
    floor = frame.mask[middle] == 0
    assert floor.mean() > 0.5
    assert_allclose(frame.depth_m[middle][floor], (pose[2, 3] / -slope[middle])[floor], rtol=1e-5)


def test_objects_pixels_lie_within_their_extent(frame):
    points = world_points(frame)
    for item in frame.objects:
        own = frame.mask == item.track_id
        assert own.sum() == item.visible_pixels
        if not own.any():
            assert item.visible_xyxy is None and item.visibility == 0
            continue
        ahead = np.array([np.cos(item.yaw), np.sin(item.yaw), 0])
        axes = np.stack([ahead, [-ahead[1], ahead[0], 0], [0, 0, 1]])
        local = (points[own] - item.position_world) @ axes.T
        assert (np.abs(local) <= item.size_m / 2 + 2e-3).all()


def test_boxes_masks_and_visibility_agree(frame):
    rows, columns = frame.mask.shape
    for item in frame.objects:
        if item.visible_xyxy is None:
            continue
        ys, xs = np.nonzero(frame.mask == item.track_id)
        assert_array_equal(item.visible_xyxy, [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        assert 0 < item.visibility <= 1
        if item.full_xyxy is None:
            continue
        low, high = item.visible_xyxy[:2] - item.full_xyxy[:2], (item.full_xyxy[2:]
                                                                 - item.visible_xyxy[2:])
        assert min(low.min(), high.min()) > -1.01   # the whole holds its visible part
        inside = (item.full_xyxy[:2] > 0).all() and (item.full_xyxy[2:] < (columns, rows)).all()
        if item.visibility == 1 and inside:
            # A pixel is drawn when its centre is met: thin ends may fall between centres.
            assert max(low.max(), high.max()) < 2.0
        if (item.full_xyxy[:2] < -2).any() or (item.full_xyxy[2:] > (columns + 2, rows + 2)).any():
            assert item.visibility < 1


def test_positions_project_into_their_boxes(frame):
    pose = frame.pose_world_from_camera
    for item in frame.objects:
        assert_allclose(item.position_camera,
                        (item.position_world - pose[:3, 3]) @ pose[:3, :3], atol=1e-9)
        if item.full_xyxy is None:
            continue
        for point in (item.position_world, item.position_world * (1, 1, 0.99)):
            u, v = project(frame, point)[0] + 0.5
            x0, y0, x1, y1 = item.full_xyxy
            assert x0 <= u <= x1 and y0 <= v <= y1
        # The ground point lies below the middle, at the lower end of the extent.
        assert item.ground_world[2] == 0
        assert abs(item.position_world[2] - item.size_m[2] / 2) < 0.08


@pytest.mark.parametrize("scene", SCENES)
def test_same_seed_same_bytes_in_any_order(scene, small):
    a = World(scene, 4, camera="robot", model=small)
    b = World(scene, 4, camera="robot", model=small)
    order = [300, 301, 12, 640]
    one = {index: a.frame(index) for index in order}
    other = {index: b.frame(index) for index in reversed(order)}
    for index in order:
        first, second = one[index], other[index]
        assert_array_equal(first.image_rgb, second.image_rgb)
        assert_array_equal(first.depth_m, second.depth_m)
        assert_array_equal(first.mask, second.mask)
        assert first.facts == second.facts
    # And a moment is the frame of that time.
    assert_array_equal(a.at(300 / a.fps).image_rgb, one[300].image_rgb)


def test_other_seeds_scenes_and_cameras_differ(small):
    images = [World(scene, seed, camera=camera, model=small).frame(100).image_rgb
              for scene, seed, camera in (("corridor", 1, "static"), ("corridor", 2, "static"),
                                          ("corridor", 1, "robot"), ("room", 1, "static"))]
    for i, a in enumerate(images):
        for b in images[:i]:
            assert np.abs(a.astype(int) - b).mean() > 3


def test_noise_changes_from_frame_to_frame_of_a_still_scene(small, staged):
    world = World(staged(), 1, model=small)
    a, b = world.frame(0), world.frame(1)
    assert_array_equal(a.depth_m, b.depth_m)
    difference = a.image_rgb.astype(int) - b.image_rgb
    assert 0.8 < difference.std() < 6 and abs(difference.mean()) < 0.5


def test_a_ball_is_a_sphere_at_every_pixel(staged):
    # A ball of known place: all its pixels are its radius from its centre, on the near side.
    world = World(staged(("ball", "red", (Key(0.0, (3.0, 0.2)),))), 1)
    frame = world.frame(3)
    ball = frame.objects[0]
    radius = ball.size_m[2] / 2
    assert_allclose(ball.position_world, [3.0, 0.2, radius], atol=1e-9)
    own = frame.mask == 1
    points = world_points(frame)[own]
    assert_allclose(np.linalg.norm(points - ball.position_world, axis=1), radius, atol=2e-4)
    # Its middle, solved by hand: |o + t d - c| = r.
    pose = frame.pose_world_from_camera
    u, v = np.round(project(frame, ball.position_world)[0]).astype(int)
    direction = pose[:3, :3] @ frame.camera.rays([[u, v]])[0]
    away = pose[:3, 3] - ball.position_world
    a, b, c = direction @ direction, away @ direction, away @ away - radius ** 2
    assert frame.depth_m[v, u] == pytest.approx((-b - np.sqrt(b * b - a * c)) / a, rel=1e-5)
    # The box is that of the sphere's outline, cut at pixels.
    ys, xs = np.nonzero(own)
    bounds = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    assert_allclose(ball.full_xyxy, bounds, atol=1.0)
    # A red ball looks red.
    red, green, blue = np.median(frame.image_rgb[own], axis=0)
    assert red > 2 * green and red > 2 * blue


def test_the_far_wall_is_where_it_was_built(small, staged):
    world = World(staged(scene="corridor", pitch_deg=0.0), 6, model=small)
    frame = world.frame(0)
    center = frame.depth_m[small.height // 2, small.width // 2]
    # The end door lies within 10 cm before the wall at 17.7 m.
    assert 17.5 < center <= 17.7
    assert frame.depth_m.max() <= 17.7 + 1e-3


def test_the_nearer_thing_hides_the_farther_one(staged):
    timeline = staged(("box", "blue", (Key(0.0, (3.0, 0.0)),)),
                      ("ball", "red", (Key(0.0, (4.5, 0.05)),)))
    box, ball = World(timeline, 1).frame(0).objects
    assert box.visibility == 1.0 and ball.visibility < 0.7
    alone = World(staged(("ball", "red", (Key(0.0, (4.5, 0.05)),))), 1).frame(0).objects[0]
    assert alone.visibility == 1.0


def test_a_thing_over_the_border_is_counted_whole(staged):
    # The camera's half angle is 33 degrees: at 3 m the border is at 1.95 m.
    on_border = World(staged(("box", "green", (Key(0.0, (3.0, 1.95)),))), 1).frame(0).objects[0]
    assert 0.2 < on_border.visibility < 0.8 and on_border.full_xyxy[0] < -10
    assert on_border.visible_xyxy[0] == 0
    outside = World(staged(("box", "green", (Key(0.0, (3.0, 3.4)),))), 1).frame(0).objects[0]
    assert outside.visible_xyxy is None and outside.visibility == 0


def test_a_person_stands_lies_and_keeps_its_ground_point(staged):
    keys = (Key(0.0, (4.0, 0.0)), Key(5.0, (4.0, 0.0), True), Key(12.0, (4.0, 0.0)),
            Key(20.0, (4.0, 0.0)))
    world = World(staged(("person", "purple", keys)), 1)
    states = {t: world.at(t).objects[0] for t in (2.0, 5.7, 8.0, 11.0, 15.0)}
    assert [item.state for item in states.values()] == ["standing", "changing", "lying", "changing",
                                                        "standing"]
    standing, lying = states[2.0], states[8.0]
    assert 1.55 < standing.size_m[2] < 1.95 and lying.size_m[2] < 0.55
    assert max(lying.size_m[:2]) > 1.4
    assert_allclose(standing.ground_world, lying.ground_world)
    tall, flat = (np.ptp(item.visible_xyxy.reshape(2, 2), 0) for item in (standing, lying))
    assert tall[1] > 2 * tall[0] and flat[0] > 1.5 * flat[1]


def test_shadows_fall_on_the_floor(staged):
    empty = World(staged(), 1).frame(0).image_rgb.astype(int)
    frame = World(staged(("box", "blue", (Key(0.0, (3.0, 0.0)),))), 1).frame(0)
    x0, _, x1, y1 = frame.objects[0].visible_xyxy.astype(int)
    below = (slice(y1, y1 + 4), slice(x0 + 15, x1 - 15))
    assert (frame.mask[below] == 0).all()
    assert frame.image_rgb[below].mean() < 0.85 * empty[below].mean()


def test_motion_blurs_what_moves(staged):
    keys = (Key(0.0, (2.5, -9.0)), Key(3.0, (2.5, 9.0)))   # 6 m/s
    edges = []
    for way in (keys, (Key(0.0, (2.5, 0.0)),)):
        frame = World(staged(("ball", "red", way)), 1).at(1.5)
        left, top, right, bottom = frame.objects[0].visible_xyxy.astype(int)
        green = frame.image_rgb[(top + bottom) // 2, left - 20:(left + right) // 2, 1].astype(int)
        edges.append(np.abs(np.diff(green)).max())
    # The step at the ball's edge is spread over more pixels when it moves.
    assert edges[0] < 0.7 * edges[1]


@pytest.mark.parametrize("camera", MOUNTS)
def test_cameras_move_smoothly(camera):
    way = World("corridor", 8, camera=camera).timeline.camera
    poses = np.array([way.pose(i / 15) for i in range(900)])
    steps = np.diff(poses[:, :3, 3], axis=0)
    cosines = [(np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2
               for a, b in zip(poses[:-1], poses[1:], strict=True)]
    turns = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    if camera == "static":
        assert not steps.any() and turns.max() < 1e-4
        return
    assert np.linalg.norm(steps, axis=1).max() < 0.05 and turns.max() < 1.0
    # No jerks: the speed changes little from frame to frame.
    assert np.linalg.norm(np.diff(steps, axis=0), axis=1).max() < 0.012
    assert np.ptp(poses[:, 0, 3]) > 1.5 if camera == "robot" else np.ptp(poses[:, 2, 3]) > 0.05


@pytest.mark.parametrize(("arguments", "said"), [
    (("cellar", 1), "corridor, room, path"),           # an unknown scene
    (("room", -1), "seed is -1"),                      # a negative seed
])
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        World(*arguments)


def test_wrong_cameras_durations_and_indices_are_named(small):
    with pytest.raises(ValueError, match="static, robot, drone"):
        World("room", 1, camera="rail")
    with pytest.raises(ValueError, match="at least 20 s"):
        World("room", 1, duration_s=5.0)
    bent = CameraModel(160, 120, 100.0, 100.0, 80.0, 60.0, (0.1, 0.0, 0.0, 0.0), "plumb_bob")
    with pytest.raises(ValueError, match="without distortion"):
        World("room", 1, model=bent)
    world = World("room", 1, model=small)
    for index in (-1, world.frame_count):
        with pytest.raises(IndexError, match="900"):
            world.frame(index)

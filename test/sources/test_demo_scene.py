"""The drawn scene: the same for the same seed, true to its own truth, and seen by a detector."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.detection import DetectorConfig, make_detector
from smolvlm_ros.detection.boxes import iou
from smolvlm_ros.sources import open_source
from smolvlm_ros.sources.demo_scene import (
    CAMERA,
    CAMERA_HEIGHT_M,
    CAMERA_PITCH_DEG,
    FPS,
    FRAME_COUNT,
    DemoScene,
    camera_pose,
)

STANDING = 90


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene(seed=0)


def test_the_source_plays_the_scene(scene: DemoScene) -> None:
    with open_source("demo") as source:
        assert (source.fps, source.frame_count, source.camera) == (15.0, FRAME_COUNT, CAMERA)
        first, second = source.read(), source.read()
    assert second.stamp_s == pytest.approx(1 / FPS)
    assert first.image.shape == (480, 640, 3)
    assert np.array_equal(first.image, scene.image(0))


def test_a_seed_gives_the_same_pictures_and_another_seed_others(scene: DemoScene) -> None:
    # (the module's scene has drawn other frames before: no frame depends on the one before)
    assert np.array_equal(DemoScene(seed=0).image(STANDING), scene.image(STANDING))
    assert not np.array_equal(DemoScene(seed=1).image(STANDING), scene.image(STANDING))


def test_two_visits_with_nobody_before_between_and_after(scene: DemoScene) -> None:
    visits = [None if (t := scene.truth(i)) is None else t.visit for i in range(FRAME_COUNT)]
    changes = [v for i, v in enumerate(visits) if i == 0 or visits[i - 1] != v]
    assert changes == [None, 0, None, 1, None]
    for visit in (0, 1):
        truths = [t for i in range(FRAME_COUNT) if (t := scene.truth(i)) and t.visit == visit]
        assert truths[0].visible_ratio == 0 and truths[-1].visible_ratio == 0  # in and out of view
        assert sum(not t.walking for t in truths) >= 2.5 * FPS  # stands still in between
        steps = np.linalg.norm(np.diff([t.feet_world for t in truths], axis=0), axis=1) * FPS
        assert steps.max() < 2.0  # a walk


def test_without_a_person_only_noise_changes(scene: DemoScene) -> None:
    change = np.abs(scene.image(3).astype(int) - scene.image(9))
    assert 0.5 < change.mean() < 5 and change.max() < 30


def test_the_feet_are_where_the_truth_says(scene: DemoScene) -> None:
    truth = scene.truth(STANDING)
    # A ray through the feet's pixel meets the floor at the feet: height and pitch alone tell where.
    pose = camera_pose(CAMERA_HEIGHT_M, CAMERA_PITCH_DEG)
    ray = pose[:3, :3] @ CAMERA.rays([truth.feet_pixel])[0]
    hit = pose[:3, 3] - ray * pose[2, 3] / ray[2]
    assert hit == pytest.approx(truth.feet_world, abs=1e-9)


def test_the_box_bounds_what_was_drawn(scene: DemoScene) -> None:
    truth = scene.truth(STANDING)
    changed = np.abs(scene.image(STANDING).astype(int) - scene.image(0)).max(2) > 40
    rows, columns = np.nonzero(changed[:int(truth.feet_pixel[1]) - 15])  # the shadow lies below
    found = [columns.min(), rows.min(), columns.max()]
    assert found == pytest.approx(truth.xyxy[:3], abs=4)


def test_depth_is_that_of_floor_and_figure(scene: DemoScene) -> None:
    truth = scene.truth(STANDING)
    depth = scene.depth_m(STANDING)
    x, y = int(truth.xyxy[[0, 2]].mean()), int(truth.xyxy[[1, 3]].mean())
    rotation = scene.pose_world_from_camera[:3, :3]
    point = (scene.pose_world_from_camera[:3, 3]
             + rotation @ (CAMERA.ray_image()[y, x].astype(float) * depth[y, x]))
    assert point[0] == pytest.approx(truth.feet_world[0], abs=0.01)
    # a pixel of the floor, far from the person
    ray = rotation @ CAMERA.ray_image()[470, 600].astype(float)
    assert depth[470, 600] == pytest.approx(-CAMERA_HEIGHT_M / ray[2], rel=1e-5)
    assert np.isfinite(depth).all()


def test_the_people_detector_finds_the_person_and_nothing_else(scene: DemoScene) -> None:
    detector = make_detector(DetectorConfig(kind="hog"))
    found = wanted = 0
    for index in range(0, FRAME_COUNT, 9):
        truth = scene.truth(index)
        result = detector.detect(np.ascontiguousarray(scene.image(index)[..., ::-1]))
        if truth is None:
            assert len(result) == 0, index
        elif truth.visible_ratio > 0.95:
            wanted += 1
            assert len(result) <= 1, index
            true_box = truth.xyxy[None].astype(np.float32)
            found += bool(len(result)) and bool(iou(result.xyxy, true_box).max() > 0.5)
    assert wanted > 12 and found >= 0.8 * wanted

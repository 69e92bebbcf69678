"""The gate's parts on small arrays: light, noise, camera motion, regions."""
from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from drawn import STILL_WORK, Frame

from smolvlm_ros.gate import GateConfig
from smolvlm_ros.gate.camera_motion import Reference, frame_motion
from smolvlm_ros.gate.frame import UNKNOWN, mask_image, reduce_image, work_size
from smolvlm_ros.gate.homography import corner_shift, plausible, view_change
from smolvlm_ros.gate.light import IDENTITY, fit_light
from smolvlm_ros.gate.regions import Blob, around, find_blobs, moved_box, near, overlap
from smolvlm_ros.gate.scene import Scene, estimate_noise
from smolvlm_ros.gate.tracks import Tracker, at_border

ALL = np.ones(STILL_WORK.shape, bool)
NONE = np.zeros(STILL_WORK.shape, bool)


def shifted(dx: float, dy: float = 0.0) -> Frame:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    return np.asarray(cv2.warpAffine(STILL_WORK, matrix, STILL_WORK.shape[::-1],
                                     borderMode=cv2.BORDER_REFLECT), np.float32)


# image size, work width, expected: never larger than the image, never flat
@pytest.mark.parametrize(("size", "width", "expected"), [
    ((640, 480), 160, (160, 120)), ((1920, 1080), 160, (160, 90)), ((100, 80), 160, (100, 80)),
    ((4000, 9), 160, (160, 8))])
def test_work_size(size: tuple[int, int], width: int, expected: tuple[int, int]) -> None:
    assert work_size(*size, width) == expected


@pytest.mark.parametrize("shape", [(480, 640, 3), (1080, 1920, 3), (480, 640), (60, 80)])
def test_reduced_image_has_the_mean_of_the_image(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 77, np.uint8)
    size = work_size(shape[1], shape[0], 160)
    assert reduce_image(image, size).shape == size[::-1]
    assert abs(float(reduce_image(image, size).mean()) - 77) <= 1


def test_mask_covers_the_polygon_only() -> None:
    assert mask_image((), (40, 30)) is None
    mask = mask_image(("0 0, 0.5 0, 0.5 1, 0 1",), (40, 30))
    assert mask is not None and mask[:, :19].all() and not mask[:, 21:].any()


def test_light_is_fitted_under_a_mover_and_rows_apart() -> None:
    rows = 1 + 0.08 * np.sin(np.arange(120) / 9.0)
    image = ((1.3 * STILL_WORK - 12) * rows[:, None]).astype(np.float32)
    image[30:90, 20:60] = 250.0
    light = fit_light(STILL_WORK, image, ALL)
    assert np.abs(light.apply(STILL_WORK) - image)[:, 70:].mean() < 1.5
    assert light.flat().rows is None and light.rows is not None
    assert np.abs(light.without_rows(image) - light.flat().apply(STILL_WORK))[:, 70:].mean() < 1.5


def test_light_of_flat_and_of_unknown_views() -> None:
    flat = np.full(STILL_WORK.shape, 90.0, np.float32)
    light = fit_light(flat, flat + 7, ALL)
    assert light.gain == 1.0 and light.offset == pytest.approx(7.0)
    assert fit_light(STILL_WORK, STILL_WORK, NONE) is IDENTITY
    assert IDENTITY.apply(flat) is flat and IDENTITY.without_rows(flat) is flat
    assert IDENTITY.flat() is IDENTITY


def test_noise_is_told_from_texture() -> None:
    noisy = STILL_WORK + np.random.default_rng(0).normal(0, 6, STILL_WORK.shape)
    assert estimate_noise(noisy.astype(np.float32)) == pytest.approx(6.0, rel=0.25)
    assert estimate_noise(STILL_WORK) < 2.0


# small motions show in one step
@pytest.mark.parametrize("dx", [0.0, 0.5, -1.0])
def test_drift_measures_small_motion(dx: float) -> None:
    drift = Reference(STILL_WORK, NONE).drift(shifted(dx), NONE)
    assert drift.shift_px == pytest.approx(abs(dx), abs=0.25) and drift.outliers < 0.1


def test_drift_is_blind_to_light_and_to_what_is_covered() -> None:
    reference = Reference(STILL_WORK, NONE)
    assert reference.drift(0.6 * STILL_WORK + 20, NONE).shift_px < 0.1
    covered = NONE.copy()
    covered[20:100, 20:80] = True
    image = np.where(covered, np.float32(255.0), STILL_WORK)
    assert reference.drift(image, covered).outliers < 0.05
    assert reference.drift(image, NONE).outliers > 0.15
    assert reference.drift(image, ALL) .outliers == 0.0  # nothing to look at


# near; so far that phase correlation has to help; and from a guess that leads out of the view
@pytest.mark.parametrize(("dx", "guess"), [(3.0, 0.0), (38.0, 0.0), (3.0, 900.0)])
def test_find_gives_the_homography(dx: float, guess: float) -> None:
    start = np.array([[1, 0, guess], [0, 1, 0], [0, 0, 1]])
    found = Reference(STILL_WORK, NONE).find(shifted(dx, 2.0), NONE, start)
    assert found is not None
    point = cv2.perspectiveTransform(np.array([[[60.0, 60.0]]]), found)[0, 0]
    assert np.abs(point - (60 + dx, 62)).max() < 0.5


def test_find_with_few_corners_fits_a_similarity() -> None:
    covered = ALL.copy()
    covered[40:80, 45:95] = False
    reference = Reference(STILL_WORK, covered)
    assert reference.textured
    found = reference.find(shifted(2.0), covered, np.eye(3))
    assert found is not None and np.allclose(found[2], (0, 0, 1))
    assert found[0, 2] == pytest.approx(2.0, abs=0.6)


def test_find_gives_up_on_another_view_and_on_a_bare_one() -> None:
    other = np.random.default_rng(1).uniform(0, 255, STILL_WORK.shape).astype(np.float32)
    reference = Reference(STILL_WORK, NONE)
    assert reference.find(other, NONE, np.eye(3)) is None
    assert reference.find(STILL_WORK, ALL, np.eye(3)) is None
    bare = Reference(np.full(STILL_WORK.shape, 50.0, np.float32), NONE)
    assert not bare.textured and bare.find(STILL_WORK, NONE, np.eye(3)) is None


def test_view_change_counts_what_either_view_lacks() -> None:
    half = np.array([[1, 0, 80], [0, 1, 0], [0, 0, 1]], np.float64)
    assert view_change(np.eye(3), 161, 121) == pytest.approx(0.0, abs=1e-6)
    assert view_change(half, 161, 121) == pytest.approx(1 - 0.5 / 1.5, abs=1e-3)
    assert view_change(np.diag([2.0, 2.0, 1.0]), 161, 121) == pytest.approx(0.75, abs=1e-3)
    folded = np.array([[1, 0, 0], [0, 1, 0], [-0.012, 0, 1]])
    assert view_change(folded, 161, 121) == 1.0
    assert not plausible(folded, 161, 121) and not plausible(np.diag([3.0, 3.0, 1.0]), 161, 121)
    assert plausible(half, 161, 121) and corner_shift(half, 161, 121) == pytest.approx(80.0)


def test_blobs_leave_out_specks_and_soft_shadows() -> None:
    differs, sharp = NONE.copy(), NONE.copy()
    differs[40:70, 50:70] = True
    differs[5, 5] = True
    assert find_blobs(differs, differs, sharp, 30)[0] == []  # no edge: a shadow
    sharp[40:70, [50, 69]] = True
    (blob,), covered = find_blobs(differs, differs, sharp, 30)
    assert np.abs(np.array(blob.box) - (50, 40, 70, 70)).max() <= 1
    assert blob.area == pytest.approx(600, abs=10) and covered[50, 60] and not covered[5, 5]
    assert find_blobs(differs, differs, sharp, 3000)[0] == []


# in the middle, in two corners, and nowhere: as large as the mask, its margin cut at the border
@pytest.mark.parametrize(("box", "expected"), [
    ((30, 40, 50, 60), (28, 38, 52, 62)), ((0, 0, 5, 4), (0, 0, 7, 6)),
    ((150, 110, 160, 120), (148, 108, 160, 120)), ((0, 0, 0, 0), (0, 0, 2, 2))])
def test_around_holds_the_mask_and_its_margin(box: tuple[int, ...], expected: tuple[int, ...]
                                              ) -> None:
    left, top, right, bottom = box
    mask = NONE.copy()
    mask[top:bottom, left:right] = True
    held = np.zeros_like(mask)
    held[around(mask, 2)] = True
    left, top, right, bottom = expected
    assert held[top:bottom, left:right].all()
    assert np.count_nonzero(held) == (right - left) * (bottom - top)


def test_blobs_lie_where_they_are_seen_at_the_borders_too() -> None:
    mask = NONE.copy()
    boxes = [(0, 0, 20, 20), (140, 100, 160, 120), (60, 50, 80, 70)]
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    blobs, covered = find_blobs(mask, mask, mask, 30)
    assert len(blobs) == 3 and covered[mask].mean() > 0.98
    for box in boxes:
        assert min(np.abs(np.subtract(blob.box, box)).max() for blob in blobs) <= 2


def test_overlap_and_near() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    assert overlap(box, box) == 1.0 and overlap(box, (5.0, 0.0, 15.0, 10.0)) == pytest.approx(1 / 3)
    assert overlap(box, (12.0, 0.0, 20.0, 10.0)) == -2.0
    assert near(box, (13.0, 0.0, 20.0, 10.0)) and not near(box, (15.0, 0.0, 20.0, 10.0))
    assert not near(box, (0.0, 15.0, 10.0, 20.0))
    assert moved_box(box, np.diag([2.0, 3.0, 1.0])) == (0.0, 0.0, 20.0, 30.0)


def test_track_goes_on_moving_down_to_the_release_ratio() -> None:
    config, tracker = GateConfig(release_ratio=0.4), Tracker(itertools.count(1))

    def see(active: int, stamp_s: float) -> tuple[int, bool]:
        differs, sharp, moving = NONE.copy(), NONE.copy(), NONE.copy()
        differs[40:70, 50:70] = sharp[40:70, 50:70] = True
        moving[45:45 + active, 55:60] = True
        blobs, _ = find_blobs(differs, moving, sharp, 30)
        onsets = tracker.update(blobs, 30, stamp_s, config)
        return len(onsets), tracker.tracks[0].moving

    assert see(3, 0.0) == (0, False)  # 15 of 600 pixels: below 3 %
    assert see(4, 0.1) == (0, True)   # 20: moving, not yet confirmed
    assert see(4, 0.2) == (1, True)
    assert see(2, 0.3) == (0, True)   # 10: goes on under hysteresis
    assert see(1, 0.4) == (0, False)  # 5: at rest
    assert tracker.tracks[0].track_id == 1


def blob(left: float, top: float, right: float, bottom: float) -> Blob:
    area = int((right - left) * (bottom - top))
    return Blob((left, top, right, bottom), area, area)


def test_more_of_a_thing_in_sight_is_an_onset_until_a_passed_frame_shows_it() -> None:
    config, tracker = GateConfig(), Tracker(itertools.count(1))
    onsets = []
    for index, right in enumerate([6, 8, 12, 17, 20, 34, 36]):  # comes in from the left
        if index == 5:
            tracker.mark()  # a frame passes that shows 20 px of it
        onsets.append(len(tracker.update([blob(0, 40, right, 70)], 30, 0.1 * index, config)))
    assert onsets == [0, 1, 0, 1, 0, 0, 0]
    assert len(tracker.update([blob(0, 40, 41, 70)], 30, 0.7, config)) == 1


def test_what_left_over_the_border_is_not_taken_for_who_comes_after() -> None:
    assert at_border((0, 40, 9, 70), (160, 120)) and not at_border((9, 40, 20, 70), (160, 120))
    for left, waited_for in ((0.0, False), (40.0, True)):
        tracker = Tracker(itertools.count(1), linger_s=2.0)
        for index in range(3):
            tracker.update([blob(left, 40, left + 10, 70)], 30, 0.1 * index, GateConfig(),
                           view=(160, 120))
        tracker.update([], 30, 0.7, GateConfig(), view=(160, 120))
        assert bool(tracker.tracks) is waited_for


def test_frame_motion_tells_a_turn_from_a_view_with_depth() -> None:
    turned = frame_motion(STILL_WORK, shifted(3.0))
    assert turned is not None and turned.fit > 0.9
    assert turned.shift_px == pytest.approx(3.0, abs=0.3)
    near_and_far = np.vstack([shifted(1.0)[:60], shifted(5.0)[60:]])
    passed_by = frame_motion(STILL_WORK, near_and_far)
    assert passed_by is None or passed_by.fit < 0.8


def test_scene_warps_with_its_memory_and_fills_what_is_new() -> None:
    scene = Scene(STILL_WORK)
    scene.age[:] = 9.0
    moved = scene.warped(np.array([[1, 0, 20.0], [0, 1, 0], [0, 0, 1]]), shifted(20.0))
    assert moved.age[60, 100] == 9.0 and moved.age[60, 5] == 1.0
    assert np.abs(moved.mean[:, 25:] - STILL_WORK[:, 5:-20]).max() < 1.0


def test_scene_learns_pixels_that_come_into_view() -> None:
    config = GateConfig()
    partly = STILL_WORK.copy()
    partly[:, :40] = UNKNOWN
    scene = Scene(partly)
    for index in range(5):
        seen = scene.compare(STILL_WORK, scene.light(STILL_WORK, NONE), False, config)
        assert not seen.differs.any() and bool(seen.known[60, 10]) == (index > 0)
        scene.learn(seen, NONE, 0.1, 8.0)
    assert np.abs(scene.mean - STILL_WORK).max() < 1.0

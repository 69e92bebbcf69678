"""measure: distances by hand, their deviations, and the refusals."""
from __future__ import annotations

import math

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import Mount, ground_depth
from smolvlm_ros.fusion.fuse import FusionConfig, fuse
from smolvlm_ros.fusion.measure import (
    Answer,
    DepthView,
    Measurement,
    Refusal,
    between_tracks,
    nearest_of_class,
)
from smolvlm_ros.fusion.mount import mount_transform
from smolvlm_ros.fusion.tracks import Track

CAMERA = CameraModel(640, 480, 500.0, 500.0, 320.0, 240.0)
EXACT = FusionConfig(depth_std_rel=0.0, box_std_rel=0.0, box_std_px=0.0, focal_std_rel=0.0)


def track(number: int, x: float, name: str = "person", seen_s: float = 10.0, std: float = 0.1
          ) -> Track:
    return Track(number, name, np.array([x, 0.0, 0.0]), np.zeros(3), std ** 2 * np.eye(3),
                 np.ones(3), 0.9, abs(x), 0.0, seen_s, 3)


def view(depth: np.ndarray, config: FusionConfig = EXACT) -> DepthView:
    return DepthView(depth, CAMERA, 10.0, config)


def measured(answer: Answer) -> Measurement:
    assert isinstance(answer, Measurement), answer
    return answer


def refused(answer: Answer) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.reason


def doorway() -> np.ndarray:
    """Posts at 3 m left and right of an opening from column 200 to 439, a wall at 8 m behind it."""
    depth = np.full((480, 640), 3.0, np.float32)
    depth[:, 200:440] = 8.0
    return depth


def test_pixel() -> None:
    answer = measured(view(doorway()).at_pixel((20, 40), 10.5))
    assert answer.point == pytest.approx([-1.8, -1.2, 3.0])
    assert answer.value_m == pytest.approx(np.linalg.norm([-1.8, -1.2, 3.0]))
    assert (answer.std_m, answer.age_s, answer.track_ids) == (0.0, 0.5, ())


def test_a_pixel_without_a_ray_is_refused() -> None:
    lens = CameraModel(640, 480, 100.0, 100.0, 319.5, 239.5, (0.0, 0.0, 0.0, 1e-9), "equidistant")
    seen = DepthView(doorway(), lens, 10.0, EXACT)
    assert "pixel (600, 240): the lens model gives no ray" in refused(seen.at_pixel((600, 240), 10))
    assert "no ray there" in refused(seen.in_box((560, 200, 620, 280), 10))
    assert measured(seen.at_pixel((319.5, 239.5), 10)).value_m == pytest.approx(8.0)


def test_gap_is_between_the_posts_not_the_wall() -> None:
    # Pointed at the last column of each post, and as well at the first of the opening.
    for left, right in ((199, 440), (200, 439)):
        width = measured(view(doorway()).gap((left, 240), (right, 240), 10.0)).value_m
        assert width == pytest.approx((right - left) / 500 * 3)


def test_box() -> None:
    depth = doorway()
    depth[100:300, 260:380] = 5.0
    answer = measured(view(depth).in_box((260, 100, 380, 300), 11.0))
    # Columns 260 to 379 and rows 100 to 299: the middle is pixel (319.5, 199.5).
    assert answer.point == pytest.approx([-0.005, -0.405, 5.0])
    assert answer.age_s == 1.0


def test_box_of_what_stands_before_a_tilted_camera_is_as_far_as_the_object() -> None:
    place = mount_transform(3.0, 30.0, 0.0, "map", "camera")
    post = np.array([(3.0, side, z) for side in (-0.25, 0.25) for z in (0.0, 1.7)])
    pixels = CAMERA.project(place.inverse().apply(post)) + 0.5
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    depth = ground_depth(CAMERA, Mount(3.0, np.radians(30.0)), 50.0)
    config = EXACT.changed(depth_anchor="contact")
    (thing,) = fuse([box], [1], ["person"], depth, CAMERA, config, place.up()).objects
    answer = measured(DepthView(depth, CAMERA, 10.0, config, place.up()).in_box(box, 10.0))
    assert answer.value_m == pytest.approx(float(np.linalg.norm(thing.position)))
    assert answer.value_m == pytest.approx(math.hypot(3.0, 3.0 - 0.85), abs=0.15)
    assert measured(DepthView(depth, CAMERA, 10.0, config).in_box(box, 10.0)).value_m > 4.0


def test_depth_of_another_resolution() -> None:
    depth = doorway()[::2, ::2]
    answer = measured(view(depth).at_pixel((639, 479), 10.0))
    assert answer.point[2] == 3.0


# setting that is not exact, and the expected deviation of a point 3 m ahead
@pytest.mark.parametrize(("config", "pixel", "std_m"), [
    (EXACT.changed(depth_std_rel=0.1), (320, 240), 0.3),
    (EXACT.changed(box_std_px=10.0), (320, 240), 0.0),                      # across the ray only
    (EXACT.changed(focal_std_rel=0.1), (70, 240), 0.15 * 0.5 / math.hypot(1, 0.5)),
])
def test_deviation_of_a_pixel(config: FusionConfig, pixel: tuple[int, int], std_m: float) -> None:
    flat = np.full((480, 640), 3.0, np.float32)
    answer = measured(view(flat, config).at_pixel(pixel, 10.0))
    assert answer.std_m == pytest.approx(std_m, abs=1e-6)


def test_deviation_of_a_gap() -> None:
    # 4 px at 3 m and 500 px focal length on each side, in squares.
    answer = measured(view(doorway(), EXACT.changed(box_std_px=4.0)).gap((199, 240), (440, 240),
                                                                         10.0))
    assert answer.std_m == pytest.approx(math.sqrt(2) * 4 * 3 / 500)


# pixel or depth that cannot be measured, words of the reason
@pytest.mark.parametrize(("pixel", "value", "words"), [
    ((700, 10), 3.0, "outside the 640x480 image"),
    ((10, -1), 3.0, "outside the 640x480 image"),
    ((math.nan, 10), 3.0, "not two finite numbers"),
    ((1, 2, 3), 3.0, "not two finite numbers"),
    ((10, 10), math.nan, "unknown"),
    ((10, 10), math.inf, "beyond the depth's range"),
    ((10, 10), -math.inf, "too near"),
    ((10, 10), 0.0, "unknown"),
])
def test_pixel_refused(pixel: tuple[float, ...], value: float, words: str) -> None:
    assert words in refused(view(np.full((480, 640), value, np.float32)).at_pixel(pixel, 10.0))


def test_gap_and_box_refused() -> None:
    depth = doorway()
    depth[:, :200] = np.nan
    assert refused(view(depth).gap((10, 240), (500, 240), 10.0)).startswith("first pixel: no depth")
    assert refused(view(depth).gap((500, 240), (10, 240), 10.0)).startswith("second pixel: no")
    assert "100% unknown" in refused(view(depth).in_box((10, 10, 90, 90), 10.0))


def test_stale_depth_is_refused() -> None:
    old = view(doorway())
    for answer in (old.at_pixel((1, 1), 15.0, 2.0), old.in_box((1, 1, 50, 50), 15.0, 2.0),
                   old.gap((1, 1), (2, 2), 15.0, 2.0)):
        assert refused(answer) == "the depth map is 5.0 s old, limit is 2 s"
    assert measured(old.at_pixel((1, 1), 15.0)).age_s == 5.0   # no limit given


def test_nearest() -> None:
    tracks = [track(1, 5.0), track(2, -3.0), track(3, 1.0, "dog")]
    answer = measured(nearest_of_class(tracks, "person", 10.5))
    assert (answer.value_m, answer.track_ids, answer.class_name) == (3.0, (2,), "person")
    assert answer.std_m == pytest.approx(0.1)
    assert answer.age_s == 0.5
    assert measured(nearest_of_class(tracks, "", 10.5)).track_ids == (3,)          # any class
    answer = measured(nearest_of_class(tracks, "person", 10.5, origin=(6, 0, 0)))
    assert (answer.value_m, answer.track_ids) == (1.0, (1,))
    assert answer.point == pytest.approx([5, 0, 0])   # where it is, not from where it was asked


def test_nearest_refused() -> None:
    assert refused(nearest_of_class([], "person", 1.0)) == "no person has been seen"
    assert refused(nearest_of_class([], "", 1.0)) == "no object has been seen"
    old = [track(1, 5.0, seen_s=2.0), track(2, 9.0, seen_s=4.0)]
    assert refused(nearest_of_class(old, "person", 10.0, max_age_s=5.0)) == (
        "the last person was seen 6.0 s ago, limit is 5 s")
    # A nearer one that is too old does not hide a fresh one.
    both = [track(1, 1.0, seen_s=2.0), track(2, 9.0, seen_s=9.0)]
    assert measured(nearest_of_class(both, "person", 10.0, max_age_s=5.0)).track_ids == (2,)


def test_between_tracks() -> None:
    tracks = [track(1, 5.0, seen_s=9.0), track(2, -3.0, "dog")]
    answer = measured(between_tracks(tracks, 2, 1, 10.0))
    assert (answer.value_m, answer.track_ids, answer.class_name) == (8.0, (2, 1), "dog")
    assert answer.std_m == pytest.approx(math.sqrt(0.02))
    assert answer.age_s == 1.0   # of the older of the two
    assert answer.point == pytest.approx([-3, 0, 0])


def test_two_tracks_in_one_place() -> None:
    answer = measured(between_tracks([track(1, 5.0), track(2, 5.0)], 1, 2, 10.0))
    assert answer.value_m == 0.0 and answer.std_m == pytest.approx(math.sqrt(0.02))


@pytest.mark.parametrize(("first", "second", "words"), [
    (1, 7, "there is no track 7; known are [1, 2]"), (1, 1, "given twice"),
    (2, 1, "track 2 was seen 8.0 s ago, limit is 5 s")])
def test_between_tracks_refused(first: int, second: int, words: str) -> None:
    tracks = [track(1, 5.0), track(2, 1.0, seen_s=2.0)]
    assert words in refused(between_tracks(tracks, first, second, 10.0, max_age_s=5.0))
    assert "known are none" in refused(between_tracks([], 1, 2, 10.0))

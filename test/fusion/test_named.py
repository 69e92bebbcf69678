"""What is at a pixel or in a box: the track that an answer is about."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.fuse import Object3D, fuse
from smolvlm_ros.fusion.measure import Answer, DepthView, Measurement, Refusal
from smolvlm_ros.fusion.named import named_at_pixel, named_in_box
from smolvlm_ros.fusion.tracks import Track, Tracker3D

CAMERA = CameraModel(640, 480, 500.0, 500.0, 319.5, 239.5)


def view(depth: np.ndarray) -> DepthView:
    return DepthView(depth, CAMERA, 10.0)


def measured(answer: Answer) -> Measurement:
    assert isinstance(answer, Measurement), answer
    return answer


def two_seen() -> tuple[np.ndarray, tuple[Object3D, ...], tuple[Track, ...]]:
    """A dog at 3 m before a person at 5 m, whose box is round the dog's, and a wall at 8 m."""
    depth = np.full((480, 640), 8.0, np.float32)
    depth[100:400, 240:400] = 5.0
    depth[300:400, 280:360] = 3.0
    objects = fuse([(240, 100, 400, 400), (280, 300, 360, 400)], [0.9, 0.8], ["person", "dog"],
                   depth, CAMERA).objects
    return depth, objects, Tracker3D().update(objects, 10.0)


# where, and whose it is
@pytest.mark.parametrize(("pixel", "name"), [
    ((320, 200), "person"), ((320, 350), "dog"),
    ((250, 350), "person"),      # beside the dog
    ((100, 100), ""),            # the wall
    ((240, 100), "person"), ((399, 399), "person"),   # its first and its last pixel
])
def test_what_is_at_a_pixel(pixel: tuple[int, int], name: str) -> None:
    depth, objects, tracks = two_seen()
    got = measured(named_at_pixel(view(depth).at_pixel(pixel, 10.0), pixel, objects, tracks))
    assert got.class_name == name
    assert got.track_ids == {"person": (1,), "dog": (2,), "": ()}[name]


def test_the_wall_that_is_seen_within_a_box_is_not_its_object() -> None:
    depth, objects, tracks = two_seen()
    depth[100:150, 240:280] = 8.0   # beside the person's head
    got = measured(named_at_pixel(view(depth).at_pixel((250, 120), 10.0), (250, 120), objects,
                                  tracks))
    assert (got.class_name, got.point[2]) == ("", 8.0)


@pytest.mark.parametrize(("box", "name"), [
    ((250, 110, 400, 390), "person"), ((275, 305, 365, 400), "dog"), ((0, 0, 640, 480), ""),
])
def test_what_is_in_a_box(box: tuple[float, ...], name: str) -> None:
    depth, objects, tracks = two_seen()
    got = measured(named_in_box(view(depth).in_box(box, 10.0), box, objects, tracks))
    assert got.class_name == name


def test_a_refusal_stays_one_and_nothing_seen_has_no_name() -> None:
    depth, objects, tracks = two_seen()
    nowhere = view(depth).at_pixel((9999, 0), 10.0)
    assert isinstance(nowhere, Refusal)
    assert named_at_pixel(nowhere, (9999, 0), objects, tracks) is nowhere
    assert named_in_box(nowhere, (0, 0, 9, 9), objects, tracks) is nowhere
    unseen = Tracker3D().update([], 10.0)
    answer = view(depth).at_pixel((320, 200), 10.0)
    assert measured(named_at_pixel(answer, (320, 200), (), unseen)).track_ids == ()

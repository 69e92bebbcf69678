"""Sightings: what the zone monitor is told of the tracks."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.depth_result import ObjectDepth
from smolvlm_ros.fusion.fuse import FusionConfig, Object3D, fuse
from smolvlm_ros.fusion.sightings import Sightings
from smolvlm_ros.fusion.tracks import Tracker3D
from smolvlm_ros.fusion.transform import Transform


@pytest.mark.parametrize(("arguments", "words"), [
    (([1], [], np.zeros((1, 3)), np.zeros(1)), "1 track ids, 0 class names"),
    (([1], ["a"], np.zeros((2, 3)), np.zeros(1)), "2 positions"),
    (([1], ["a"], np.full((1, 3), np.nan), np.zeros(1)), "not finite"),
    (([1], ["a"], np.zeros((1, 3)), np.zeros(1), np.ones(2)), r"hits has shape \(2,\)"),
])
def test_sightings_are_checked(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sightings(*arguments)  # type: ignore[arg-type]


def test_sightings_of_tracks() -> None:
    tracker = Tracker3D()
    depth = ObjectDepth(4.0, 0.1, 0.2, 1.0, 1.0, 100)
    thing = Object3D("dog", 0.9, (0, 0, 9, 9), np.array([1.0, 2, 3]), np.array([0.4, 1.0, 0.6]),
                     0.01 * np.eye(3), 4.0, depth)
    shift = Transform(np.eye(3), np.array([10.0, 0, 0]), "map", "odom")
    sightings = Sightings.of(tracker.update([thing], 0.0), shift)
    assert (sightings.track_ids, sightings.class_names) == ([1], ["dog"])
    assert sightings.positions == pytest.approx(np.array([[11.0, 2, 3]]))
    assert sightings.radii == pytest.approx([0.2]) and sightings.hits.tolist() == [1]
    down = Sightings.of(tracker.update([thing], 0.05), shift, looks_down=True)
    assert down.radii == pytest.approx([0.5])   # its length, seen from above
    assert len(Sightings.of(tracker.update([], 0.1), shift).track_ids) == 0   # not seen now
    assert Sightings.of(tracker.update([thing], 0.2)).positions[0] == pytest.approx([1, 2, 3])


def test_how_unsure_its_depth_is_makes_nothing_wider() -> None:
    # A person 0.5 m wide, 15 m away, by a depth that is 10 % off: 3 m deep, and 0.25 m to its edge.
    depth = np.full((480, 640), 25.0, np.float32)
    depth[200:280, 310:330] = 15.0
    camera = CameraModel.from_fov(640, 480, 60)
    (thing,) = fuse([(310, 200, 330, 280)], [0.9], ["person"], depth, camera,
                    FusionConfig(depth_std_rel=0.1)).objects
    sightings = Sightings.of(Tracker3D().update([thing], 0.0))
    assert sightings.radii == pytest.approx([15.0 * 20 / camera.fx / 2])

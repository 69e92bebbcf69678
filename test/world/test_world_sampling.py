from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from smolvlm_ros.world import CLASSES, COLOURS, SCENES, SEEDS_PER_PLACE, sample


@pytest.fixture(scope="module")
def scenes(small):
    return [sample(seed, model=small) for seed in range(0, 640, 8)]


def test_a_seed_gives_the_same_scene_whatever_came_before(small):
    for seed in (3, 77, 4001):
        one = sample(seed, model=small)
        sample(seed + 1, model=small)
        other = sample(seed, model=small)
        assert_array_equal(one.image_rgb, other.image_rgb)
        assert_array_equal(one.depth_m, other.depth_m)
        assert one.facts == other.facts
    # The same place, but not the same scene.
    assert not np.array_equal(sample(8, model=small).image_rgb, sample(9, model=small).image_rgb)
    assert SEEDS_PER_PLACE == 8


def test_classes_colours_and_postures_are_mixed(scenes):
    objects = [item for frame in scenes for item in frame.objects]
    assert {frame.scene for frame in scenes} == set(SCENES)
    assert {item.class_name for item in objects} == set(CLASSES)
    assert {item.colour for item in objects} == set(COLOURS)
    states = Counter(item.state for item in objects if item.class_name == "person")
    assert set(states) == {"standing", "walking", "lying"} and min(states.values()) >= 5
    for name in ("person", "box", "ball", "cone"):
        share = np.mean([any(item.class_name == name for item in frame.objects)
                         for frame in scenes])
        assert 0.3 < share < 0.7


def test_most_of_what_is_there_can_be_seen(scenes):
    visibility = np.array([item.visibility for frame in scenes for item in frame.objects])
    assert (visibility > 0.5).mean() > 0.8


def test_depth_is_true_of_scenes_too(scenes):
    for frame in scenes[:20]:
        finite = frame.depth_m[np.isfinite(frame.depth_m)]
        assert finite.max() <= (80.0 if frame.outdoor else 20.0) and finite.min() > 0.3
        for item in frame.objects:
            own = frame.depth_m[frame.mask == item.track_id]
            if own.size:
                reach = np.linalg.norm(item.size_m) / 2 + 0.01
                assert np.abs(own - item.position_camera[2]).max() <= reach


def test_scene_and_camera_can_be_asked_for(small):
    frame = sample(5, "path", camera="drone", model=small)
    assert frame.scene == "path" and frame.outdoor and frame.index == -1
    assert frame.pose_world_from_camera[2, 3] > 1.4
    with pytest.raises(ValueError, match="seed is -1"):
        sample(-1)
    with pytest.raises(ValueError, match="expected one of"):
        sample(1, camera="balloon")
    with pytest.raises(ValueError, match="expected one of"):
        sample(1, "cellar")

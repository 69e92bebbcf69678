from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from smolvlm_ros.models.embedded import is_of_the_world
from smolvlm_ros.sources import SourceError, open_source
from smolvlm_ros.sources.world import WorldSpec, parse_world
from smolvlm_ros.world import World


def test_a_world_plays_as_its_frames():
    with open_source("world:corridor?seed=3&camera=robot") as source:
        assert source.frame_count == 900 and source.fps == 15.0 and not source.live
        frames = [source.read() for _ in range(3)]
    world = World("corridor", 3, camera="robot")
    assert source.camera == world.camera
    for index, frame in enumerate(frames):
        truth = world.frame(index)
        assert frame.stamp_s == pytest.approx(index / 15)
        assert_array_equal(frame.image[..., ::-1], truth.image_rgb)
        assert_array_equal(frame.pose_world_from_camera, truth.pose_world_from_camera)
        # Depth is the package's to find out, unless asked for.
        assert frame.depth is None and frame.camera == world.camera
        assert is_of_the_world(frame.frame_id)


def test_a_frame_tells_how_its_camera_is_mounted():
    robot, drone, tripod = (open_source(f"world:room?seed=5&camera={camera}").read()
                            for camera in ("robot", "drone", "static"))
    # On the floor below the camera, the mast upright; the drone's camera under its body.
    base = robot.pose_world_from_camera @ np.linalg.inv(robot.pose_base_from_camera)
    assert base[:3, 3] == pytest.approx([*robot.pose_world_from_camera[:2, 3], 0.0], abs=0.01)
    assert base[2, 2] == pytest.approx(1.0, abs=1e-4)
    assert drone.pose_base_from_camera[:3, 3] == pytest.approx([0.1, 0.0, -0.05])
    assert tripod.pose_base_from_camera is None


def test_depth_comes_when_asked_for():
    source = open_source("world:path?depth=1", rate_hz=5.0, loop=True)
    frame = source.read()
    assert_array_equal(frame.depth, World("path", 0).frame(0).depth_m)
    assert frame.depth.dtype == np.float32 and np.isposinf(frame.depth).any()
    assert source.read().stamp_s == pytest.approx(0.2)
    source.restart()
    assert source.read().stamp_s == 0.0


def test_it_ends_after_its_last_frame():
    source = open_source("world:room")
    source._index = 899
    assert source.read() is not None and source.read() is None


@pytest.mark.parametrize(("text", "spec"), [
    ("world", WorldSpec()), ("world:room", WorldSpec("room")),
    ("world:path?camera=drone&seed=12", WorldSpec("path", 12, "drone")),
    ("world?depth=1", WorldSpec(depth=True))])
def test_texts_are_read(text, spec):
    assert parse_world(text) == spec


@pytest.mark.parametrize(("text", "said"), [
    ("world:cellar", "'cellar' is not known"),
    ("world:room?camera=rail", "'rail' is not known"),
    ("world:room?seed=x", "expected a whole number"),
    ("world:room?seed=-1", "expected a whole number"),
    ("world:room?seed=²", "expected a whole number"),
    ("world:room?depth=yes", "expected 0 or 1"),
    ("world:room?speed=3", "'speed' is not known"),
    ("world:room?seed=1&seed=2", "cannot read"),
    ("world:room?nonsense", "'nonsense' is not known"),
])
def test_wrong_texts_are_refused_with_the_way_to_write_them(text, said):
    with pytest.raises(SourceError, match=said) as caught:
        open_source(text)
    assert "world:corridor?seed=3" in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        spec = parse_world("world:room?" + text)
    except SourceError:
        return
    assert spec.scene == "room" and spec.seed >= 0


def test_sources_do_not_load_the_world_for_others():
    code = ("import sys, smolvlm_ros.sources; "
            "assert not any(m.startswith('smolvlm_ros.world') for m in sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)

"""The embedded world's camera in TF: on a robot, on a drone and on a tripod, at its true place."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from peer import wait_for  # noqa: E402
from rclpy.duration import Duration  # noqa: E402
from rclpy.time import Time as RclpyTime  # noqa: E402
from source_bench import screen, stamps_ns  # noqa: E402
from tf2_ros import Buffer  # noqa: E402

from smolvlm_ros.models.embedded import WORLD_FRAME_ID  # noqa: E402
from smolvlm_ros.ros.source_settings import VideoSourceSettings  # noqa: E402
from smolvlm_ros.ros.transforms import from_message  # noqa: E402
from smolvlm_ros.settings import SettingError  # noqa: E402
from smolvlm_ros.world import World  # noqa: E402

ROLLING = 25  # frames: the robot rolls, the drone turns


def played(camera: str, frames: int, **parameters: Any
           ) -> tuple[list[tuple[str, str]], list[tuple[str, str]], Buffer, list[int]]:
    """Frames that move and frames that do not, as (parent, child); TF; the stamps of the images."""
    with screen(f"world:room?seed=3&camera={camera}", **parameters) as shown:
        wait_for(shown.node._frames._dynamic.pub_tf.get_subscription_count, "who hears /tf")
        shown.start()
        wait_for(lambda: min(len(shown.images), len(shown.moving)) >= frames, "frames", 60)
        shown.stop()
        stamps = stamps_ns(shown.images)[:frames]
        moving, fixed = shown.transforms(shown.moving), shown.transforms(shown.fixed)
    buffer = Buffer(cache_time=Duration(seconds=600))
    links = []
    for kind, add in ((moving, buffer.set_transform), (fixed, buffer.set_transform_static)):
        for one in kind:
            add(one, "test")
        links.append(sorted({(t.header.frame_id, t.child_frame_id) for t in kind}))
    return links[0], links[1], buffer, stamps


def pose(buffer: Buffer, target: str, source: str, stamp_ns: int) -> np.ndarray:
    found = from_message(buffer.lookup_transform(target, source, RclpyTime(nanoseconds=stamp_ns)))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = found.rotation, found.translation
    return matrix


@pytest.mark.parametrize("camera", ["robot", "drone"])
def test_on_a_base_the_three_transforms_give_the_true_pose(camera: str) -> None:
    moving, fixed, buffer, stamps = played(camera, ROLLING)
    assert moving == [("odom", "base_link")]
    assert [link for link in fixed if link[1] in ("odom", WORLD_FRAME_ID)] == [
        ("base_link", WORLD_FRAME_ID), ("map", "odom")]
    way = World("room", 3, camera=camera).timeline.camera
    bases = []
    for index, stamp_ns in enumerate(stamps):
        truth = way.pose(index / 15)
        assert pose(buffer, "map", WORLD_FRAME_ID, stamp_ns) == pytest.approx(truth, abs=1e-9)
        # As it is found by those who keep to what does not jump.
        assert pose(buffer, "odom", WORLD_FRAME_ID, stamp_ns) == pytest.approx(truth, abs=1e-9)
        bases.append(pose(buffer, "map", "base_link", stamp_ns))
        mounted = pose(buffer, "base_link", WORLD_FRAME_ID, stamp_ns)
        assert mounted == pytest.approx(way.on_base, abs=1e-9)
    moved = np.linalg.inv(bases[0]) @ bases[-1]
    if camera == "robot":
        assert moved[0, 3] > 0.05 and all(abs(base[2, 3]) < 0.01 for base in bases)
    else:
        assert np.abs(moved - np.eye(4)).max() > 0.005 and all(b[2, 3] > 1.0 for b in bases)


def test_a_tripod_has_no_base() -> None:
    moving, fixed, buffer, stamps = played("static", 2)
    assert moving == [("map", WORLD_FRAME_ID)]
    assert not {"odom", "base_link"} & {name for link in fixed for name in link}
    assert pose(buffer, "map", WORLD_FRAME_ID, stamps[-1]) == pytest.approx(
        World("room", 3).timeline.camera.pose(0.0), abs=1e-9)


def test_the_frames_have_the_names_that_they_are_given() -> None:
    moving, fixed, _, _ = played("robot", 2, world_frame="hall", odom_frame="hall",
                                 base_frame="robot1/base_link")
    assert moving == [("hall", "robot1/base_link")]
    assert ("robot1/base_link", WORLD_FRAME_ID) in fixed
    assert "hall" not in {child for _, child in fixed}  # nor is it its own parent


@pytest.mark.parametrize("name", ["map", "odom"])
def test_a_frame_is_not_its_own_parent(name: str) -> None:
    with pytest.raises(SettingError, match=f"base_frame is '{name}', the name of world_frame or"):
        VideoSourceSettings.from_flat({"source": "world:room?seed=1", "base_frame": name})
    VideoSourceSettings.from_flat({"source": "demo", "base_frame": name})  # which has none

"""The estimator ground_plane over DDS: no weights, the mount from parameters or TF."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from depth_bench import fresh, gate  # noqa: E402
from smolvlm_ros.srv import SetDepthScene  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402


class TestGround:
    CAMERA = CameraModel(64, 48, 60.0, 60.0, 31.5, 23.5)
    IMAGE = np.zeros((48, 64, 3), np.uint8)

    def at_bottom(self, height_m: float) -> float:
        """Depth of level ground in the last row, seen by a level camera."""
        return height_m * 60.0 / (47 - 23.5)

    def test_from_parameters_which_change_while_running(self) -> None:
        with gate(estimator="ground_plane", ground_plane__camera_height_m=0.5) as funnel:
            depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(0.5), rel=1e-5)
            assert np.isnan(depth_m[:24]).all()  # the sky
            assert np.isinf(depth_m[24]).all()  # beyond 20 m
            funnel.set(ground_plane__camera_height_m=1.0, ground_plane__max_range_m=1000.0)
            depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(1.0), rel=1e-5)
            assert depth_m[24] == pytest.approx(120.0, rel=1e-4)

    def test_rectified_images_are_not_straightened_again(self) -> None:
        bent = CameraModel(64, 48, 45.0, 45.0, 31.5, 23.5, (-0.3, 0.1, 0.0, 0.0), "plumb_bob")
        with gate(estimator="ground_plane", rectified=True,
                  ground_plane__camera_height_m=0.5) as funnel:
            depth_m = funnel.look(image=self.IMAGE, camera=bent, rectified=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(0.5), rel=1e-5)  # of every column

    def test_from_tf_at_the_frames_stamp(self) -> None:
        # optical to ground: z forward is x, x right is -y, y down is -z
        level = (-0.5, 0.5, -0.5, 0.5)
        with gate(estimator="ground_plane", ground_frame="floor", tf_timeout_s=10.0) as funnel:
            stamps = [fresh() for _ in range(3)]
            for header, height_m in zip(stamps[::2], (0.5, 1.5), strict=True):
                funnel.peer.transform("floor", "front_optical", header.stamp,
                                      (3.0, 4.0, height_m), level)
            for header, height_m in zip(stamps, (0.5, 1.0, 1.5), strict=True):
                depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA, header=header)
                assert depth_m[47] == pytest.approx(self.at_bottom(height_m), rel=1e-4)
            funnel.set(ground_frame="", ground_plane__camera_height_m=0.25)
            depth_m = funnel.look(image=self.IMAGE, camera=self.CAMERA)
            assert depth_m[47] == pytest.approx(self.at_bottom(0.25), rel=1e-4)

    def test_without_tf_it_says_so_and_gives_nothing(self) -> None:
        with gate(estimator="ground_plane", ground_frame="floor", tf_timeout_s=0.05) as funnel:
            funnel.send(image=self.IMAGE, camera=self.CAMERA)
            funnel.peer.await_error("depth", "no transform from 'front_optical' to 'floor' at")
            header = fresh()
            funnel.peer.transform("floor", "front_optical", header.stamp, (0.0, 0.0, 1.0),
                                  (-0.5, 0.5, -0.5, 0.5), static=True)
            funnel.set(tf_timeout_s=10.0)
            funnel.look(image=self.IMAGE, camera=self.CAMERA, header=header)
            assert [d.header for d in funnel.depths] == [header]

    def test_a_camera_below_the_ground_is_refused(self) -> None:
        with gate(estimator="ground_plane", ground_frame="floor", tf_timeout_s=10.0) as funnel:
            header = fresh()
            funnel.peer.transform("floor", "front_optical", header.stamp, (0.0, 0.0, -1.0))
            funnel.send(image=self.IMAGE, camera=self.CAMERA, header=header)
            funnel.peer.await_error("depth", "height -1.0 m")

    def test_an_uncalibrated_camera_is_refused(self) -> None:
        with gate(estimator="ground_plane") as funnel:
            funnel.send(camera=None)
            funnel.peer.await_status("depth", lambda level, text, values: (
                "ground_plane needs a calibrated CameraInfo" in text
                and "not calibrated (K of zeros): flat ground has no depth" in text), "both")

    def test_flat_ground_has_no_variants(self) -> None:
        with gate(estimator="ground_plane") as funnel:
            answer = funnel.set_scene(SetDepthScene.Request.OUTDOOR)
            assert not answer.success and "ground_plane has no variants" in answer.message
            assert answer.active == 0

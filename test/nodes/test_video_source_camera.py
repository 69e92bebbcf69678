"""video_source over DDS: its calibration and the mount it publishes as TF."""
from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from peer import wait_for  # noqa: E402
from source_bench import (  # noqa: E402
    CALIBRATION,
    PICTURE,
    recorded_image,
    recorded_info,
    screen,
    write_bag,
)

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.ros.camera_info import to_camera_model  # noqa: E402


class TestCalibration:
    def test_a_camera_info_file_whole_and_scaled(self, tmp_path: Path) -> None:
        (tmp_path / "camera.yaml").write_text(CALIBRATION)
        whole = tmp_path / "whole"
        half = tmp_path / "half"
        for path, size in ((whole, (128, 96)), (half, (64, 48))):
            path.mkdir()
            cv2.imwrite(str(path / "a.png"), cv2.resize(PICTURE, size))
        for path, scale in ((whole, 1.0), (half, 0.5)):
            with screen(path, camera_info_file=str(tmp_path / "camera.yaml")) as shown:
                shown.play()
                info = wait_for(lambda shown=shown: shown.infos, "the info")[0]
                assert info.width == 128 * scale and info.p[0] == 90.0 * scale
                assert info.p[3] == -9.0 * scale and info.k[4] == 101.0 * scale
                assert list(info.d) == [-0.1, 0.01, 0, 0, 0]

    def test_it_wins_over_what_was_recorded(self, tmp_path: Path) -> None:
        (tmp_path / "camera.yaml").write_text(CALIBRATION.replace("128", "4").replace("96", "2"))
        bag = write_bag(tmp_path / "bag", [recorded_image(1), recorded_info(1)])
        with screen(bag, camera_info_file=str(tmp_path / "camera.yaml")) as shown:
            shown.play()
            assert wait_for(lambda: shown.infos, "the info")[0].k[0] == 100.0

    def test_an_ideal_camera_where_a_field_of_view_is_given(self, folder: Path) -> None:
        with screen(folder, horizontal_fov_deg=90.0) as shown:
            shown.play()
            info = wait_for(lambda: shown.infos, "the info")[0]
            assert to_camera_model(info) == CameraModel.from_fov(64, 48, 90.0)

    def test_zeros_where_nothing_is_known(self, folder: Path) -> None:
        with screen(folder) as shown:
            shown.play()
            info = wait_for(lambda: shown.infos, "the info")[0]
            assert (info.width, info.height) == (64, 48) and not any(info.k)


class TestMount:
    def test_the_camera_sits_where_the_parameters_say(self, folder: Path) -> None:
        with screen(folder, mount__height_m=0.4, mount__pitch_deg=90.0, frame_id="belly",
                    mount__parent_frame="base") as shown:
            shown.play()
            (mount,) = wait_for(lambda: [t for t in shown.transforms(shown.fixed)
                                         if t.child_frame_id == "belly"], "the mount")
            assert mount.header.frame_id == "base" and mount.transform.translation.z == 0.4
            turn = mount.transform.rotation
            # it looks straight down: optical z is -z of the base, optical x is -y
            assert np.allclose(np.abs([turn.x, turn.y, turn.z, turn.w]),
                               [0.5**0.5, 0.5**0.5, 0, 0], atol=1e-9)
            assert not shown.transforms(shown.moving)

    def test_it_can_be_left_to_others(self, folder: Path) -> None:
        with screen(folder, mount__publish=False, frame_id="nobodys") as shown:
            shown.play()
            time.sleep(0.1)
            assert not [t for t in shown.transforms(shown.fixed) if t.child_frame_id == "nobodys"]

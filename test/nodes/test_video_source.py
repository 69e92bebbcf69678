"""video_source over DDS: every kind of source, at its own pace."""
from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from lifecycle_msgs.msg import Transition  # noqa: E402
from peer import LATCHED, wait_for  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from source_bench import (  # noqa: E402
    PICTURE,
    change,
    recorded_image,
    recorded_info,
    recorded_jpeg,
    screen,
    stamps_ns,
    write_bag,
)
from std_msgs.msg import Bool  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.camera_info import to_camera_model  # noqa: E402
from smolvlm_ros.sources import playing  # noqa: E402

KITCHEN = Path(__file__).resolve().parents[3] / "shared/data/rgbd_kitchen"


@pytest.fixture(autouse=True)
def exact_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that pauses is no source that is too slow: its pause is not added to the stamps."""
    monkeypatch.setattr(playing, "_LATE_S", 60.0)


class TestSources:
    def test_a_folder(self, folder: Path) -> None:
        with screen(folder) as shown:
            wait_for(lambda: [m.data for m in shown.finished] == [False], "that it has not ended")
            shown.play()
            assert [images.to_rgb(m)[0, 0, 0] for m in shown.images] == [0, 40, 80, 120, 160]
            assert {m.header.frame_id for m in shown.images} == {"camera_optical_frame"}
            # at ten times its speed, to the nanosecond
            assert set(np.diff(stamps_ns(shown.images))) == {10**7}
            assert stamps_ns(shown.infos) == stamps_ns(shown.images)
            assert not shown.depths and not shown.compressed

    def test_a_video(self, video: Path) -> None:
        with screen(video) as shown:
            shown.play()
            assert {(m.width, m.height, m.encoding) for m in shown.images} == {(64, 48, "bgr8")}
            assert np.allclose(np.diff(stamps_ns(shown.images)), 5e6, atol=1e5)
            difference = images.to_rgb(shown.images[0]).astype(int) - PICTURE[..., ::-1]
            assert abs(difference).mean() < 4  # what JPEG takes

    def test_an_rgbd_folder_with_its_depth_and_its_poses(self, rgbd: Path) -> None:
        with screen(rgbd, world_frame="kitchen") as shown:
            shown.play()
            wait_for(lambda: len(shown.depths) == len(shown.depth_infos) == 3, "every depth")
            wait_for(lambda: len(shown.transforms(shown.moving)) == 3, "every pose")
            assert stamps_ns(shown.depths) == stamps_ns(shown.images)
            assert np.allclose(np.diff(stamps_ns(shown.images)), 1e7, atol=2)
            depth_m = images.to_depth_m(shown.depths[2])
            assert shown.depths[2].encoding == "16UC1" and np.isnan(depth_m[0, :2]).all()
            assert depth_m[5, 5] == pytest.approx(1.002)
            assert to_camera_model(shown.infos[0]).fx == 60.0
            assert to_camera_model(shown.depth_infos[0]).fx == 30.0  # at the depth image's size
            poses = shown.transforms(shown.moving)
            assert [p.transform.translation.x for p in poses] == pytest.approx([0, 0.1, 0.2])
            assert [p.header.stamp for p in poses] == [m.header.stamp for m in shown.images]
            assert {(p.header.frame_id, p.child_frame_id) for p in poses} == {
                ("kitchen", "camera_optical_frame")}
            # a frame has one parent
            assert "base_link" not in {t.header.frame_id for t in shown.transforms(shown.fixed)}

    @pytest.mark.skipif(not KITCHEN.is_dir(), reason="no ../shared/data/rgbd_kitchen")
    def test_a_real_rgbd_folder(self) -> None:
        with screen(KITCHEN, rate=1.0) as shown:
            shown.start()
            wait_for(lambda: len(shown.images) >= 1 and len(shown.depths) >= 1
                     and shown.infos and shown.transforms(shown.moving), "its first frame")
            depth_m = images.to_depth_m(shown.depths[0])
            assert 0.5 < np.nanmedian(depth_m) < 5.0
            camera = to_camera_model(shown.infos[0])
            assert (camera.width, camera.height) == (shown.images[0].width, shown.images[0].height)

    def test_a_recording_as_it_was_recorded(self, tmp_path: Path) -> None:
        stamps = [1_600_000_000_123_456_789 + i * 10**8 for i in range(3)]
        entries = [entry for at in stamps for entry in (recorded_image(at), recorded_info(at))]
        with screen(write_bag(tmp_path / "bag", entries), stamps="recorded") as shown:
            shown.play()
            assert stamps_ns(shown.images) == stamps == stamps_ns(shown.infos)
            first, info = shown.images[0], shown.infos[0]
            assert (first.encoding, first.step, first.is_bigendian) == ("mono16", 9, 1)
            assert bytes(first.data) == bytes(range(18))
            assert first.header.frame_id == info.header.frame_id == "rear_optical"
            assert list(info.p) == list(range(12)) and info.binning_x == 1
            # the mount is that of the recorded frame
            mount = wait_for(lambda: [t for t in shown.transforms(shown.fixed)
                                      if t.child_frame_id == "rear_optical"], "the mount")
            assert mount[0].header.frame_id == "base_link"

    def test_a_recording_of_compressed_images_byte_for_byte(self, tmp_path: Path) -> None:
        data = cv2.imencode(".jpg", PICTURE)[1].tobytes()
        bag = write_bag(tmp_path / "bag", [recorded_jpeg(1, data), recorded_info(1)])
        with screen(bag) as shown:
            shown.play()
            (message,) = wait_for(lambda: shown.compressed, "the image")
            assert (message.format, bytes(message.data)) == ("jpeg", data)
            assert not shown.images
            wait_for(lambda: stamps_ns(shown.infos) == stamps_ns(shown.compressed), "its info")

    def test_the_drawn_scene(self) -> None:
        with screen("demo") as shown:
            shown.start()
            wait_for(lambda: shown.images and shown.infos, "its first frame")
            assert to_camera_model(shown.infos[0]).fx > 0

    def test_topics_of_a_recording_are_chosen_by_parameter(self, tmp_path: Path) -> None:
        data = cv2.imencode(".jpg", PICTURE)[1].tobytes()
        bag = write_bag(tmp_path / "bag", [recorded_image(1), recorded_jpeg(1, data)])
        with screen(bag, image_topic="/rear/image_raw/compressed") as shown:
            shown.play()
            wait_for(lambda: shown.compressed, "the image")


class TestPlaying:
    def test_it_holds_still_and_goes_on_without_a_frame_skipped(self, video: Path) -> None:
        with screen(video, rate=0.25) as shown:  # four seconds
            shown.stop()  # the service is known before it is needed in time
            time.sleep(0.1)
            assert not shown.images  # start_paused
            shown.start()
            wait_for(lambda: len(shown.images) >= 3, "the first frames")
            assert shown.stop().message == "stopped"
            stood = shown.node.stats.counters()["frames"]
            time.sleep(0.5)
            # one may have been on its way when it was stopped
            assert shown.node.stats.counters()["frames"] <= stood + 1 < 20
            shown.play()
            gaps_ns = np.diff(stamps_ns(shown.images))
            assert len(shown.images) == 20
            # the pause is in the stamps: they are the time of playing
            assert np.sum(gaps_ns > 3e8) == 1 and gaps_ns.max() > 6e8
            answer = shown.start()
            assert not answer.success and "played to its end" in answer.message

    def test_a_loop_never_ends_and_its_stamps_never_fall(self, folder: Path) -> None:
        with screen(folder, loop=True) as shown:
            shown.start()
            wait_for(lambda: len(shown.images) > 12, "the third pass")
            assert set(np.diff(stamps_ns(shown.images))) == {10**7}
            assert not shown.finished[-1].data

    def test_recorded_stamps_of_a_loop_come_again(self, tmp_path: Path) -> None:
        bag = write_bag(tmp_path / "bag", [recorded_image(i * 10**8) for i in range(3)])
        with screen(bag, loop=True, stamps="recorded") as shown:
            shown.start()
            wait_for(lambda: len(shown.images) >= 6, "the second pass")
            assert stamps_ns(shown.images)[:6] == [0, 10**8, 2 * 10**8] * 2

    def test_finished_is_told_to_those_who_come_later(self, folder: Path) -> None:
        with screen(folder) as shown:
            shown.play()
            late = shown.peer.listen("video_source/finished", Bool, LATCHED)
            wait_for(lambda: [m.data for m in late] == [True], "the last word")

    def test_activated_again_it_plays_again_from_the_first_frame(self, folder: Path) -> None:
        with screen(folder) as shown:
            shown.play()
            first_pass = len(shown.images)
            assert change(shown.peer, Transition.TRANSITION_DEACTIVATE)
            assert change(shown.peer, Transition.TRANSITION_ACTIVATE)
            wait_for(lambda: not shown.finished[-1].data, "the beginning")
            shown.play()
            wait_for(lambda: len(shown.images) == 2 * first_pass == 10, "every frame again")
            assert images.to_rgb(shown.images[5])[0, 0, 0] == 0
            now_ns = shown.node.get_clock().now().nanoseconds
            assert 0 < now_ns - stamps_ns(shown.images)[-1] < 30e9

    def test_it_waits_for_subscribers(self, folder: Path) -> None:
        with screen(folder, wait_for_subscribers=3) as shown:  # of images, raw or compressed
            shown.start()
            time.sleep(0.2)
            assert not shown.images
            second = shown.peer.listen("image_raw", Image)
            wait_for(lambda: shown.finished[-1].data, "the end")
            wait_for(lambda: len(second) == 5, "every frame, for both")

"""Videos, folders and devices as sources: what they give, how they end, loop and fail."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources import RawImage, SourceError, SourceFrame, open_source
from smolvlm_ros.sources.folder import natural_key

DATA = Path(__file__).parents[3] / "shared" / "data"


def picture(value: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """40 frames at 20 fps, each brighter than the one before."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    assert writer.isOpened()
    for i in range(40):
        writer.write(picture(i * 5))
    writer.release()
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """img1, img2, img10 with values 10, 20, 100, and a file that is no image."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in (1, 2, 10):
        cv2.imwrite(str(folder / f"img{i}.png"), picture(i * 10))
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture
def rgbd(tmp_path: Path) -> Path:
    """Frames 4 and 7 with depth; frame 4 with a pose."""
    folder = tmp_path / "rgbd"
    folder.mkdir()
    np.savetxt(folder / "camera-intrinsics.txt", [[50.0, 0, 31.5], [0, 51.0, 23.5], [0, 0, 1]])
    depth = np.full((48, 64), 1500, np.uint16)
    depth[0, 0], depth[0, 1] = 0, 65535
    for n in (4, 7):
        cv2.imwrite(str(folder / f"frame-{n:06d}.color.png"), picture(n))
        cv2.imwrite(str(folder / f"frame-{n:06d}.depth.png"), depth)
    pose = np.eye(4)
    pose[:3, 3] = (1, 2, 3)
    np.savetxt(folder / "frame-000004.pose.txt", pose)
    return folder


def test_video_gives_every_frame_with_its_media_time(video: Path) -> None:
    with open_source(str(video)) as source:
        frames = list(source)
        assert (source.fps, source.frame_count, source.live) == (pytest.approx(20.0), 40, False)
        assert source.read() is None  # and stays at its end
    assert [f.stamp_s for f in frames] == pytest.approx([i / 20 for i in range(40)])
    assert frames[0].image is not None and frames[0].image.shape == (48, 64, 3)
    assert abs(float(frames[30].image.mean()) - 150) < 4  # in order


def test_rate_replaces_the_stamps(video: Path) -> None:
    with open_source(str(video), rate_hz=5.0) as source:
        assert [f.stamp_s for f in source][:3] == pytest.approx([0.0, 0.2, 0.4])


def test_a_loop_starts_again_and_its_stamps_go_on(video: Path) -> None:
    with open_source(str(video), loop=True) as source:
        frames = [source.read() for _ in range(95)]
    assert np.diff([f.stamp_s for f in frames]) == pytest.approx(0.05)
    assert float(frames[40].image.mean()) == pytest.approx(float(frames[0].image.mean()))


def test_restart_goes_to_stamp_zero(video: Path) -> None:
    with open_source(str(video)) as source:
        for _ in range(7):
            source.read()
        source.restart()
        assert source.read().stamp_s == 0.0


def test_a_closed_source_says_so(video: Path) -> None:
    source = open_source(str(video))
    source.close()
    source.close()  # twice is no error
    for call in (source.read, source.restart):
        with pytest.raises(SourceError, match="closed"):
            call()


def test_a_video_cut_short_gives_its_frames_then_an_error(video: Path) -> None:
    # The header still promises 40 frames.
    content = video.read_bytes()
    video.write_bytes(content[:len(content) // 2])
    with open_source(str(video)) as source:
        given = 0
        with pytest.raises(SourceError, match=r"clip\.avi ends after \d+ of 40 frames"):
            for _ in source:
                given += 1
        assert 5 < given < 35
        assert source.read() is None  # reported once, then ended


def test_a_looped_video_cut_short_starts_again_after_its_error(video: Path) -> None:
    content = video.read_bytes()
    video.write_bytes(content[:len(content) // 2])
    with open_source(str(video), loop=True) as source:
        with pytest.raises(SourceError, match="cut short"):
            for frame in source:
                last = frame
        again = source.read()
        assert again is not None and again.stamp_s > last.stamp_s
        assert float(again.image.mean()) < 5  # the first frame


@pytest.mark.parametrize(("spec", "words"), [
    ("missing.mp4", "does not exist"),
    ("", "no source given"),
    ("/dev/video97", "camera /dev/video97 does not exist"),
    ("demo?speed=3", "demo.seed=3"),
    ("demo?seed=-1", "demo.seed=3"),
])
def test_what_is_not_there_is_named(spec: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        open_source(spec)


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("hello")
    with pytest.raises(SourceError, match="notes.mp4 is not a video"):
        open_source(str(tmp_path / "notes.mp4"))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_must_be_a_number_above_zero(rate: float, images: Path) -> None:
    with pytest.raises(SourceError, match="rate"):
        open_source(str(images), rate_hz=rate)


def test_a_calibration_of_another_resolution_is_scaled_and_of_another_aspect_refused(
        video: Path) -> None:
    with open_source(str(video), camera=CameraModel.from_fov(128, 96, 60.0)) as source:
        camera = source.read().camera
    assert (camera.width, camera.height) == (64, 48)
    assert camera.fx == pytest.approx(CameraModel.from_fov(64, 48, 60.0).fx)
    with open_source(str(video), camera=CameraModel.from_fov(128, 128, 60.0)) as source:
        with pytest.raises(SourceError, match="another aspect"):
            source.read()


def test_images_come_in_natural_order_at_ten_a_second(images: Path) -> None:
    with open_source(str(images)) as source:
        frames = list(source)
    assert [int(f.image[0, 0, 0]) for f in frames] == [10, 20, 100]
    assert [f.stamp_s for f in frames] == pytest.approx([0.0, 0.1, 0.2])


def test_a_broken_image_is_named_and_the_rest_is_played(images: Path) -> None:
    (images / "img2.png").write_bytes(b"broken")
    with open_source(str(images)) as source:
        source.read()
        with pytest.raises(SourceError, match="img2.png cannot be decoded"):
            source.read()
        assert int(source.read().image[0, 0, 0]) == 100
        assert source.read() is None


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no png or jpg"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(("names", "expected"), [
    # numbers count as numbers
    (["b10", "b9", "b1"], ["b1", "b9", "b10"]),
    # leading zeros change nothing
    (["f002", "f1", "f03"], ["f1", "f002", "f03"]),
    # numbers before letters, and upper case with lower case
    (["B2", "a1", "3"], ["3", "a1", "B2"]),
])
def test_natural_order(names: list[str], expected: list[str]) -> None:
    assert sorted(names, key=natural_key) == expected


def test_rgbd_gives_depth_pose_camera_and_its_gaps_in_time(rgbd: Path) -> None:
    with open_source(str(rgbd)) as source:
        first, second = list(source)
    assert second.stamp_s == pytest.approx(3 / 30)  # frames 4 and 7 at 30 Hz
    assert first.depth.dtype == np.uint16 and first.depth[5, 5] == 1500
    assert first.depth[0, 0] == 0 and first.depth[0, 1] == 0  # 65535 is unknown as well
    assert first.pose_world_from_camera[:3, 3].tolist() == [1, 2, 3]
    assert second.pose_world_from_camera is None
    assert (first.camera.fx, first.camera.fy, first.camera.cx) == (50.0, 51.0, 31.5)


def _no_intrinsics(folder: Path) -> None:
    (folder / "camera-intrinsics.txt").unlink()


def _words_for_intrinsics(folder: Path) -> None:
    (folder / "camera-intrinsics.txt").write_text("none yet")


def _zero_focal_length(folder: Path) -> None:
    np.savetxt(folder / "camera-intrinsics.txt", np.zeros((3, 3)))


def _no_depth(folder: Path) -> None:
    (folder / "frame-000004.depth.png").unlink()


def _eight_bit_depth(folder: Path) -> None:
    cv2.imwrite(str(folder / "frame-000004.depth.png"), np.zeros((48, 64), np.uint8))


def _sheared_pose(folder: Path) -> None:
    np.savetxt(folder / "frame-000004.pose.txt", np.diag([1.0, 2.0, 1.0, 1.0]))


def _lost_pose(folder: Path) -> None:
    np.savetxt(folder / "frame-000004.pose.txt", np.full((4, 4), -np.inf))


def _other_size(folder: Path) -> None:
    cv2.imwrite(str(folder / "frame-000007.color.png"), picture(1, 32, 24))


@pytest.mark.parametrize(("damage", "words"), [
    (_no_intrinsics, "camera-intrinsics.txt does not exist"),
    (_words_for_intrinsics, "not a table of numbers"),
    (_zero_focal_length, "focal length"),
    (_no_depth, "frame-000004.depth.png does not exist"),
    (_eight_bit_depth, "expected 16-bit"),
    (_sheared_pose, "not a rotation"),
    (_lost_pose, "finite"),
    (_other_size, "frame-000007.color.png is 32x24"),
])
def test_what_is_wrong_in_an_rgbd_folder_is_named(damage, words: str, rgbd: Path) -> None:
    damage(rgbd)
    with pytest.raises(SourceError, match=words):
        list(open_source(str(rgbd)))


def test_the_kitchen_is_read() -> None:
    folder = DATA / "rgbd_kitchen"
    if not folder.exists():
        pytest.skip(f"{folder} is not on this machine")
    with open_source(str(folder)) as source:
        assert source.frame_count > 60
        frame = source.read()
    assert frame.depth.shape == (480, 640) and frame.depth.max() < 65535
    assert frame.camera.fx == 585.0 and frame.pose_world_from_camera is not None


def test_a_frame_has_exactly_one_image() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        SourceFrame(0.0)
    with pytest.raises(ValueError, match="exactly one"):
        SourceFrame(0.0, image=picture(0), compressed=b"jpeg")
    with pytest.raises(ValueError, match=r"uint8 \(H, W, 3\)"):
        SourceFrame(0.0, image=np.zeros((4, 4), np.uint8))


def test_a_recorded_image_must_hold_its_rows() -> None:
    with pytest.raises(ValueError, match="height . step"):
        RawImage(4, 4, "rgb8", False, 12, np.zeros(47, np.uint8))

"""video_source over DDS: every kind of source, its calibration and its TF, at its own pace."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import LATCHED, Peer, fresh_namespace, running, textured, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.nodes import video_source as video_source_module  # noqa: E402
from smolvlm_ros.nodes.video_source import VideoSourceNode  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.camera_info import to_camera_model  # noqa: E402
from smolvlm_ros.ros.stamps import to_nanoseconds  # noqa: E402
from smolvlm_ros.sources import FrameSource, SourceError, SourceFrame  # noqa: E402

KITCHEN = Path(__file__).resolve().parents[3] / "shared/data/rgbd_kitchen"
PICTURE = cv2.GaussianBlur(textured(48, 64), (0, 0), 2)
CALIBRATION = """
image_width: 128
image_height: 96
camera_matrix: {rows: 3, cols: 3, data: [100.0, 0, 63.5, 0, 101.0, 47.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.1, 0.01, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [90.0, 0, 63.5, -9.0, 0, 91.0, 47.5, 0, 0, 0, 1, 0]}
"""


class Screen:
    """Listens to all that a video_source publishes; it has not begun to play."""

    def __init__(self, peer: Peer, node: VideoSourceNode) -> None:
        self.peer, self.node = peer, node
        self.images: list[Image] = peer.listen("image_raw", Image)
        self.compressed: list[CompressedImage] = peer.listen("image_raw/compressed",
                                                             CompressedImage)
        self.infos: list[CameraInfo] = peer.listen("camera_info", CameraInfo)
        self.depths: list[Image] = peer.listen("source/depth/image_rect", Image)
        self.depth_infos: list[CameraInfo] = peer.listen("source/depth/camera_info", CameraInfo)
        self.finished: list[Bool] = peer.listen("video_source/finished", Bool, LATCHED)
        self.moving: list[TFMessage] = peer.listen("/tf", TFMessage, matched=False)
        self.fixed: list[TFMessage] = peer.listen("/tf_static", TFMessage, LATCHED, matched=False)

    def start(self) -> Any:
        return self.peer.call("video_source/start", Trigger, Trigger.Request())

    def stop(self) -> Any:
        return self.peer.call("video_source/stop", Trigger, Trigger.Request())

    def play(self) -> None:
        """Start, and wait for the end and for all that came before it."""
        assert self.start().success
        wait_for(lambda: self.finished and self.finished[-1].data, "the end")
        sent = self.node.stats.counters().get("frames", 0)
        wait_for(lambda: len(self.images) + len(self.compressed) >= sent <= len(self.infos),
                 f"{sent} frames with their camera_info")

    def transforms(self, kind: list[TFMessage]) -> list[Any]:
        return [t for message in tuple(kind) for t in message.transforms]


@contextmanager
def screen(source: Path | str, **parameters: Any) -> Iterator[Screen]:
    namespace = fresh_namespace()
    values = {"source": str(source), "start_paused": True, "rate": 10.0, "image_qos__depth": 100,
              **parameters}
    with Peer(namespace) as peer, running(VideoSourceNode, namespace, **values) as node:
        yield Screen(peer, node)


def change(peer: Peer, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(peer.call("video_source/change_state", ChangeState, request).success)


def stamps_ns(messages: list[Any]) -> list[int]:
    return [to_nanoseconds(m.header.stamp) for m in messages]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images, each brighter than the one before; they come at 10 Hz."""
    path = tmp_path / "images"
    path.mkdir()
    for i in range(5):
        cv2.imwrite(str(path / f"img{i}.png"), np.full((48, 64, 3), 40 * i, np.uint8))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty frames at 20 Hz."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for i in range(20):
        writer.write(np.roll(PICTURE, i, 1))
    writer.release()
    return path


@pytest.fixture
def rgbd(tmp_path: Path) -> Path:
    """Three frames with depth and poses, the camera 0.1 m further with each; N counts at 30 Hz."""
    path = tmp_path / "rgbd"
    path.mkdir()
    np.savetxt(path / "camera-intrinsics.txt", [[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
    for n, i in enumerate((6, 9, 12)):
        cv2.imwrite(str(path / f"frame-{i:06d}.color.png"), PICTURE)
        depth = np.full((24, 32), 1000 + n, np.uint16)
        depth[0, :2] = (0, 65535)
        cv2.imwrite(str(path / f"frame-{i:06d}.depth.png"), depth)
        pose = np.eye(4)
        pose[0, 3] = 0.1 * n
        np.savetxt(path / f"frame-{i:06d}.pose.txt", pose)
    return path


def write_bag(path: Path, entries: list[tuple[str, str, Callable[[Any], Any]]]) -> Path:
    """A recording by rosbags: topic, type, and what makes the message from the types; at 10 Hz."""
    pytest.importorskip("rosbags", reason="the recording is written with rosbags")
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for index, (topic, kind, make) in enumerate(entries):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            message = make(store.types)
            writer.write(connections[topic], 10**18 + index * 10**8,
                         store.serialize_cdr(message, kind))
    return path


def recorded_header(types: Any, stamp_ns: int) -> Any:
    time_type = types["builtin_interfaces/msg/Time"]
    return types["std_msgs/msg/Header"](time_type(stamp_ns // 10**9, stamp_ns % 10**9),
                                        "rear_optical")


def recorded_image(stamp_ns: int) -> tuple[str, str, Callable[[Any], Any]]:
    kind = "sensor_msgs/msg/Image"
    data = np.arange(2 * 9, dtype=np.uint8)
    return "/rear/image_raw", kind, lambda types: types[kind](
        recorded_header(types, stamp_ns), 2, 4, "mono16", 1, 9, data)


def recorded_jpeg(stamp_ns: int, data: bytes) -> tuple[str, str, Callable[[Any], Any]]:
    kind = "sensor_msgs/msg/CompressedImage"
    return "/rear/image_raw/compressed", kind, lambda types: types[kind](
        recorded_header(types, stamp_ns), "jpeg", np.frombuffer(data, np.uint8))


def recorded_info(stamp_ns: int) -> tuple[str, str, Callable[[Any], Any]]:
    kind = "sensor_msgs/msg/CameraInfo"
    k = np.array([9.0, 0, 1.5, 0, 9.0, 0.5, 0, 0, 1])
    return "/rear/camera_info", kind, lambda types: types[kind](
        recorded_header(types, stamp_ns), 2, 4, "plumb_bob", np.array([0.1, 0, 0, 0, 0]), k,
        np.eye(3).ravel(), np.arange(12.0), 1, 1,
        types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False))


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
        with screen(video, rate=2.0) as shown:
            time.sleep(0.1)
            assert not shown.images  # start_paused
            shown.start()
            wait_for(lambda: len(shown.images) >= 3, "the first frames")
            assert shown.stop().message == "stopped"
            time.sleep(0.1)
            stood = len(shown.images)
            time.sleep(0.2)
            assert len(shown.images) == stood < 20
            shown.play()
            gaps_ns = np.diff(stamps_ns(shown.images))
            assert len(shown.images) == 20
            # the pause is in the stamps: they are the time of playing
            assert np.sum(gaps_ns > 5e7) == 1 and gaps_ns.max() > 2e8
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


class TestFaults:
    @pytest.mark.parametrize(("parameters", "words"), [
        ({"source": "/nowhere/walk.mp4"}, "source /nowhere/walk.mp4 does not exist"),
        ({"source": "/dev/video97"}, "camera /dev/video97 does not exist; plug it in"),
        ({"camera_info_file": "/nowhere/camera.yaml"}, "/nowhere/camera.yaml cannot be read"),
    ])
    def test_what_is_missing_is_refused_and_configured_once_it_is_there(
            self, parameters: dict[str, Any], words: str, folder: Path) -> None:
        namespace = fresh_namespace()
        values = {"source": str(folder), **parameters}
        with Peer(namespace) as peer, running(VideoSourceNode, namespace, active=False,
                                              **values) as node:
            assert not change(peer, Transition.TRANSITION_CONFIGURE)
            peer.await_error("video_source", words)
            good = {"source": str(folder), "camera_info_file": ""}
            assert all(r.successful for r in node.set_parameters(
                [Parameter(name, value=value) for name, value in good.items()]))
            assert change(peer, Transition.TRANSITION_CONFIGURE)
            assert change(peer, Transition.TRANSITION_ACTIVATE)
            shown = peer.listen("image_raw", Image)
            wait_for(lambda: shown, "an image")

    def test_a_video_that_was_cut_short_ends_and_says_so(self, video: Path) -> None:
        data = video.read_bytes()
        video.write_bytes(data[:len(data) // 2])
        with screen(video) as shown:
            shown.play()
            assert 0 < len(shown.images) < 20
            shown.peer.await_status("video_source", lambda level, text, values: level == 2
                                    and "cut short" in text and values["finished"] == "True",
                                    "the reason")

    def test_a_broken_image_of_a_folder_is_told_and_the_next_one_comes(self, folder: Path) -> None:
        (folder / "img2.png").write_bytes(b"no image")
        with screen(folder) as shown:
            shown.play()
            wait_for(lambda: len(shown.images) == 4, "the others")
            shown.peer.await_error("video_source", "img2.png")
            assert shown.peer.status("video_source")[2]["read_errors"] == "1"

    def test_a_damaged_frame_of_a_recording_is_told_and_the_next_one_comes(
            self, tmp_path: Path) -> None:
        (tmp_path / "camera.yaml").write_text(CALIBRATION)
        good = cv2.imencode(".jpg", cv2.resize(PICTURE, (128, 96)))[1].tobytes()
        bag = write_bag(tmp_path / "bag", [recorded_jpeg(1, b"\xff\xd8damaged"),
                                           recorded_jpeg(2, good)])
        with screen(bag, camera_info_file=str(tmp_path / "camera.yaml")) as shown:
            shown.play()
            wait_for(lambda: len(shown.compressed) == 2 and len(shown.infos) == 1, "both frames")
            shown.peer.await_error("video_source", f"{bag}: ")
            assert shown.peer.status("video_source")[2]["bad_input"] == "1"

    def test_a_camera_that_is_unplugged_is_opened_again(self,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
        cameras: list[Any] = [Webcam(3), SourceError("camera /dev/video0 does not exist"),
                              Webcam(10**6)]

        def open_source(*_: Any, **__: Any) -> FrameSource:
            camera = cameras.pop(0)
            if isinstance(camera, SourceError):
                raise camera
            return camera  # type: ignore[no-any-return]

        monkeypatch.setattr(video_source_module, "open_source", open_source)
        with screen("0", reconnect_s=0.1) as shown:
            shown.start()
            shown.peer.await_error("video_source", "/dev/video0")
            wait_for(lambda: len(shown.images) > 6, "images of the camera that came back")
            stamps = stamps_ns(shown.images)
            assert stamps == sorted(stamps)
            now_ns = shown.node.get_clock().now().nanoseconds
            assert now_ns - stamps[-1] < 30e9  # a camera's stamps are those of now


class Webcam(FrameSource):
    """Stands for a device: gives so many frames, and is then unplugged."""

    live = True

    def __init__(self, frames: int) -> None:
        super().__init__("/dev/video0", fps=100.0, frame_count=None)
        self._left = frames

    def _read(self) -> SourceFrame:
        time.sleep(0.01)
        self._left -= 1
        if self._left < 0:
            raise SourceError("camera /dev/video0 gives no more frames")
        return SourceFrame(0.0, image=PICTURE)

    def _restart(self) -> None:
        pass

"""video_source over DDS: sources that are missing, broken or that stop."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from lifecycle_msgs.msg import Transition  # noqa: E402
from peer import Peer, fresh_namespace, running, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from source_bench import (  # noqa: E402
    CALIBRATION,
    PICTURE,
    change,
    recorded_jpeg,
    screen,
    stamps_ns,
    write_bag,
)

from smolvlm_ros.nodes import video_source as video_source_module  # noqa: E402
from smolvlm_ros.nodes.video_source import VideoSourceNode  # noqa: E402
from smolvlm_ros.sources import FrameSource, SourceError, SourceFrame  # noqa: E402


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

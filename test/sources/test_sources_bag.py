"""Recordings as sources, written here by the rosbags library."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources import SourceError, open_source

rosbags = pytest.importorskip("rosbags", reason="the Python package rosbags is not installed")
from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402
from rosbags.typesys import Stores, get_typestore  # noqa: E402

STORE = get_typestore(Stores.ROS2_HUMBLE)
T = STORE.types
START_NS = 1_700_000_000_000_000_000


def header(stamp_ns: int, frame_id: str = "camera_optical_frame") -> Any:
    return T["std_msgs/msg/Header"](
        T["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9), frame_id)


def image(stamp_ns: int, encoding: str = "rgb8", value: int = 7) -> Any:
    size = {"rgb8": 3, "mono8": 1, "16UC1": 2}[encoding]
    step = 4 * size + 1  # one byte of padding
    return T["sensor_msgs/msg/Image"](header(stamp_ns), 2, 4, encoding, 0, step,
                                      np.full(2 * step, value, np.uint8))


def compressed(stamp_ns: int) -> Any:
    return T["sensor_msgs/msg/CompressedImage"](header(stamp_ns), "jpeg",
                                                np.frombuffer(b"\xff\xd8data", np.uint8))


def info(stamp_ns: int, fx: float = 100.0) -> Any:
    return T["sensor_msgs/msg/CameraInfo"](
        header(stamp_ns), 2, 4, "plumb_bob", np.array([0.1, 0, 0, 0, 0.0]),
        np.array([fx, 0, 1.5, 0, fx, 0.5, 0, 0, 1]), np.eye(3).ravel(), np.zeros(12), 0, 0,
        T["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False))


def write(path: Path, entries: list[tuple[str, int, Any]],
          plugin: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A bag of (topic, receive time in ns after the start, message)."""
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        for topic, after_ns, message in entries:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__,
                                                           typestore=STORE)
            writer.write(connections[topic], START_NS + after_ns,
                         STORE.serialize_cdr(message, message.__msgtype__))
    return path


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Five images, 0.1 s apart, their camera_info after each of them."""
    entries = []
    for i in range(5):
        entries.append(("/cam/image_raw", i * 10**8, image(i * 10**8 + 5, value=i)))
        entries.append(("/cam/camera_info", i * 10**8 + 1000, info(i * 10**8 + 5)))
    return write(tmp_path / "bag", entries)


def test_frames_come_as_they_were_recorded(bag: Path) -> None:
    with open_source(str(bag)) as source:
        assert source.frame_count == 5 and source.fps == pytest.approx(10.0, rel=0.01)
        frames = list(source)
    assert [f.stamp_s for f in frames] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert [f.header_stamp_ns for f in frames] == [i * 10**8 + 5 for i in range(5)]
    raw = frames[3].raw
    assert (raw.encoding, raw.height, raw.width, raw.step) == ("rgb8", 2, 4, 13)
    assert raw.data.tolist() == [3] * 26  # padding included
    assert frames[3].frame_id == "camera_optical_frame" and frames[3].image is None


def test_the_camera_is_known_from_the_first_frame(bag: Path) -> None:
    # its CameraInfo comes after the image in the file
    with open_source(str(bag)) as source:
        frame = source.read()
    assert source.camera == CameraModel(4, 2, 100.0, 100.0, 1.5, 0.5, (0.1, 0, 0, 0, 0),
                                        "plumb_bob")
    assert frame.camera == source.camera
    assert frame.camera_info.d[0] == 0.1 and len(frame.camera_info.p) == 12


def test_a_given_camera_wins(bag: Path) -> None:
    camera = CameraModel.from_fov(8, 4, 60.0)
    with open_source(str(bag), camera=camera) as source:
        frame = source.read()
    assert frame.camera == camera.scaled(4, 2) and frame.camera_info is None


def test_loop_and_restart(bag: Path) -> None:
    with open_source(str(bag), loop=True) as source:
        stamps = [source.read().stamp_s for _ in range(12)]
        assert np.diff(stamps) == pytest.approx(0.1, rel=0.01)
        source.restart()
        assert source.read().stamp_s == 0.0


@pytest.mark.parametrize("which", ["folder", "mcap", "db3", "folder without metadata"])
def test_every_form_of_a_bag_opens(which: str, tmp_path: Path) -> None:
    plugin = StoragePlugin.SQLITE3 if which == "db3" else StoragePlugin.MCAP
    path = write(tmp_path / "bag", [("/image", 0, image(1)), ("/image", 10**8, image(2))], plugin)
    if which == "folder without metadata":
        (path / "metadata.yaml").unlink()
    elif which != "folder":
        path = next(path.glob(f"*.{which}"))
    with open_source(str(path)) as source:
        assert len(list(source)) == 2


@pytest.mark.parametrize("encoding", ["mono8", "16UC1"])
def test_other_encodings_stay_what_they_are(encoding: str, tmp_path: Path) -> None:
    with open_source(str(write(tmp_path / "b", [("/image", 0, image(1, encoding))]))) as source:
        frame = source.read()
    assert frame.encoding == frame.raw.encoding == encoding and frame.camera is None


def test_compressed_images_stay_compressed(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", [("/cam/image/compressed", 0, compressed(9)),
                                    ("/cam/camera_info", 1, info(9)),
                                    ("/other/camera_info", 1, info(9, 55.0))])
    with open_source(str(path)) as source:
        frame = source.read()
    assert (frame.compressed, frame.encoding) == (b"\xff\xd8data", "jpeg")
    assert frame.camera.fx == 100.0  # the one beside the image


def test_two_image_topics_need_a_choice(tmp_path: Path) -> None:
    path = str(write(tmp_path / "bag", [("/left/image", 0, image(1, value=1)),
                                        ("/right/image", 1, image(2, value=2)),
                                        ("/right/info", 1, info(2, 55.0)),
                                        ("/left/info", 1, info(2, 66.0))]))
    with pytest.raises(SourceError, match="image_topic: /left/image, /right/image"):
        open_source(path)
    with pytest.raises(SourceError, match="no image topic '/up/image'.*/left/image, /right/image"):
        open_source(path, image_topic="/up/image")
    with pytest.raises(SourceError, match="no CameraInfo topic '/x'; it has /left/info, /right"):
        open_source(path, image_topic="/right/image", info_topic="/x")
    with open_source(path, image_topic="/right/image", info_topic="/right/info") as source:
        frame = source.read()
    assert frame.raw.data[0] == 2 and frame.camera.fx == 55.0


def test_a_bag_without_images_lists_its_topics(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", [("/cam/info", 0, info(1))])
    with pytest.raises(SourceError, match=r"/cam/info \(sensor_msgs/msg/CameraInfo\)"):
        open_source(str(path))


def test_an_uncalibrated_camera_is_no_camera(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", [("/c/image", 0, image(1)), ("/c/camera_info", 0, info(1, 0.0))])
    with open_source(str(path)) as source:
        frame = source.read()
    assert frame.camera is None and frame.camera_info is not None


def test_a_killed_recording_says_how_to_recover_it(bag: Path) -> None:
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(SourceError, match="recover"):
        open_source(str(bag))


def test_damage_in_the_middle_is_an_error_after_the_frames_before(tmp_path: Path) -> None:
    path = write(tmp_path / "bag", [("/image", i * 10**8, image(i, value=99)) for i in range(6)])
    file = next(path.glob("*.mcap"))
    content = bytearray(file.read_bytes())
    # The string length of the fourth message's encoding becomes absurd.
    at = [i for i in range(len(content)) if content[i:i + 4] == b"rgb8"][3]
    content[at - 4:at] = b"\xff\xff\xff\x7f"
    start = content.index(b"\x89MCAP0\r\n")
    assert start == 0
    file.write_bytes(_without_chunk_checksum(bytes(content)))
    given = 0
    with open_source(str(path)) as source:
        with pytest.raises(SourceError, match="after 3 frames of /image"):
            for _ in source:
                given += 1
    assert given == 3


def _without_chunk_checksum(content: bytes) -> bytes:
    """Set the checksum of the first chunk to 0, which means 'not computed'."""
    position = 8
    while content[position] != 0x06:
        position += 9 + int.from_bytes(content[position + 1:position + 9], "little")
    at = position + 9 + 24
    return content[:at] + bytes(4) + content[at + 4:]


def test_without_the_library_the_error_says_what_to_install(
        bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rosbags.rosbag2", None)
    with pytest.raises(SourceError, match="pip install rosbags"):
        open_source(str(bag))

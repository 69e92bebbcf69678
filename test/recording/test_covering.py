"""A recording written anew without faces: images covered, everything else byte for byte."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from smolvlm_ros.cli import main
from smolvlm_ros.recording import McapRecorder, RecordingError, definition_text
from smolvlm_ros.recording.covering import cover_recording
from smolvlm_ros.remote.privacy import PrivacyConfig

pytest.importorskip("rosbags", reason="the Python package rosbags is not installed")
from rosbags.highlevel import AnyReader  # noqa: E402
from rosbags.typesys import Stores, get_types_from_msg, get_typestore  # noqa: E402

HEADS = PrivacyConfig(blur_plates=False)
HEAD, REST = np.s_[14:34, 46:64], np.s_[80:110, 90:150]
DETECTIONS = "vision_msgs/msg/Detection2DArray"
COMPRESSED, CLOUD = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/PointCloud2"
BYTES, LAYOUT = "std_msgs/msg/UInt8MultiArray", "std_msgs/msg/MultiArrayLayout"
STRING = "std_msgs/msg/String"


def stripes() -> np.ndarray:
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, ::4] = image[:, 1::4] = 255
    return image


def restless(part: np.ndarray) -> float:
    return float(np.abs(np.diff(part.astype(int), axis=1)).mean())


@pytest.fixture
def store() -> Any:
    try:
        text = definition_text(DETECTIONS)
    except Exception:
        pytest.skip("vision_msgs is not installed here")
    made = get_typestore(Stores.ROS2_HUMBLE)
    made.register(get_types_from_msg(text, DETECTIONS))
    return made


@pytest.fixture
def recording(tmp_path: Path, store: Any) -> Path:
    """An image as bytes with padding, a JPEG, depth, and a person's box that comes later."""
    t = store.types
    header = t["std_msgs/msg/Header"](t["builtin_interfaces/msg/Time"](7, 9), "camera")
    padded = np.zeros((120, 160 * 3 + 5), np.uint8)
    padded[:, :480] = stripes().reshape(120, 480)
    raw = t["sensor_msgs/msg/Image"](header, 120, 160, "rgb8", 0, 485, padded.ravel())
    jpeg = cv2.imencode(".jpg", stripes())[1].ravel()
    compressed = t["sensor_msgs/msg/CompressedImage"](header, "jpeg", jpeg)
    depth = t["sensor_msgs/msg/Image"](header, 2, 2, "32FC1", 0, 8,
                                       np.arange(4, dtype=np.float32).view(np.uint8))
    point = t["vision_msgs/msg/Point2D"](55.0, 60.0)
    box = t["vision_msgs/msg/BoundingBox2D"](t["vision_msgs/msg/Pose2D"](point, 0.0), 30.0, 100.0)
    guess = t["vision_msgs/msg/ObjectHypothesisWithPose"](
        t["vision_msgs/msg/ObjectHypothesis"]("person", 0.9),
        t["geometry_msgs/msg/PoseWithCovariance"](t["geometry_msgs/msg/Pose"](
            t["geometry_msgs/msg/Point"](0.0, 0.0, 0.0),
            t["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)), np.zeros(36)))
    found = t[DETECTIONS](header, [t["vision_msgs/msg/Detection2D"](header, [guess], box, "7")])
    with McapRecorder(tmp_path / "bag") as recorder:
        for number, (topic, kind, message) in enumerate((
                ("/image", "sensor_msgs/msg/Image", raw),
                ("/image/compressed", "sensor_msgs/msg/CompressedImage", compressed),
                ("/depth", "sensor_msgs/msg/Image", depth), ("/objects_2d", DETECTIONS, found))):
            recorder.add_topic(topic, kind, definition_text(kind) if kind == DETECTIONS else "")
            recorder.add(topic, bytes(store.serialize_cdr(message, kind)), 100 + number)
    return tmp_path / "bag"


def read(path: Path) -> dict[str, Any]:
    with AnyReader([path]) as reader:
        return {c.topic: (stamp, bytes(data), reader.deserialize(data, c.msgtype))
                for c, stamp, data in reader.messages()}


def test_heads_are_covered_and_the_rest_is_as_it_was(recording: Path, tmp_path: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    before = (recording / "bag.mcap").read_bytes()
    assert main(["cover", str(recording), str(tmp_path / "out"), "--keep-plates"]) == 0
    assert "4 messages, of which 2 images with 2 heads" in capsys.readouterr().out
    assert (recording / "bag.mcap").read_bytes() == before
    old, new = read(recording), read(tmp_path / "out")
    assert {t: v[0] for t, v in old.items()} == {t: v[0] for t, v in new.items()}
    for topic in ("/depth", "/objects_2d"):
        assert old[topic][1] == new[topic][1]
    raw = new["/image"][2]
    assert (raw.header.stamp.sec, raw.header.stamp.nanosec, raw.step) == (7, 9, 485)
    rows = raw.data.reshape(120, 485)
    assert not rows[:, 480:].any()
    images = [rows[:, :480].reshape(120, 160, 3),
              cv2.imdecode(new["/image/compressed"][2].data, cv2.IMREAD_COLOR)]
    for image in images:
        assert restless(image[HEAD]) < 0.3 * restless(stripes()[HEAD])
        assert np.abs(image[REST].astype(int) - stripes()[REST]).mean() < 12


@pytest.mark.parametrize(("encoding", "step"), [("bayer_rggb8", 2), ("mono16", 4)])
def test_a_picture_in_which_faces_cannot_be_looked_for_is_refused(
        encoding: str, step: int, tmp_path: Path, store: Any) -> None:
    t = store.types
    header = t["std_msgs/msg/Header"](t["builtin_interfaces/msg/Time"](7, 9), "camera")
    image = t["sensor_msgs/msg/Image"](header, 2, 2, encoding, 0, step,
                                       np.zeros(2 * step, np.uint8))
    with McapRecorder(tmp_path / "bag") as recorder:
        recorder.add_topic("/raw", "sensor_msgs/msg/Image")
        recorder.add("/raw", bytes(store.serialize_cdr(image, "sensor_msgs/msg/Image")), 1)
    with pytest.raises(RecordingError, match=f"/raw: encoding '{encoding}' cannot be covered"):
        cover_recording(tmp_path / "bag", tmp_path / "out", HEADS)


def compressed(store: Any, text: str, data: np.ndarray) -> Any:
    t = store.types
    header = t["std_msgs/msg/Header"](t["builtin_interfaces/msg/Time"](7, 9), "camera")
    return t[COMPRESSED](header, text, data)


def record(path: Path, store: Any, *messages: tuple[str, str, Any], definition: str = "") -> Path:
    with McapRecorder(path) as recorder:
        for number, (topic, kind, message) in enumerate(messages):
            recorder.add_topic(topic, kind, definition if "/Packet" in kind else "")
            recorder.add(topic, bytes(store.serialize_cdr(message, kind)), number + 1)
    return path


def test_a_video_is_not_copied_uncovered(tmp_path: Path, store: Any,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    video, text = "some_video_transport/msg/Packet", "string codec\nuint8[] data\n"
    store.register(get_types_from_msg(text, video))
    t = store.types
    made = [("/video", video, t[video]("h264", np.arange(100, dtype=np.uint8))),
            ("/blob", BYTES, t[BYTES](t[LAYOUT]([], 0), np.zeros(64, np.uint8))),
            ("/state", BYTES, t[BYTES](t[LAYOUT]([], 0), np.zeros(8, np.uint8))),
            ("/said", STRING, t[STRING]("hello"))]
    bag = record(tmp_path / "bag", store, *made, definition=text)
    with pytest.raises(RecordingError, match=r"covered in /blob .*, /video \(bytes in some_video_"
                       r".*--without TOPIC"):
        cover_recording(bag, tmp_path / "out", HEADS)
    assert not (tmp_path / "out").exists()
    command = ["cover", str(bag), str(tmp_path / "out"), "--without", "/video"]
    assert main(command) == 2 and "/blob" in capsys.readouterr().err
    assert main([*command, "--copy", "/blob"]) == 0
    said = capsys.readouterr().out
    assert "left out: /video" in said and "copied as they are: /blob" in said
    assert set(read(tmp_path / "out")) == {"/blob", "/state", "/said"}
    with pytest.raises(RecordingError, match="no topic /vidio"):
        cover_recording(bag, tmp_path / "other", HEADS, without=["/vidio"])


def test_a_cloud_with_colours_is_refused_and_one_without_is_not(tmp_path: Path, store: Any) -> None:
    t = store.types
    header = t["std_msgs/msg/Header"](t["builtin_interfaces/msg/Time"](7, 9), "camera")

    def cloud(*names: str) -> Any:
        fields = [t["sensor_msgs/msg/PointField"](name, 4 * i, 7, 1)
                  for i, name in enumerate(names)]
        data = np.zeros(40 * len(names), np.uint8)
        return t[CLOUD](header, 1, 10, fields, False, 4 * len(names), data.size, data, True)
    plain = record(tmp_path / "plain", store, ("/points", CLOUD, cloud("x", "y", "z")))
    assert cover_recording(plain, tmp_path / "out", HEADS).messages == 1
    coloured = record(tmp_path / "rgb", store, ("/points", CLOUD, cloud("x", "y", "z", "rgb")))
    with pytest.raises(RecordingError, match=r"/points \(a point cloud with colours\)"):
        cover_recording(coloured, tmp_path / "out2", HEADS)


def test_compressed_depth_of_any_format_stays_as_it_is(tmp_path: Path, store: Any) -> None:
    depth = cv2.imencode(".png", np.arange(400, dtype=np.uint16).reshape(20, 20) * 50)[1].ravel()
    bag = record(tmp_path / "bag", store, ("/depth", COMPRESSED, compressed(
        store, "16UC1; png compressed ", depth)))
    assert cover_recording(bag, tmp_path / "out", HEADS).images == 0
    assert read(bag)["/depth"][1] == read(tmp_path / "out")["/depth"][1]
    # 16 bits of light would be lost, and a picture of light is none of depth by its name
    light = record(tmp_path / "light", store, ("/ir", COMPRESSED, compressed(
        store, "mono16; png compressed ", depth)))
    with pytest.raises(RecordingError, match="/ir: .*uint16"):
        cover_recording(light, tmp_path / "out2", HEADS)
    jpeg = cv2.imencode(".jpg", stripes()[..., 0])[1].ravel()
    named = record(tmp_path / "named", store, ("/depth", COMPRESSED, compressed(
        store, "16UC1; jpeg compressed ", jpeg)))
    assert cover_recording(named, tmp_path / "out3", HEADS).images == 1
    grey = cv2.imdecode(read(tmp_path / "out3")["/depth"][2].data, cv2.IMREAD_UNCHANGED)
    assert grey.shape == (120, 160)  # one channel, as before


def test_a_picture_turned_by_exif_is_covered_where_its_boxes_are(
        recording: Path, tmp_path: Path, store: Any) -> None:
    boxes = read(recording)["/objects_2d"]
    jpeg = cv2.imencode(".jpg", stripes())[1].tobytes()
    # One entry: orientation (0x0112), a short, 3 for a half turn.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03" + bytes(6)
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    assert np.array_equal(cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR),
                          cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[::-1, ::-1])
    with McapRecorder(tmp_path / "turned") as recorder:
        recorder.add_topic("/image", COMPRESSED)
        recorder.add_topic("/objects_2d", DETECTIONS, definition_text(DETECTIONS))
        recorder.add("/image", bytes(store.serialize_cdr(compressed(
            store, "jpeg", np.frombuffer(turned, np.uint8)), COMPRESSED)), 1)
        recorder.add("/objects_2d", boxes[1], 2)
    cover_recording(tmp_path / "turned", tmp_path / "out", HEADS)
    image = cv2.imdecode(read(tmp_path / "out")["/image"][2].data, cv2.IMREAD_UNCHANGED)
    assert restless(image[HEAD]) < 0.3 * restless(stripes()[HEAD])
    assert np.abs(image[REST].astype(int) - stripes()[REST]).mean() < 12


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        cover_recording(tmp_path / "none", tmp_path / "out2", HEADS)
    (tmp_path / "junk.mcap").write_bytes(b"junk")
    with pytest.raises(RecordingError, match="cannot be read"):
        cover_recording(tmp_path / "junk.mcap", tmp_path / "out3", HEADS)

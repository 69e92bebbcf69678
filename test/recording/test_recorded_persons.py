"""Images without detections of their own are covered by those of their neighbours, and counted."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smolvlm_ros.cli import main
from smolvlm_ros.recording import McapRecorder, definition_text
from smolvlm_ros.recording.persons import RecordedPersons, Told, recorded_persons

pytest.importorskip("rosbags", reason="the Python package rosbags is not installed")
from rosbags.highlevel import AnyReader  # noqa: E402
from rosbags.typesys import Stores, get_types_from_msg, get_typestore  # noqa: E402

IMAGE, BOXES = "sensor_msgs/msg/Image", "vision_msgs/msg/Detection2DArray"
LABELS = "vision_msgs/msg/LabelInfo"
MS = 1_000_000
BOX, OTHER = (40.0, 10.0, 70.0, 110.0), (90.0, 10.0, 120.0, 110.0)
HEAD = np.s_[14:34, 46:64]


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Write a recording: record((topic, ms, class or None for none, camera), …); an image where the
    topic ends in `image`."""
    try:
        text = definition_text(BOXES)
    except Exception:
        pytest.skip("vision_msgs is not installed here")
    store = get_typestore(Stores.ROS2_HUMBLE)
    texts = {IMAGE: "", BOXES: text, LABELS: definition_text(LABELS)}
    for kind in (BOXES, LABELS):
        store.register(get_types_from_msg(texts[kind], kind))
    t = store.types
    striped = np.zeros((120, 160, 3), np.uint8)
    striped[:, ::4] = striped[:, 1::4] = 255

    def message(topic: str, ms: int, class_name: str | None, camera: str) -> Any:
        stamp = t["builtin_interfaces/msg/Time"](7 + ms // 1000, ms % 1000 * MS)
        header = t["std_msgs/msg/Header"](stamp, camera)
        if topic == "/small/image":
            return t[IMAGE](header, 60, 80, "rgb8", 0, 240, striped[::2, ::2].ravel())
        if topic.endswith("image"):
            return t[IMAGE](header, 120, 160, "rgb8", 0, 480, striped.ravel())
        if topic == "/label_info":
            return t[LABELS](header, [t["vision_msgs/msg/VisionClass"](0, class_name)], 0.5)
        if class_name is None:
            return t[BOXES](header, [])
        point = t["vision_msgs/msg/Point2D"](55.0, 60.0)
        box = t["vision_msgs/msg/BoundingBox2D"](t["vision_msgs/msg/Pose2D"](point, 0.0), 30., 100.)
        pose = t["geometry_msgs/msg/Pose"](t["geometry_msgs/msg/Point"](0.0, 0.0, 0.0),
                                           t["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0))
        guess = t["vision_msgs/msg/ObjectHypothesisWithPose"](
            t["vision_msgs/msg/ObjectHypothesis"](class_name, 0.9),
            t["geometry_msgs/msg/PoseWithCovariance"](pose, np.zeros(36)))
        guesses = [guess] if class_name else []  # a zone has none
        return t[BOXES](header, [t["vision_msgs/msg/Detection2D"](header, guesses, box, "7")])

    def write(*messages: tuple[str, int, str | None] | tuple[str, int, str | None, str]) -> Path:
        with McapRecorder(tmp_path / "bag") as recorder:
            for number, (topic, ms, class_name, *camera) in enumerate(messages):
                kind = (IMAGE if topic.endswith("image") else
                        LABELS if topic == "/label_info" else BOXES)
                recorder.add_topic(topic, kind, texts[kind])
                made = message(topic, ms, class_name, *camera or ["camera"])
                recorder.add(topic, bytes(store.serialize_cdr(made, kind)), number + 1)
        return tmp_path / "bag"
    return write


def covered_heads(path: Path) -> list[bool]:
    """Of each image, whether the part is covered in which the head is."""
    with AnyReader([path]) as reader:
        images = [reader.deserialize(data, c.msgtype).data.reshape(120, 160, 3)
                  for c, _, data in reader.messages() if c.msgtype == IMAGE]
    return [bool(np.abs(np.diff(image[HEAD].astype(int), axis=1)).mean() < 40) for image in images]


def test_frames_that_the_detector_left_out_have_their_heads_covered(
        record: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = record(*(("/image", ms, None) for ms in (0, 200, 400, 600)),
                 ("/detections", 0, "person"), ("/detections", 400, "person"))
    assert main(["cover", str(bag), str(tmp_path / "out"), "--keep-plates"]) == 0
    assert covered_heads(tmp_path / "out") == [True] * 4
    given = capsys.readouterr()
    assert "2 images without detections of their own, 0 without any near" in given.out
    assert given.err == ""


def test_images_near_which_nobody_told_of_persons_are_told_of(
        record: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = record(*(("/image", ms, None) for ms in (0, 900, 1100)), ("/detections", 0, "person"),
                 *(("/zones_2d", ms, "") for ms in (0, 900, 1100)))
    assert main(["cover", str(bag), str(tmp_path / "out"), "--keep-plates"]) == 1
    assert covered_heads(tmp_path / "out") == [True, True, False]
    given = capsys.readouterr()
    assert "2 images without detections of their own, 1 without any near" in given.out
    assert "in 1 images perhaps only those faces are covered that were found" in given.err


@pytest.mark.parametrize(("topic", "camera", "untold"), [
    ("/rear/image", "rear", 3), ("/small/image", "front", 5), ("/rear/image", "front", 0)])
def test_boxes_of_another_camera_or_size_tell_nothing_of_an_image(
        record: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
        topic: str, camera: str, untold: int) -> None:
    bag = record(*(("/front/image", ms, None, "front") for ms in (0, 500)),
                 *(("/detections", ms, "chair", "front") for ms in (0, 500)),
                 *((topic, ms, None, camera) for ms in (0, 250, 500)))
    code = main(["cover", str(bag), str(tmp_path / "out"), "--keep-plates"])
    assert code == (1 if untold else 0)
    given = capsys.readouterr()
    assert f"{untold} without any near" in given.out
    assert ("frame_id" in given.err) == bool(untold)


@pytest.mark.parametrize(("topics", "told"), [
    ({"/detections": None}, [Told.OWN, Told.NOT]),              # nobody was seen
    ({"/detections": "chair"}, [Told.OWN, Told.NOT]),
    ({"/detections": "chair", "/label_info": "chair"}, [Told.NOT, Told.NOT]),  # nobody looked
    ({"/detections": "chair", "/label_info": "person"}, [Told.OWN, Told.NOT]),
    ({"/detections": "person", "/label_info": "chair"}, [Told.OWN, Told.NOT]),
    ({"/zones_2d": ""}, [Told.NOT, Told.NOT]),
    ({"/people": "person", "/chairs": "chair"}, [Told.OWN, Told.NOT]),
    ({}, [Told.NOT, Told.NOT]),
])
def test_who_tells_of_persons(record: Callable[..., Path], topics: dict[str, str | None],
                              told: list[Told]) -> None:
    bag = record(("/image", 0, None), *((topic, 0, name) for topic, name in topics.items()),
                 *[("/chairs", 5000, "chair")] * ("/chairs" in topics))
    with AnyReader([bag]) as reader:
        persons = recorded_persons(reader)
    assert [persons.at("camera", (7000 + ms) * MS)[1] for ms in (0, 5000)] == told


def test_another_camera_s_detections_are_no_neighbours() -> None:
    persons = RecordedPersons()
    persons.tell("front", 100 * MS, [BOX])
    persons.tell("rear", 290 * MS, [])
    persons.tell("rear", 310 * MS, [OTHER])
    persons.tell("front", 2000 * MS, [OTHER])
    assert persons.at("front", 300 * MS) == ([BOX], Told.NEAR)
    assert persons.at("rear", 300 * MS) == ([OTHER], Told.NEAR)
    assert persons.at("front", 290 * MS) == ([BOX], Told.NEAR)
    assert persons.at("front", 1500 * MS) == ([OTHER], Told.NEAR)
    assert persons.at("front", 3001 * MS) == ([], Told.NOT)
    # Of a camera that nobody told of by name, all are taken: rather too much than too little.
    assert persons.at("side", 100 * MS) == ([BOX], Told.NOT)
    assert persons.at("side", 300 * MS) == ([BOX, OTHER], Told.NOT)
    persons.tell("front", 100 * MS, [OTHER])  # another topic of the same frames
    assert persons.at("front", 100 * MS) == ([BOX, OTHER], Told.OWN)

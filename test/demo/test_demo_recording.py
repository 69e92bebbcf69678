"""A recording of the embedded world is that world: its checkpoints look at it."""
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

rosbags = pytest.importorskip("rosbags", reason="recordings need the package rosbags")
from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402
from rosbags.typesys import Stores, get_typestore  # noqa: E402

from smolvlm_ros.demo import runner  # noqa: E402
from smolvlm_ros.demo.runner import DemoOptions, run_demo  # noqa: E402
from smolvlm_ros.demo.wiring import Wiring, opening, wiring_of_source  # noqa: E402
from smolvlm_ros.models.choice import Parameters  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER, WORLD_FRAME_ID  # noqa: E402
from smolvlm_ros.models.errors import CheckpointError  # noqa: E402
from smolvlm_ros.sources import SourceError  # noqa: E402
from smolvlm_ros.world import CAMERA, World  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("depth-indoor", "detector", "vlm")


def record(path: Path, images_rgb: Sequence[np.ndarray], frame_id: str, *more: str) -> Path:
    """A recording of images at 10 Hz, with their camera_info; on more topics, of `mono8`."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = {kind: writer.add_connection(topic, kind, typestore=store) for topic, kind in (
            ("/camera_info", "sensor_msgs/msg/CameraInfo"),
            ("/image_raw", "sensor_msgs/msg/Image"))}
        others = [writer.add_connection(topic, "sensor_msgs/msg/Image", typestore=store)
                  for topic in more]
        for number, image in enumerate(images_rgb):
            at_ns = 10**18 + number * 10**8
            header = types["std_msgs/msg/Header"](
                types["builtin_interfaces/msg/Time"](at_ns // 10**9, at_ns % 10**9), frame_id)
            height, width = image.shape[:2]
            k = np.array([CAMERA.fx, 0, CAMERA.cx, 0, CAMERA.fy, CAMERA.cy, 0, 0, 1.0])
            messages = (
                types["sensor_msgs/msg/CameraInfo"](
                    header, height, width, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(),
                    np.column_stack([k.reshape(3, 3), np.zeros(3)]).ravel(), 0, 0,
                    types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)),
                types["sensor_msgs/msg/Image"](header, height, width, "rgb8", 0, 3 * width,
                                               image.ravel()))
            for message in messages:
                kind = message.__msgtype__
                writer.write(topics[kind], at_ns, store.serialize_cdr(message, kind))
            grey = types["sensor_msgs/msg/Image"](header, height, width, "mono8", 0, width,
                                                  image[..., 0].ravel())
            for other in others:
                writer.write(other, at_ns, store.serialize_cdr(grey, grey.__msgtype__))
    return path


@pytest.mark.parametrize("models", ["embedded", str(CHECKPOINTS_FOLDER)])
@pytest.mark.skipif(not all((CHECKPOINTS_FOLDER / name).is_dir()
                            for name in (*NAMES, "depth-outdoor")), reason="no checkpoints here")
def test_it_is_known_by_the_frame_of_its_images(models: str, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "prepare", lambda *_: None)
    picture = [np.zeros((4, 6, 3), np.uint8)]
    mine = record(tmp_path / "mine", picture, WORLD_FRAME_ID)
    values = chosen(mine, models)
    assert values["detector"]["kind"] == "onnx"
    other = record(tmp_path / "other", picture, "camera_optical_frame")
    with pytest.raises(CheckpointError, match="other' is not it"):
        chosen(other, models)


def chosen(bag: Path, models: str) -> Parameters:
    """What the demo sets for a recording."""
    options = DemoOptions(str(bag), Path("out"), models=models)
    return runner._chosen(options, wiring_of_source(options.source, opening({})))


@pytest.mark.parametrize("given", ["file", "override", "override of the file"])
def test_one_of_several_image_topics_is_chosen(given: str, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    bag = record(tmp_path / "bag", [np.zeros((4, 6, 3), np.uint8)], WORLD_FRAME_ID, "/depth/image")
    played: list[Wiring] = []
    monkeypatch.setattr(runner, "_play", lambda *a: played.append(a[4]))
    monkeypatch.setattr(runner, "_Interrupt", lambda: False)
    options = {"source": str(bag), "output": tmp_path / "out", "film": False, "record": False}
    cure = r": /depth/image, /image_raw \(in the demo with -p video_source:image_topic:=TOPIC\)$"
    with pytest.raises(SourceError, match=cure):
        run_demo(DemoOptions(**options))
    if given != "override":
        topic = "/image_raw" if given == "file" else "/no/such/topic"
        options["parameters"] = tmp_path / "mine.yaml"
        options["parameters"].write_text(
            f"/**/video_source:\n  ros__parameters: {{image_topic: {topic}}}\n")
    if given != "file":
        options["overrides"] = (("video_source", "image_topic", "/image_raw"),)
    assert run_demo(DemoOptions(**options)) == 0
    assert [wiring.frame_id for wiring in played] == [WORLD_FRAME_ID]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the extra vlm is missing")
@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="there is no ROS here")
@pytest.mark.skipif(not all((CHECKPOINTS_FOLDER / name).is_dir() for name in NAMES),
                    reason="not all embedded checkpoints are here")
def test_the_demo_plays_it_with_the_embedded_checkpoints(tmp_path: Path) -> None:
    world = World("room", 319)
    # Somebody has come into the zone, and stays.
    images = [world.at(10.0 + number / 10).image_rgb for number in range(30)]
    # As the demo's own recording, it has more than one image topic.
    bag = record(tmp_path / "bag", images, WORLD_FRAME_ID, "/annotated")
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-m", "smolvlm_ros.cli", "demo", "--output", str(out), "--source",
         str(bag), "--models", "embedded", "--no-film", "--no-record",
         "-p", "video_source:image_topic:=/image_raw"],
        cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = json.loads((out / "funnel.json").read_text())
    assert summary["frames_in"] == 30 and summary["frames_passed"] >= 1
    # Depth and detector took its frames; a busy machine's other complaints are not asked for.
    assert any(found["class_name"] == "person" for found in summary["objects"]), summary["objects"]
    assert "knows the embedded world only" not in (out / "funnel.log").read_text()

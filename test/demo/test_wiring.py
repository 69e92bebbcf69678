"""What the funnel is told of the medium that is played."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smolvlm_ros.demo.wiring import Opening, Wiring, opening, wiring_of, wiring_of_source
from smolvlm_ros.sources import SourceError, SourceFrame

CALIBRATION = """
image_width: 4
image_height: 4
camera_matrix: {rows: 3, cols: 3, data: [4, 0, 2, 0, 4, 2, 0, 0, 1]}
"""
IMAGE = np.zeros((4, 4, 3), np.uint8)
DEPTH = np.ones((4, 4), np.float32)


@pytest.mark.parametrize(("frame", "parameters", "has_depth"), [
    (SourceFrame(0.0, IMAGE), {}, False),
    (SourceFrame(0.0, compressed=b"jpeg"), {"gate": {"image_transport": "compressed"}}, False),
    (SourceFrame(0.0, IMAGE, depth=DEPTH), {"fusion": {"depth_anchor": "surface"}}, True),
    (SourceFrame(0.0, compressed=b"jpeg", depth=DEPTH),
     {"gate": {"image_transport": "compressed"}, "fusion": {"depth_anchor": "surface"}}, True)])
def test_transport_and_depth(frame: SourceFrame, parameters: dict[str, object],
                             has_depth: bool) -> None:
    wiring = wiring_of(frame)
    assert wiring.parameters == parameters
    # Of fusion alone: the depth node goes on publishing under its own names.
    assert dict(wiring.remappings) == ({
        "fusion:depth/image_rect": "source/depth/image_rect",
        "fusion:depth/camera_info": "source/depth/camera_info"} if has_depth else {})


def test_the_frame_of_a_recording_is_told() -> None:
    for more in ({}, {"depth": DEPTH}):
        assert wiring_of(SourceFrame(0.0, IMAGE, frame_id="front", **more)).frame_id == "front"


def test_an_rgbd_folder_is_looked_into(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "frame-0.color.jpg"), IMAGE)
    cv2.imwrite(str(tmp_path / "frame-0.depth.png"), DEPTH.astype(np.uint16))
    # Without intrinsics of its own it needs those of the parameter file, as the node does.
    with pytest.raises(SourceError, match="camera-intrinsics"):
        wiring_of_source(str(tmp_path), Opening())
    calibration = tmp_path / "calibration.yaml"
    calibration.write_text(CALIBRATION)
    file = {"/**/video_source": {"ros__parameters": {"camera_info_file": str(calibration)}}}
    assert wiring_of_source(str(tmp_path), opening(file)).remappings
    np.savetxt(tmp_path / "camera-intrinsics.txt", np.diag((4.0, 4.0, 1.0)))
    assert wiring_of_source(str(tmp_path), Opening()).remappings


@pytest.mark.parametrize("source", ["0", "/dev/video0", "demo", "world:corridor?seed=1", "no.mp4"])
def test_what_is_no_file_is_not_opened(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.demo.wiring.open_source", pytest.fail)
    assert wiring_of_source(source, Opening()) == Wiring()


def test_a_world_s_exact_depth_takes_the_node_s_place() -> None:
    wiring = wiring_of_source("world:room?seed=1&depth=1", Opening())
    assert wiring.parameters == {"fusion": {"depth_anchor": "surface"}} and wiring.remappings
    with pytest.raises(SourceError, match="depth is '2'"):
        wiring_of_source("world:room?depth=2", Opening())


def test_a_file_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    path.write_text("no video")
    with pytest.raises(SourceError, match=r"walk\.mp4"):
        wiring_of_source(str(path), Opening())


FILE = {"/**": {"ros__parameters": {"image_topic": "/any"}},
        "/robot1/video_source": {"ros__parameters": {"image_topic": "/file", "info_topic": None}},
        "/**/gate": {"ros__parameters": {"image_topic": "/gate"}}}


@pytest.mark.parametrize(("overrides", "image", "info"), [
    ((), "/file", ""),
    ((("video_source", "image_topic", "/given"),), "/given", ""),
    # The last one wins; quotes are YAML's.
    ((("video_source", "image_topic", "/1"), ("video_source", "image_topic", "'/2'")), "/2", ""),
    ((("video_source", "info_topic", "/info"),), "/file", "/info"),
    # Other nodes' and other parameters.
    ((("gate", "image_topic", "/given"), ("video_source", "frame_id", "/given")), "/file", ""),
    # No YAML: taken as it stands.
    ((("video_source", "image_topic", "["),), "[", "")])
def test_what_the_node_will_have_been_told(overrides: tuple[tuple[str, str, str], ...], image: str,
                                           info: str) -> None:
    assert opening(FILE, overrides) == Opening(image, info)


def test_a_calibration_that_is_missing_is_named() -> None:
    with pytest.raises(SourceError, match=r"no\.yaml cannot be read"):
        opening({}, (("video_source", "camera_info_file", "no.yaml"),))


def test_the_demo_gives_it_to_the_funnel_s_process() -> None:
    pytest.importorskip("rosbags", reason="the demo records")
    from smolvlm_ros.demo import runner
    wiring = wiring_of(SourceFrame(0.0, compressed=b"jpeg", depth=DEPTH))
    assert runner._funnel_extra(wiring)[-4:] == [
        "-r", "fusion:depth/image_rect:=source/depth/image_rect",
        "-r", "fusion:depth/camera_info:=source/depth/camera_info"]
    values = runner._chosen(runner.DemoOptions("walk", Path("out")), wiring)
    assert values == {"gate": {"image_transport": "compressed"},
                      "fusion": {"depth_anchor": "surface"}}

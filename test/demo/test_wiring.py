"""What the funnel is told of the medium that is played."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smolvlm_ros.demo.wiring import Wiring, wiring_of, wiring_of_file
from smolvlm_ros.sources import SourceError, SourceFrame

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
    np.savetxt(tmp_path / "camera-intrinsics.txt", np.diag((4.0, 4.0, 1.0)))
    assert wiring_of_file(str(tmp_path)).remappings


@pytest.mark.parametrize("source", ["0", "/dev/video0", "demo", "world:corridor?seed=1", "no.mp4"])
def test_what_is_no_file_is_not_opened(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.demo.wiring.open_source", pytest.fail)
    assert wiring_of_file(source) == Wiring()


def test_a_file_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    path.write_text("no video")
    with pytest.raises(SourceError, match=r"walk\.mp4"):
        wiring_of_file(str(path))


def test_the_demo_gives_it_to_the_funnel_s_process() -> None:
    pytest.importorskip("rosbags", reason="the demo records")
    from smolvlm_ros.demo import runner
    options = runner.DemoOptions("walk", Path("out"))
    extra = runner._funnel_extra(options, SourceFrame(0.0, compressed=b"jpeg", depth=DEPTH))
    assert extra[-8:] == [
        "-p", "gate:image_transport:=compressed", "-p", "fusion:depth_anchor:=surface",
        "-r", "fusion:depth/image_rect:=source/depth/image_rect",
        "-r", "fusion:depth/camera_info:=source/depth/camera_info"]

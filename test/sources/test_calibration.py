"""The camera_info YAML format."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.sources import SourceError, camera_model, read_calibration

GOOD = """
image_width: 640
image_height: 480
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [500.0, 0, 320, 0, 501.0, 240, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.001, 0.002, 0]}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    return path


def test_what_camera_calibration_writes_is_read(tmp_path: Path) -> None:
    info = read_calibration(write(tmp_path, GOOD))
    camera = camera_model(info, "camera.yaml")
    assert (camera.width, camera.height, camera.fx, camera.fy) == (640, 480, 500.0, 501.0)
    assert camera.distortion == (0.1, -0.2, 0.001, 0.002, 0.0)
    # R and P where the file has none: not rectified, the same camera
    assert info.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert info.p == (500, 0, 320, 0, 0, 501, 240, 0, 0, 0, 1, 0)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("image_width: 640", "image_width: -1", "image_width"),
    ("image_width: 640", "image_width: wide", "image_width"),
    ("image_height: 480\n", "", "image_height"),
    ("data: [500.0, 0, 320, 0, 501.0, 240, 0, 0, 1]", "data: [500.0]", "camera_matrix.*9 numbers"),
    ("camera_matrix:", "matrix:", "camera_matrix is nothing"),
    ("data: [500.0", "data: [five", "camera_matrix"),
    ("data: [500.0", "data: [0.0", "focal length of 0"),
    ("data: [500.0", "data: [-5.0", "focal length"),
    ("plumb_bob", "pinhole_plus", "distortion model 'pinhole_plus'.*plumb_bob"),
    ("[0.1, -0.2, 0.001, 0.002, 0]", "[0.1]", "distortion_coefficients"),
    ("image_width", "{", "cannot be read"),
])
def test_what_is_wrong_is_named(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(SourceError, match=words):
        read_calibration(write(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "just words"])
def test_a_file_that_is_no_mapping(text: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="mapping"):
        read_calibration(write(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="none.yaml cannot be read"):
        read_calibration(tmp_path / "none.yaml")

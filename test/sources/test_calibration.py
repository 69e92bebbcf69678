"""The camera_info YAML format."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources import RawCameraInfo, SourceError, camera_model, read_calibration
from smolvlm_ros.sources.calibration import parse_calibration

# As camera_calibration writes it, with the exponent form of C++ (text to YAML 1.1).
GOOD = """
image_width: 640
image_height: 480
camera_name: front
camera_matrix:
  rows: 3
  cols: 3
  data: [500.5, 0, 320, 0, 510, 240, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.3, 1e-05, 2E-3, 0, 0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
projection_matrix:
  rows: 3
  cols: 4
  data: [480, 0, 318, 0, 0, 490, 242, 0, 0, 0, 1, 0]
"""


def test_what_camera_calibration_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(GOOD)
    info = read_calibration(path)
    assert camera_model(info, "camera.yaml") == CameraModel(
        640, 480, 500.5, 510, 320, 240, (-0.3, 1e-5, 2e-3, 0, 0), "plumb_bob")
    assert info.r == (1, 0, 0, 0, 1, 0, 0, 0, 1) and info.p[0] == 480


def test_what_may_be_missing() -> None:
    content = yaml.safe_load(GOOD)
    for key in ("camera_name", "distortion_model", "distortion_coefficients",
                "rectification_matrix", "projection_matrix"):
        del content[key]
    info = parse_calibration(yaml.safe_dump(content), "camera.yaml")
    # not rectified, the same camera, no distortion
    assert info.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert info.p == (500.5, 0, 320, 0, 0, 510, 240, 0, 0, 0, 1, 0)
    assert (info.d, info.distortion_model) == ((), "plumb_bob")


@pytest.mark.parametrize(("old", "new", "words"), [
    ("image_width: 640", "", "image_width is None"),
    ("image_width: 640", "image_width: -1", "image_width is -1, expected 1 to"),
    ("image_width: 640", "image_width: 640.5", "image_width is 640.5"),
    ("image_width: 640", "image_width: true", "image_width is True"),
    ("image_width: 640", "image_width: 99999999", "expected 1 to 32767"),
    ("500.5", "wide", r"camera_matrix\[0\] is 'wide', expected a finite number"),
    ("500.5", ".nan", r"camera_matrix\[0\] is nan"),
    ("500.5", "true", r"camera_matrix\[0\] is True"),
    ("500.5", "0.0", "focal length of 0"),
    ("500.5", "-5.0", "focal length"),
    ("500.5, 0,", "500.5, 3,", "without skew"),
    ("500.5, 0,", "500.5,", "camera_matrix has 8 numbers, expected 9"),
    ("cols: 5", "cols: 4", r"distortion_coefficients says \[1, 4\] rows and cols"),
    ("plumb_bob", "pinhole_plus", "distortion model 'pinhole_plus' is not known.*plumb_bob"),
    ("plumb_bob", "x" * 300, "expected text of at most 255 characters"),
    ("plumb_bob", "[a]", "distortion_model is \\['a'\\], expected text"),
    ("  data: [500.5", "  dat: [500.5", "camera_matrix is .*expected rows, cols and data"),
    ("camera_matrix:", "matrix:", "camera_matrix is None"),
    ("[-0.3, 1e-05, 2E-3, 0, 0]", str([0.1] * 15), "15 numbers, expected at most 14"),
    ("camera_matrix:", "camera_matrix: [", "camera.yaml is no YAML"),
])
def test_what_is_wrong_is_named(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(SourceError, match=words):
        parse_calibration(GOOD.replace(old, new, 1), "camera.yaml")


@pytest.mark.parametrize("text", [
    "", "[]", "text", "%YAML:1.0\n---\na: 1", "a: !!python/object:os.system x", "a: 2001-99-99",
    "a: !!bool x", "a: !!int ''", "\0", "[" * 2000, "&a [*a, *a]", "? {a: b}\n: c"])
def test_no_calibration_at_all(text: str) -> None:
    with pytest.raises(SourceError, match="^camera.yaml") as error:
        parse_calibration(text, "camera.yaml")
    assert len(str(error.value)) < 400


def test_aliases_without_end_stay_short() -> None:
    lines = ["a0: &a0 [1, 2]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    text = "\n".join([*lines, "image_width: *a19", "image_height: 4", "camera_matrix: *a19"])
    with pytest.raises(SourceError, match="camera_matrix") as error:
        parse_calibration(text, "camera.yaml")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(("name", "words"), [
    ("none.yaml", "cannot be read"), ("binary.yaml", "cannot be read"), ("huge.yaml", "more than"),
    (".", "cannot be read")])
def test_unreadable_files(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge.yaml").write_text("# " + "x" * (1 << 20))
    with pytest.raises(SourceError, match=words):
        read_calibration(tmp_path / name)


@pytest.mark.parametrize(("model", "d", "refused"), [
    ("", (0.0, 0.0), False),  # simulators leave the name empty …
    ("kannala_brandt4", (), False),  # … or put in their own
    ("", (0.1, 0.0, 0.0, 0.0), True),  # coefficients that would be ignored
])
def test_an_unknown_model_matters_only_with_coefficients(model: str, d: tuple[float, ...],
                                                         refused: bool) -> None:
    info = RawCameraInfo(4, 2, model, d, (9.0, 0, 2, 0, 9.0, 1, 0, 0, 1), (0.0,) * 9, (0.0,) * 12)
    if refused:
        with pytest.raises(SourceError, match="is not known"):
            camera_model(info, "bag")
    else:
        assert camera_model(info, "bag") == CameraModel(4, 2, 9, 9, 2, 1)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner,
                                                                 max_size=3), max_leaves=15)


@settings(max_examples=200)
@given(text=st.one_of(st.text(max_size=200),
                      st.text(alphabet="a:-[]{}&*!|>'\"%@`#,?\n \t01.", max_size=60)))
def test_any_text(text: str) -> None:
    with pytest.raises(SourceError):
        parse_calibration(text, "fuzz.yaml")


@settings(max_examples=200)
@given(key=st.sampled_from(sorted(yaml.safe_load(GOOD))), value=anything,
       part=st.sampled_from([None, "rows", "cols", "data"]))
def test_any_entry(key: str, value: Any, part: str | None) -> None:
    content = yaml.safe_load(GOOD)
    if part and isinstance(content[key], dict):
        content[key][part] = value
    else:
        content[key] = value
    try:
        camera = camera_model(parse_calibration(yaml.safe_dump(content), "fuzz.yaml"), "fuzz.yaml")
    except SourceError as error:
        assert len(str(error)) < 1000
    else:
        assert camera is not None and camera.fx > 0

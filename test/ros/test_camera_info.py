"""CameraInfo to the camera model and back, and the camera_info YAML format."""
from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.ros.camera_info import (  # noqa: E402
    CameraInfoError,
    check_size,
    from_camera_model,
    image_size,
    scaled_camera_info,
    to_camera_model,
)
from smolvlm_ros.ros.camera_info_file import (  # noqa: E402
    dump_camera_info,
    load_camera_info,
    parse_camera_info,
    save_camera_info,
)

D5 = (-0.3, 0.1, 0.001, -0.002, 0.01)


def info(**changes: Any) -> CameraInfo:
    """A calibrated 640x480 camera; `roi_…` changes fields of the ROI."""
    msg = CameraInfo(width=640, height=480, distortion_model="plumb_bob", d=list(D5))
    msg.header.frame_id = "front_optical"
    matrices = {"k": [500, 0, 320, 0, 510, 240, 0, 0, 1], "r": [1, 0, 0, 0, 1, 0, 0, 0, 1],
                "p": [480, 0, 318, -48, 0, 490, 242, 0, 0, 0, 1, 0]}
    for name, value in {**matrices, **changes}.items():
        if name.startswith("roi_"):
            setattr(msg.roi, name[4:], value)
        else:
            # Humble's messages take no integers where floats are declared.
            setattr(msg, name, [float(v) for v in value] if isinstance(value, list) else value)
    return msg


class TestToCameraModel:
    def test_raw_takes_k_and_d(self) -> None:
        camera = to_camera_model(info())
        assert camera == CameraModel(640, 480, 500, 510, 320, 240, D5, "plumb_bob")

    def test_rectified_takes_p_without_distortion(self) -> None:
        assert to_camera_model(info(), rectified=True) == CameraModel(640, 480, 480, 490, 318, 242)

    @pytest.mark.parametrize("name, d, model, count", [
        ("plumb_bob", [0.1] * 4, "plumb_bob", 4), ("rational_polynomial", [0.1] * 8,
                                                   "rational_polynomial", 8),
        ("equidistant", [0.1] * 4, "equidistant", 4), ("fisheye", [0.1] * 4, "equidistant", 4),
        ("plumb_bob", [0.0] * 5, "none", 0),  # most simulators
        ("", [], "none", 0), ("", [0.0] * 5, "none", 0), ("plumb_bob", [], "none", 0),
        ("inverse_brown_conrady", [0.0] * 5, "none", 0)])
    def test_distortion_models(self, name: str, d: list[float], model: str, count: int) -> None:
        camera = to_camera_model(info(distortion_model=name, d=d))
        assert camera.distortion_model == model and len(camera.distortion) == count

    @pytest.mark.parametrize("binning, size", [((0, 0), (640, 480)), ((1, 1), (640, 480)),
                                               ((2, 2), (320, 240)), ((4, 1), (160, 480))])
    def test_binning_keeps_pixel_centres_on_their_rays(self, binning: tuple[int, int],
                                                       size: tuple[int, int]) -> None:
        across, down = max(1, binning[0]), max(1, binning[1])
        msg = info(binning_x=binning[0], binning_y=binning[1], d=[])
        camera, full = to_camera_model(msg), to_camera_model(info(d=[]))
        assert (camera.width, camera.height) == size == image_size(msg)
        # The first binned pixel covers `across` x `down` pixels, so its centre is theirs.
        middle = [[(across - 1) / 2, (down - 1) / 2]]
        assert np.allclose(camera.rays([[0, 0]]), full.rays(middle))

    def test_roi_moves_the_principal_point_by_whole_pixels(self) -> None:
        camera = to_camera_model(info(roi_x_offset=100, roi_y_offset=50, roi_width=200,
                                      roi_height=100))
        assert camera == CameraModel(200, 100, 500, 510, 220, 190, D5, "plumb_bob")

    def test_roi_before_binning(self) -> None:
        msg = info(d=[], roi_x_offset=100, roi_y_offset=50, roi_width=201, roi_height=100,
                   binning_x=2, binning_y=2)
        for rectified in (False, True):
            camera = to_camera_model(msg, rectified=rectified)
            full = to_camera_model(info(d=[]), rectified=rectified)
            assert (camera.width, camera.height) == (100, 50)
            # Pixel (10, 20) covers (120..121, 90..91) of the full image.
            assert np.allclose(camera.rays([[10, 20]]), full.rays([[120.5, 90.5]]))

    @pytest.mark.parametrize("changes, words", [
        ({"k": [0.0] * 9}, "K of .*'front_optical' is all zeros.*run camera_calibration"),
        ({"width": 0}, "size of 0x480 px.*not calibrated"),
        ({"k": [500.0, 3, 320, 0, 510, 240, 0, 0, 1]}, "without skew"),
        ({"k": [500.0, 0, 320, 0, 510, 240, 0, 0, 0]}, r"expected \[\[fx, 0, cx\]"),
        ({"k": [-500.0, 0, 320, 0, 510, 240, 0, 0, 1]}, "front_optical.*focal length"),
        ({"k": [math.nan, 0, 320, 0, 510, 240, 0, 0, 1]}, "expected finite numbers"),
        ({"d": [0.1] * 3}, "front_optical.*plumb_bob has 3 coefficients"),
        ({"d": [0.0] * 3}, "plumb_bob has 3 coefficients"),
        ({"d": [math.inf] * 5}, "not finite"),
        ({"distortion_model": "thin_prism"}, "'thin_prism' with .* plumb_bob"),
        ({"distortion_model": ""}, "model '' with coefficients that are not zero"),
        ({"roi_x_offset": 600, "roi_width": 100, "roi_height": 10},
         r"100x10 px at \(600, 0\), outside"),
        ({"binning_x": 700}, "binning 700x1, more than its 640x480")])
    def test_unusable(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(CameraInfoError, match=words):
            to_camera_model(info(**changes))

    def test_no_projection_matrix(self) -> None:
        with pytest.raises(CameraInfoError, match="P of .* is all zeros"):
            to_camera_model(info(p=[0.0] * 12), rectified=True)

    def test_an_empty_message_says_not_calibrated(self) -> None:
        with pytest.raises(CameraInfoError, match="not calibrated"):
            to_camera_model(CameraInfo())


class TestSize:
    def test_the_image_it_is_for(self) -> None:
        check_size(info(), 640, 480)
        check_size(info(binning_x=2, binning_y=2), 320, 240)
        check_size(info(roi_width=64, roi_height=48), 64, 48)

    @pytest.mark.parametrize("size", [(320, 240), (480, 640), (640, 479)])
    def test_another_image(self, size: tuple[int, int]) -> None:
        with pytest.raises(CameraInfoError, match=f"640x480 px .*image is {size[0]}x{size[1]} px"):
            check_size(info(), *size)


class TestScaled:
    @pytest.mark.parametrize("changes", [
        {}, {"binning_x": 2, "binning_y": 2},
        {"roi_x_offset": 100, "roi_y_offset": 50, "roi_width": 200, "roi_height": 100}])
    @pytest.mark.parametrize("rectified", [False, True])
    def test_is_the_scaled_model(self, changes: dict[str, int], rectified: bool) -> None:
        msg = info(**changes)
        scaled = scaled_camera_info(msg, 100, 70)
        expected = to_camera_model(msg, rectified=rectified).scaled(100, 70)
        result = to_camera_model(scaled, rectified=rectified)
        assert np.allclose(result.camera_matrix, expected.camera_matrix)
        assert (result.width, result.height, result.distortion) == (100, 70, expected.distortion)
        assert scaled.header is msg.header and scaled.binning_x == scaled.roi.width == 0

    def test_the_stereo_baseline_stays(self) -> None:
        # P[3] = -fx * baseline: 48 / 480 = 0.1 m at any scale.
        scaled = scaled_camera_info(info(), 160, 120)
        assert scaled.p[3] / scaled.p[0] == pytest.approx(-0.1)

    def test_what_is_not_calibrated_stays_so(self) -> None:
        scaled = scaled_camera_info(info(k=[0.0] * 9, p=[0.0] * 12), 160, 120)
        assert not scaled.k.any() and not scaled.p.any() and scaled.width == 160

    def test_no_size(self) -> None:
        with pytest.raises(CameraInfoError, match="scaled to 0x120"):
            scaled_camera_info(info(), 0, 120)


class TestFromCameraModel:
    @pytest.mark.parametrize("model", [
        CameraModel(640, 480, 500, 510, 320, 240),
        CameraModel(640, 480, 500, 510, 320, 240, D5, "plumb_bob"),
        CameraModel(640, 480, 500, 510, 320, 240, (0.1,) * 4, "equidistant")])
    def test_round_trip(self, model: CameraModel) -> None:
        header = Header(frame_id="front_optical")
        msg = from_camera_model(model, header)
        assert msg.header is header and to_camera_model(msg) == model
        rectified = to_camera_model(msg, rectified=True)
        assert np.array_equal(rectified.camera_matrix, model.camera_matrix)

    def test_none_is_plumb_bob_of_zeros(self) -> None:
        msg = from_camera_model(CameraModel.from_fov(640, 480, 90), Header())
        assert (msg.distortion_model, list(msg.d)) == ("plumb_bob", [0.0] * 5)


# As camera_calibration writes it, with the exponent form of C++ (text to YAML 1.1).
FILE = """
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


class TestFile:
    def test_the_calibrators_layout(self) -> None:
        read = parse_camera_info(FILE, "front.yaml")
        assert read.camera_name == "front"
        camera = to_camera_model(read.info)
        assert camera == CameraModel(640, 480, 500.5, 510, 320, 240, (-0.3, 1e-5, 2e-3, 0, 0),
                                     "plumb_bob")
        assert to_camera_model(read.info, rectified=True).fx == 480

    def test_save_and_load(self, tmp_path: Path) -> None:
        path = tmp_path / "front.yaml"
        save_camera_info(path, info(), "front: 1")
        read = load_camera_info(path)
        assert read.camera_name == "front: 1"
        assert to_camera_model(read.info) == to_camera_model(info())
        assert list(read.info.p) == list(info().p)
        assert [p.name for p in tmp_path.iterdir()] == ["front.yaml"]  # nothing half-written stays

    def test_the_written_text_is_plain_yaml_with_floats(self) -> None:
        # 1e-05 without a point would be text to YAML 1.1.
        text = dump_camera_info(info(d=[1e-5, 0.0, 0.0, 0.0, 1e22]), "front")
        content = yaml.safe_load(text)
        assert content["distortion_coefficients"] == {"rows": 1, "cols": 5,
                                                      "data": [1e-5, 0.0, 0.0, 0.0, 1e22]}

    def test_what_may_be_missing(self) -> None:
        content = yaml.safe_load(FILE)
        for key in ("camera_name", "distortion_model", "distortion_coefficients",
                    "rectification_matrix", "projection_matrix"):
            del content[key]
        read = parse_camera_info(yaml.safe_dump(content), "front.yaml")
        assert (read.camera_name, list(read.info.d)) == ("", [])
        assert to_camera_model(read.info, rectified=True).fx == 500.5  # P = [K | 0]
        assert list(read.info.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]

    @pytest.mark.parametrize("old, new, words", [
        ("image_width: 640", "", "image_width is None"),
        ("image_width: 640", "image_width: 640.5", "image_width is 640.5"),
        ("image_width: 640", "image_width: true", "image_width is True"),
        ("image_width: 640", "image_width: 99999999", "expected 1 to 32767"),
        ("500.5", "wide", r"camera_matrix\[0\] is 'wide', expected a finite number"),
        ("500.5", ".nan", r"camera_matrix\[0\] is nan"),
        ("500.5", "true", r"camera_matrix\[0\] is True"),
        ("500.5, 0,", "500.5,", "camera_matrix has 8 numbers, expected 9"),
        ("cols: 5", "cols: 4", r"distortion_coefficients says \[1, 4\] rows and cols"),
        ("plumb_bob", "x" * 300, "expected at most 255 characters"),
        ("plumb_bob", "[a]", "distortion_model is \\['a'\\], expected text"),
        ("  data: [500.5", "  dat: [500.5", "camera_matrix is .*expected rows, cols and data"),
        ("[-0.3, 1e-05, 2E-3, 0, 0]", str([0.1] * 15), "15 numbers, expected at most 14"),
        ("camera_matrix:", "camera_matrix: [", "front.yaml is no YAML")])
    def test_wrong_entries(self, old: str, new: str, words: str) -> None:
        assert old in FILE
        with pytest.raises(CameraInfoError, match=words):
            parse_camera_info(FILE.replace(old, new, 1), "front.yaml")

    @pytest.mark.parametrize("text", [
        "", "[]", "text", "%YAML:1.0\n---\na: 1", "a: !!python/object:os.system x", "a: 2001-99-99",
        "a: !!bool x", "a: !!int ''", "\0", "[" * 2000, "&a [*a, *a]", "? {a: b}\n: c"])
    def test_no_calibration_at_all(self, text: str) -> None:
        with pytest.raises(CameraInfoError, match="^front.yaml") as error:
            parse_camera_info(text, "front.yaml")
        assert len(str(error.value)) < 400

    def test_aliases_without_end_stay_short(self) -> None:
        lines = ["a0: &a0 [1, 2]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
        text = "\n".join([*lines, "image_width: *a19", "image_height: 4", "camera_matrix: *a19"])
        with pytest.raises(CameraInfoError, match="image_width") as error:
            parse_camera_info(text, "front.yaml")
        assert len(str(error.value)) < 400

    def test_unreadable_files(self, tmp_path: Path) -> None:
        (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
        (tmp_path / "huge.yaml").write_text("# " + "x" * (1 << 20))
        for name, words in (("none.yaml", "cannot be read"), ("binary.yaml", "cannot be read"),
                            ("huge.yaml", "more than"), (".", "cannot be read")):
            with pytest.raises(CameraInfoError, match=words):
                load_camera_info(tmp_path / name)
        with pytest.raises(CameraInfoError, match="cannot be written"):
            save_camera_info(tmp_path / "none" / "a.yaml", info(), "a")


finite = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner,
                                                                 max_size=3), max_leaves=15)


class TestFuzz:
    @settings(max_examples=200, deadline=None)
    @given(text=st.one_of(st.text(max_size=200),
                          st.text(alphabet="a:-[]{}&*!|>'\"%@`#,?\n \t01.", max_size=60)))
    def test_any_text(self, text: str) -> None:
        with pytest.raises(CameraInfoError):
            parse_camera_info(text, "fuzz.yaml")

    @settings(max_examples=200, deadline=None)
    @given(key=st.sampled_from(sorted(yaml.safe_load(FILE))), value=anything,
           part=st.sampled_from([None, "rows", "cols", "data"]))
    def test_any_entry(self, key: str, value: Any, part: str | None) -> None:
        content = yaml.safe_load(FILE)
        if part and isinstance(content[key], dict):
            content[key][part] = value
        else:
            content[key] = value
        try:
            read = parse_camera_info(yaml.safe_dump(content), "fuzz.yaml")
            to_camera_model(read.info)
        except CameraInfoError as error:
            assert len(str(error)) < 1000

    @settings(max_examples=100, deadline=None)
    @given(numbers=st.lists(finite, min_size=30, max_size=30), name=st.text(max_size=30),
           count=st.integers(0, 14))
    def test_written_numbers_come_back(self, numbers: list[float], name: str, count: int) -> None:
        msg = info(k=numbers[:9], r=numbers[9:18], p=numbers[18:30], d=numbers[:count])
        read = parse_camera_info(dump_camera_info(msg, name.replace("\0", "")), "fuzz.yaml")
        assert read.camera_name == name.replace("\0", "")
        for field in ("k", "r", "p", "d"):
            assert list(getattr(read.info, field)) == list(getattr(msg, field))

    @settings(max_examples=200, deadline=None)
    @given(numbers=st.lists(st.floats(), min_size=9, max_size=9),
           d=st.lists(st.floats(), max_size=9),
           name=st.sampled_from(["plumb_bob", "rational_polynomial", "equidistant", "", "other"]),
           window=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 700), min_size=6, max_size=6),
           rectified=st.booleans())
    def test_any_message(self, numbers: list[float], d: list[float], name: str, window: list[int],
                         rectified: bool) -> None:
        msg = info(k=numbers, d=d, distortion_model=name, roi_x_offset=window[0],
                   roi_y_offset=window[1], roi_width=window[2], roi_height=window[3],
                   binning_x=window[4], binning_y=window[5])
        try:
            camera = to_camera_model(msg, rectified=rectified)
        except CameraInfoError:
            return
        check_size(msg, camera.width, camera.height)
        assert camera.fx > 0 and camera.width <= 640

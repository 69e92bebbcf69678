"""CameraInfo to the camera model and back."""
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.ros.camera_info import (  # noqa: E402
    CameraInfoError,
    as_raw,
    check_size,
    from_camera_model,
    image_size,
    is_calibrated,
    scaled_camera_info,
    to_camera_model,
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

    def test_calibrated_is_judged_by_the_matrix_that_is_used(self) -> None:
        zeros = {"k": [0.0] * 9, "p": [0.0] * 12}
        assert is_calibrated(info()) and is_calibrated(info(), rectified=True)
        assert not is_calibrated(info(k=zeros["k"]))
        assert is_calibrated(info(k=zeros["k"]), rectified=True)
        assert is_calibrated(info(p=zeros["p"]))
        assert not is_calibrated(info(p=zeros["p"]), rectified=True)

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


class TestAsRaw:
    def test_p_and_r_are_those_of_the_image_as_the_lens_gives_it(self) -> None:
        turned = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        msg = as_raw(scaled_camera_info(info(r=turned), 320, 240))
        assert to_camera_model(msg, rectified=True).camera_matrix == pytest.approx(
            to_camera_model(msg).camera_matrix)
        # No baseline, no rotation; who reads K and D reads the same as before.
        assert msg.p[3] == msg.p[7] == 0 and list(msg.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
        assert to_camera_model(msg) == to_camera_model(info()).scaled(320, 240)


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


class TestFuzz:
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

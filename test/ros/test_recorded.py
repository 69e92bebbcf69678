"""What a source gives, as messages."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.ros import images, recorded  # noqa: E402
from smolvlm_ros.ros.camera_info import to_camera_model  # noqa: E402
from smolvlm_ros.sources import RawCameraInfo, RawImage, SourceFrame  # noqa: E402

HEADER = Header(frame_id="camera")
RAW_INFO = RawCameraInfo(8, 4, "plumb_bob", (0.1, 0, 0, 0, 0), (9.0, 0, 4, 0, 9.5, 2, 0, 0, 1),
                         (1.0, 0, 0, 0, 1, 0, 0, 0, 1), (8.0, 0, 4, -1, 0, 8, 2, 0, 0, 0, 1, 0),
                         2, 1, (1, 0, 3, 6, True))


def test_a_recorded_image_keeps_every_field() -> None:
    raw = RawImage(2, 3, "bgra8", True, 14, np.arange(28, dtype=np.uint8))
    message = recorded.picture_of(SourceFrame(0.0, raw=raw, encoding="bgra8"), HEADER)
    assert isinstance(message, Image) and message.header is HEADER
    assert (message.height, message.width, message.encoding, message.step) == (2, 3, "bgra8", 14)
    assert message.is_bigendian == 1 and bytes(message.data) == bytes(range(28))
    assert recorded.size_of(message) == (3, 2)


def test_a_decoded_image_is_bgr8() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    message = recorded.picture_of(SourceFrame(0.0, image=image), HEADER)
    assert message.encoding == "bgr8"
    assert np.array_equal(images.to_rgb(message), image[..., ::-1])


def test_compressed_bytes_are_not_touched() -> None:
    data = cv2.imencode(".jpg", np.zeros((6, 10, 3), np.uint8))[1].tobytes()
    message = recorded.picture_of(SourceFrame(0.0, compressed=data, encoding="jpeg"), HEADER)
    assert isinstance(message, CompressedImage) and message.format == "jpeg"
    assert bytes(message.data) == data and recorded.size_of(message) == (10, 6)


def test_a_compressed_image_that_is_none_has_no_size() -> None:
    message = recorded.compressed_of(b"\xff\xd8data", "jpeg", HEADER)
    assert bytes(message.data) == b"\xff\xd8data"
    with pytest.raises(ValueError):
        recorded.size_of(message)


def test_a_recorded_calibration_keeps_every_field() -> None:
    info = recorded.info_of(RAW_INFO, HEADER)
    assert info.header is HEADER and (info.width, info.height) == (8, 4)
    assert list(info.d) == [0.1, 0, 0, 0, 0] and info.distortion_model == "plumb_bob"
    assert tuple(info.k) == RAW_INFO.k and tuple(info.p) == RAW_INFO.p
    assert (info.binning_x, info.binning_y) == (2, 1)
    roi = info.roi
    assert (roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify) == (1, 0, 3, 6, True)


def test_a_calibration_file_fits_its_own_size_and_is_scaled_to_another() -> None:
    file = RawCameraInfo(8, 4, "plumb_bob", (), RAW_INFO.k, RAW_INFO.r, RAW_INFO.p)
    assert tuple(recorded.fitted_info(file, HEADER, 8, 4).p) == RAW_INFO.p
    half = recorded.fitted_info(file, HEADER, 4, 2)
    assert (half.width, half.height, half.p[0], half.k[0]) == (4, 2, 4.0, 4.5)
    assert half.header is HEADER


def test_a_camera_is_scaled_to_the_image_and_none_is_zeros() -> None:
    camera = CameraModel.from_fov(8, 4, 90.0)
    info = recorded.model_info(camera, HEADER, 16, 8)
    assert to_camera_model(info) == camera.scaled(16, 8)
    none = recorded.model_info(None, HEADER, 16, 8)
    assert (none.width, none.height) == (16, 8) and not any(none.k)


def test_depth_in_millimetres_and_in_metres() -> None:
    millimetres = np.array([[0, 1500, 65535]], np.uint16)
    message = recorded.depth_of(millimetres, HEADER)
    assert (message.encoding, message.step, message.is_bigendian) == ("16UC1", 6, 0)
    assert bytes(message.data) == np.array([0, 1500, 0], "<u2").tobytes()  # neither end is known
    metres = recorded.depth_of(np.array([[np.nan, 1.5]], np.float64), HEADER)
    assert metres.encoding == "32FC1"
    assert np.allclose(images.to_depth_m(metres), [[np.nan, 1.5]], equal_nan=True)
    transposed = recorded.depth_of(np.arange(6, dtype=np.uint16).reshape(2, 3).T, HEADER)
    assert np.allclose(images.to_depth_m(transposed)[2], [0.002, 0.005])  # not in memory's order

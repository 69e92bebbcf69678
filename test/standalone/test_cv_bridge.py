"""Images to arrays and back; the same tests hold for ROS's own module and for the stand-in."""
from __future__ import annotations

import array

import cv2
import numpy as np
import pytest

cv_bridge = pytest.importorskip("cv_bridge", reason="no ROS here")
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

BRIDGE = cv_bridge.CvBridge()
RNG = np.random.default_rng(3)


def picture(channels: int, dtype: str = "uint8", height: int = 4, width: int = 6) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    if dtype.startswith("float"):
        return RNG.random(shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape).astype(dtype)


def message(encoding: str, data: bytes, height: int, width: int, step: int,
            big: bool = False) -> Image:
    made = Image(height=height, width=width, encoding=encoding, step=step, is_bigendian=int(big))
    made.data = array.array("B", data)
    return made


@pytest.mark.parametrize(("encoding", "channels", "dtype"), [
    ("rgb8", 3, "uint8"), ("bgr8", 3, "uint8"), ("rgba8", 4, "uint8"), ("bgra8", 4, "uint8"),
    ("mono8", 1, "uint8"), ("mono16", 1, "uint16"), ("16UC1", 1, "uint16"),
    ("32FC1", 1, "float32"), ("64FC2", 2, "float64"), ("8SC3", 3, "int8"),
    ("bayer_rggb8", 1, "uint8"), ("bayer_grbg16", 1, "uint16"), ("yuv422", 2, "uint8"),
])
def test_there_and_back(encoding: str, channels: int, dtype: str) -> None:
    image = picture(channels, dtype)
    sent = BRIDGE.cv2_to_imgmsg(image, encoding)
    assert (sent.height, sent.width, sent.encoding) == (4, 6, encoding)
    assert sent.step == 6 * channels * image.itemsize
    back = BRIDGE.imgmsg_to_cv2(sent)
    assert back.dtype == image.dtype
    np.testing.assert_array_equal(back, image)


def test_rows_with_padding() -> None:
    image = picture(3)
    padded = np.concatenate([image.reshape(4, 18), np.full((4, 6), 99, np.uint8)], axis=1)
    got = BRIDGE.imgmsg_to_cv2(message("rgb8", padded.tobytes(), 4, 6, 24))
    np.testing.assert_array_equal(got, image)


def test_big_endian_depth() -> None:
    depth = picture(1, "uint16")
    got = BRIDGE.imgmsg_to_cv2(message("16UC1", depth.astype(">u2").tobytes(), 4, 6, 12, big=True))
    np.testing.assert_array_equal(got, depth)


@pytest.mark.parametrize(("source", "target", "expected"), [
    ("rgb8", "bgr8", lambda image: image[..., ::-1]),
    ("rgb8", "rgb8", lambda image: image),
    ("bgr8", "mono8", lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)),
    ("rgb8", "rgba8", lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)),
    # Only the depth differs: 8 bit are stretched to 16.
    ("rgb8", "rgb16", lambda image: image.astype(np.uint16) * 257),
    # Colour and depth.
    ("rgb8", "bgr16", lambda image: image[..., ::-1].astype(np.uint16) * 257),
    # No colour on one side: the type may change, the channels may not.
    ("8UC3", "32FC3", lambda image: image.astype(np.float32)),
])
def test_conversions(source: str, target: str, expected) -> None:
    image = picture(3)
    got = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(image, source), target)
    np.testing.assert_array_equal(got, expected(image))


def test_sixteen_bits_to_eight() -> None:
    image = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    got = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(image, "mono16"), "mono8")
    np.testing.assert_array_equal(got, [[0, 0, 1, 1, 255]])


def test_depth_to_a_narrower_type_saturates() -> None:
    metres = np.array([[-1.0, 2.4, 2.6, 70000.0]], np.float32)
    got = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(metres, "32FC1"), "16UC1")
    np.testing.assert_array_equal(got, [[0, 2, 3, 65535]])


@pytest.mark.parametrize(("encoding", "code"), [
    ("bayer_rggb8", cv2.COLOR_BayerBG2BGR), ("bayer_bggr8", cv2.COLOR_BayerRG2BGR),
    ("bayer_gbrg8", cv2.COLOR_BayerGR2BGR), ("bayer_grbg8", cv2.COLOR_BayerGB2BGR),
])
def test_mosaics(encoding: str, code: int) -> None:
    mosaic = picture(1, height=8, width=8)
    got = BRIDGE.imgmsg_to_cv2(message(encoding, mosaic.tobytes(), 8, 8, 8), "bgr8")
    np.testing.assert_array_equal(got, cv2.cvtColor(mosaic, code))


@pytest.mark.parametrize(("encoding", "code"), [
    ("yuv422", cv2.COLOR_YUV2BGR_UYVY), ("yuv422_yuy2", cv2.COLOR_YUV2BGR_YUY2)])
def test_yuv(encoding: str, code: int) -> None:
    packed = picture(2)
    got = BRIDGE.imgmsg_to_cv2(message(encoding, packed.tobytes(), 4, 6, 12), "bgr8")
    np.testing.assert_array_equal(got, cv2.cvtColor(packed, code))


@pytest.mark.parametrize(("encoding", "desired", "said"), [
    ("nonsense", "passthrough", "Unrecognized image encoding"),
    ("rgb8", "nonsense", "nonsense"),
    ("16UC1", "mono16", "not a color format"),   # depth is no grey picture
    ("8UC3", "bgr8", "not a color format"),
    ("rgb8", "8UC1", "is a color format but"),
    ("8UC3", "8UC2", "same number of channel"),
    ("bayer_rggb8", "rgba8", "Unsupported conversion"),
    ("rgb8", "bayer_rggb8", "Unsupported conversion"),
])
def test_impossible_conversions(encoding: str, desired: str, said: str) -> None:
    data = message(encoding, bytes(4 * 6 * 3), 4, 6, 18)
    if encoding == "16UC1":
        data = message(encoding, bytes(4 * 6 * 2), 4, 6, 12)
    with pytest.raises(cv_bridge.CvBridgeError, match=said):
        BRIDGE.imgmsg_to_cv2(data, desired)


def test_too_little_data() -> None:
    with pytest.raises(TypeError):
        BRIDGE.imgmsg_to_cv2(message("rgb8", bytes(10), 4, 6, 18))


def test_an_array_that_is_not_what_its_encoding_says() -> None:
    with pytest.raises(cv_bridge.CvBridgeError, match="incompatible type 8UC1"):
        BRIDGE.cv2_to_imgmsg(picture(1), "rgb8")
    with pytest.raises(TypeError, match="not a numpy array"):
        BRIDGE.cv2_to_imgmsg([[1, 2]])


def test_header_and_generic_encoding() -> None:
    header = Header(frame_id="camera")
    sent = BRIDGE.cv2_to_imgmsg(picture(3), header=header)
    assert (sent.encoding, sent.header.frame_id) == ("8UC3", "camera")


def test_compressed() -> None:
    image = picture(3)
    sent = BRIDGE.cv2_to_compressed_imgmsg(image, "png")
    assert sent.format == "png"
    np.testing.assert_array_equal(BRIDGE.compressed_imgmsg_to_cv2(sent), image)
    np.testing.assert_array_equal(BRIDGE.compressed_imgmsg_to_cv2(sent, "rgb8"), image[..., ::-1])


def test_compressed_that_cannot_be_decoded() -> None:
    broken = CompressedImage(format="jpg")
    broken.data = array.array("B", b"not a picture")
    assert BRIDGE.compressed_imgmsg_to_cv2(broken) is None


@pytest.mark.parametrize(("encoding", "cv_type"), [
    ("mono8", cv2.CV_8UC1), ("bgr8", cv2.CV_8UC3), ("rgba16", cv2.CV_16UC4),
    ("32FC1", cv2.CV_32FC1), ("64F", cv2.CV_64FC1), ("16SC2", cv2.CV_16SC2),
    ("yuv422", cv2.CV_8UC2)])
def test_opencv_type_numbers(encoding: str, cv_type: int) -> None:
    assert cv_bridge.getCvType(encoding) == cv_type

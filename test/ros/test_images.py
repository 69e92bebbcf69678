"""Image messages to arrays and back; expected values come from formulas of the test's own."""
from __future__ import annotations

import array
import struct
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.images import ImageConversionError  # noqa: E402

Convert = Callable[[Any], Any]

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, BLACK, ODD = (255, 255, 255), (0, 0, 0), (200, 120, 40)


def message(encoding: str, width: int, height: int, data: bytes, step: int = 0,
            big_endian: bool = False) -> Image:
    msg = Image(encoding=encoding, width=width, height=height, is_bigendian=int(big_endian))
    msg.header.frame_id = "camera"
    msg.data.frombytes(data)
    rows = height * 3 // 2 if encoding.startswith("nv") else height
    msg.step = step or len(data) // rows
    return msg


def yuv_of(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """BT.601, limited range (ITU-R BT.601-7, 8 bit)."""
    r, g, b = (c / 255 for c in colour)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    return (round(16 + 219 * luma), round(128 + 224 * (b - luma) / 1.772),
            round(128 + 224 * (r - luma) / 1.402))


def encoded(encoding: str, colour: tuple[int, int, int], width: int = 8, height: int = 6) -> bytes:
    """A picture of one colour, laid out byte by byte as the encoding's definition says."""
    r, g, b = colour
    y, u, v = yuv_of(colour)
    grey = round(0.299 * r + 0.587 * g + 0.114 * b)
    pairs = {"yuv422": (u, y, v, y), "uyvy": (u, y, v, y), "yuv422_yuy2": (y, u, y, v),
             "yuyv": (y, u, y, v)}
    pixels = {"rgb8": (r, g, b), "bgr8": (b, g, r), "8UC3": (b, g, r), "rgba8": (r, g, b, 7),
              "bgra8": (b, g, r, 7), "mono8": (grey,), "8UC1": (grey,),
              "mono16": tuple(struct.pack("<H", grey * 257))}
    if encoding in pairs:
        return bytes(pairs[encoding]) * (width // 2 * height)
    if encoding in pixels:
        return bytes(pixels[encoding]) * (width * height)
    if encoding in ("nv12", "nv21"):
        chroma = bytes((u, v) if encoding == "nv12" else (v, u))
        return bytes([y]) * (width * height) + chroma * (width * height // 4)
    first, second = encoding[6:8], encoding[8:10]  # bayer_rggb8: "rg" over "gb"
    row = [bytes({"r": r, "g": g, "b": b}[c] for c in two) * (width // 2)
           for two in (first, second)]
    return b"".join(row) * (height // 2)


COLOUR_ENCODINGS = ["rgb8", "bgr8", "8UC3", "rgba8", "bgra8", "yuv422", "uyvy", "yuv422_yuy2",
                    "yuyv", "nv12", "nv21", "bayer_rggb8", "bayer_bggr8", "bayer_gbrg8",
                    "bayer_grbg8"]
GREY_ENCODINGS = ["mono8", "8UC1", "mono16"]


class TestColours:
    """Every encoding against a picture of one colour whose bytes the test wrote itself."""

    @pytest.mark.parametrize("colour", [RED, GREEN, BLUE, WHITE, BLACK, ODD])
    @pytest.mark.parametrize("encoding", COLOUR_ENCODINGS)
    def test_rgb_is_the_colour_that_was_encoded(self, encoding: str, colour: tuple[int, int,
                                                int]) -> None:
        rgb = images.to_rgb(message(encoding, 8, 6, encoded(encoding, colour)))
        assert rgb.shape == (6, 8, 3) and rgb.dtype == np.uint8 and rgb.flags.c_contiguous
        # YUV was rounded to 8 bit; everything else must be exact.
        tolerance = 3 if encoding.startswith(("yu", "uy", "nv")) else 0
        assert np.abs(rgb.astype(int) - colour).max() <= tolerance

    @pytest.mark.parametrize("encoding", GREY_ENCODINGS)
    def test_grey_becomes_equal_channels(self, encoding: str) -> None:
        rgb = images.to_rgb(message(encoding, 8, 6, encoded(encoding, ODD)))
        assert rgb.shape == (6, 8, 3) and (rgb == 135).all()  # 0.299*200 + 0.587*120 + 0.114*40

    @pytest.mark.parametrize("encoding", COLOUR_ENCODINGS + GREY_ENCODINGS)
    def test_gray_is_luma(self, encoding: str) -> None:
        gray = images.to_gray(message(encoding, 8, 6, encoded(encoding, ODD)))
        assert gray.shape == (6, 8) and gray.dtype == np.uint8 and gray.flags.c_contiguous
        # YUV keeps its limited range: 16 + 219/255 * 135.
        expected = yuv_of(ODD)[0] if encoding.startswith(("yu", "uy", "nv")) else 135
        assert np.abs(gray.astype(int) - expected).max() <= 1

    @pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
    def test_bayer_positions_survive(self, pattern: str) -> None:
        # Left half red, right half blue: a swapped pattern would swap the halves, not only tint.
        picture = np.zeros((8, 12, 3), np.uint8)
        picture[:, :6, 0], picture[:, 6:, 2] = 255, 255
        channel = np.array([["rgb".index(c) for c in pattern[:2]],
                            ["rgb".index(c) for c in pattern[2:]]])
        rows, cols = np.indices((8, 12))
        mosaic = picture[rows, cols, channel[rows % 2, cols % 2]]
        rgb = images.to_rgb(message(f"bayer_{pattern}8", 12, 8, mosaic.tobytes()))
        assert (rgb[2:-2, 2:4] == RED).all() and (rgb[2:-2, 8:10] == BLUE).all()

    def test_uyvy_pixels_have_their_own_luma(self) -> None:
        # Two pixels share chroma, not luma: Y0 dark, Y1 bright.
        rgb = images.to_rgb(message("uyvy", 2, 1, bytes((128, 16, 128, 235))))
        assert rgb.tolist() == [[[0, 0, 0], [255, 255, 255]]]

    def test_mono16_scales_its_whole_range(self) -> None:
        values = np.array([[0, 128, 129, 257 * 7, 65535]], "<u2")
        gray = images.to_gray(message("mono16", 5, 1, values.tobytes()))
        assert gray.tolist() == [[0, 0, 1, 7, 255]]


class TestLayout:
    """Padding, byte order and copies."""

    @pytest.mark.parametrize("encoding", COLOUR_ENCODINGS + GREY_ENCODINGS)
    def test_row_padding_is_left_out(self, encoding: str) -> None:
        plain = message(encoding, 8, 6, encoded(encoding, ODD))
        rows = len(plain.data) // plain.step
        padded = b"".join(bytes(plain.data[i * plain.step:(i + 1) * plain.step]) + b"\xee" * 5
                          for i in range(rows))
        msg = message(encoding, 8, 6, padded, step=plain.step + 5)
        for convert in (images.to_rgb, images.to_gray):
            result = convert(msg)
            assert (result == convert(plain)).all() and result.flags.c_contiguous

    def test_bytes_after_the_last_row_are_left_alone(self) -> None:
        msg = message("mono8", 2, 2, b"\1\2\3\4" + b"\xff" * 9, step=2)
        assert images.to_gray(msg).tolist() == [[1, 2], [3, 4]]

    @pytest.mark.parametrize("encoding, convert", [
        ("rgb8", images.to_rgb), ("mono8", images.to_gray), ("8UC1", images.to_gray),
        ("nv12", images.to_gray), ("bgr8", lambda m: images.to_native(m).pixels)])
    def test_no_copy_where_none_is_needed(self, encoding: str, convert: Convert) -> None:
        msg = message(encoding, 8, 6, encoded(encoding, ODD))
        result = convert(msg)
        assert np.shares_memory(result, np.frombuffer(msg.data, np.uint8))
        assert not result.flags.writeable

    def test_a_view_outlives_its_message(self) -> None:
        msg = message("rgb8", 8, 6, encoded("rgb8", ODD))
        rgb = images.to_rgb(msg)
        del msg
        assert (rgb == ODD).all()

    @pytest.mark.parametrize("data", [bytes, bytearray, memoryview,
                                      lambda raw: np.frombuffer(raw, np.uint8)])
    def test_any_buffer_is_taken(self, data: Any) -> None:
        # Messages read from a recording without rclpy carry numpy arrays or bytes.
        recorded = SimpleNamespace(encoding="rgb8", width=8, height=6, step=24, is_bigendian=False,
                                   data=data(encoded("rgb8", ODD)))
        assert (images.to_rgb(recorded) == ODD).all()

    @pytest.mark.parametrize("encoding, dtype",
                             [("mono16", "u2"), ("16UC1", "u2"), ("32FC1", "f4")])
    @pytest.mark.parametrize("padding", [0, 1, 4])  # 1: rows that begin at odd addresses
    @pytest.mark.parametrize("big_endian", [False, True])
    def test_byte_order_of_long_values(self, encoding: str, dtype: str, padding: int,
                                       big_endian: bool) -> None:
        values = np.array([[1, 258, 5000], [3, 65000, 77]], dtype)
        rows = values.astype((">" if big_endian else "<") + dtype)
        msg = message(encoding, 3, 2, b"".join(r.tobytes() + b"\xee" * padding for r in rows),
                      big_endian=big_endian)
        native = images.to_native(msg)
        assert native.encoding == encoding and (native.pixels == values).all()
        assert native.pixels.dtype.isnative and native.pixels.flags.aligned

    def test_byte_order_of_bytes_does_not_matter(self) -> None:
        msg = message("bgr8", 8, 6, encoded("bgr8", ODD), big_endian=True)
        assert (images.to_rgb(msg) == ODD).all()

    @pytest.mark.parametrize("encoding, shape", [
        ("rgba8", (6, 8, 4)), ("yuv422", (6, 8, 2)), ("nv12", (9, 8)), ("mono8", (6, 8))])
    def test_native_shapes(self, encoding: str, shape: tuple[int, ...]) -> None:
        native = images.to_native(message(encoding, 8, 6, encoded(encoding, ODD)))
        assert native.pixels.shape == shape


class TestDepth:
    def test_32fc1_is_passed_on_untouched(self) -> None:
        depth = np.array([[0.5, np.nan, np.inf], [-np.inf, 0.0, 80.0]], np.float32)
        msg = message("32FC1", 3, 2, depth.tobytes())
        result = images.to_depth_m(msg)
        assert np.array_equal(result, depth, equal_nan=True) and result.dtype == np.float32
        # Shared only where the byte order is the machine's.
        assert np.shares_memory(result, np.frombuffer(msg.data, np.uint8)) == (
            sys.byteorder == "little")

    @pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
    def test_millimetres_become_metres(self, encoding: str) -> None:
        values = np.array([[0, 1, 1500, 65534, 65535]], "<u2")
        depth = images.to_depth_m(message(encoding, 5, 1, values.tobytes()))
        # 0 is unknown by REP-118, 65535 is where the numbers end.
        assert np.isnan(depth[0, [0, 4]]).all() and depth.dtype == np.float32
        assert np.allclose(depth[0, 1:4], [0.001, 1.5, 65.534])

    def test_depth_message_round_trip(self) -> None:
        depth = np.array([[0.5, np.nan], [np.inf, 3.25]], np.float32)
        msg = images.from_depth_m(depth, Header(frame_id="optical"))
        assert (msg.encoding, msg.step, msg.header.frame_id) == ("32FC1", 8, "optical")
        assert np.array_equal(images.to_depth_m(msg), depth, equal_nan=True)

    def test_float64_depth_is_narrowed(self) -> None:
        assert images.to_depth_m(images.from_depth_m(np.full((2, 2), 1.5), Header())).max() == 1.5

    def test_integers_are_not_metres(self) -> None:
        with pytest.raises(ImageConversionError, match="uint16.*divide millimetres by 1000"):
            images.from_depth_m(np.ones((2, 2), np.uint16), Header())

    @pytest.mark.parametrize("encoding", ["rgb8", "mono8", "yuv422", "nv12", "bayer_rggb8"])
    def test_light_is_no_depth(self, encoding: str) -> None:
        with pytest.raises(ImageConversionError, match=f"{encoding} holds no depth.*32FC1"):
            images.to_depth_m(message(encoding, 8, 6, encoded(encoding, ODD)))

    @pytest.mark.parametrize("encoding, dtype", [("16UC1", "<u2"), ("32FC1", "<f4")])
    @pytest.mark.parametrize("convert", [images.to_rgb, images.to_gray])
    def test_depth_is_no_light(self, encoding: str, dtype: str, convert: Convert) -> None:
        with pytest.raises(ImageConversionError, match=f"{encoding} holds depth.*colour topic"):
            convert(message(encoding, 2, 2, np.ones((2, 2), dtype).tobytes()))


class TestBadMessages:
    """Each error names the encoding or size, the limit and the fix."""

    @pytest.mark.parametrize("encoding", ["", "RGB8", "yuv444", "32FC2", "bayer_rggb16",
                                          "x" * 9999])
    def test_unknown_encoding(self, encoding: str) -> None:
        with pytest.raises(ImageConversionError, match="not supported; let the camera") as error:
            images.to_rgb(message(encoding, 1, 1, b"123"))
        assert repr(encoding[:60]) in str(error.value) and len(str(error.value)) < 500

    @pytest.mark.parametrize("width, height", [(0, 4), (4, 0), (0, 0)])
    def test_empty_size(self, width: int, height: int) -> None:
        with pytest.raises(ImageConversionError, match=f"rgb8 image is {width}x{height} px"):
            images.to_rgb(message("rgb8", width, height, bytes(48), step=12))

    @pytest.mark.parametrize("width, height",
                             [(4294967295, 4294967295), (40000, 1), (20000, 20000)])
    def test_absurd_size(self, width: int, height: int) -> None:
        with pytest.raises(ImageConversionError, match="above the limit of 32767 px"):
            images.to_rgb(message("mono8", width, height, b"12", step=4294967295))

    def test_step_below_a_row(self) -> None:
        with pytest.raises(ImageConversionError, match="8 px has a step of 23 bytes.*at least 24"):
            images.to_rgb(message("rgb8", 8, 6, bytes(144), step=23))

    def test_data_cut_short(self) -> None:
        with pytest.raises(ImageConversionError, match="has 143 bytes, expected 144; it was cut"):
            images.to_rgb(message("rgb8", 8, 6, bytes(143), step=24))

    def test_nv12_without_its_chroma(self) -> None:
        with pytest.raises(ImageConversionError, match="has 48 bytes, expected 72"):
            images.to_gray(message("nv12", 8, 6, bytes(48), step=8))

    @pytest.mark.parametrize("encoding, width, height", [
        ("yuv422", 7, 6), ("yuyv", 7, 6), ("nv12", 7, 6), ("nv12", 8, 5), ("nv21", 8, 5)])
    def test_odd_sizes_of_shared_chroma(self, encoding: str, width: int, height: int) -> None:
        with pytest.raises(ImageConversionError, match=f"{encoding} .*{width}x{height}.*multiples"):
            images.to_rgb(message(encoding, width, height, bytes(999), step=20))

    def test_a_mosaic_too_small_to_take_apart(self) -> None:
        # OpenCV returns black for it, silently.
        with pytest.raises(ImageConversionError, match="bayer_rggb8 image is 4x2 px, .* 3x3"):
            images.to_rgb(message("bayer_rggb8", 4, 2, b"\xff" * 8))

    def test_data_that_is_no_buffer(self) -> None:
        listed = SimpleNamespace(encoding="mono8", width=1, height=1, step=1, is_bigendian=False,
                                 data=[1])
        with pytest.raises(ImageConversionError, match="data of type list"):
            images.to_gray(listed)


class TestFromArrays:
    HEADER = Header(frame_id="camera")

    def test_rgb_round_trip_keeps_the_header(self) -> None:
        rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        msg = images.from_rgb(rgb, self.HEADER)
        assert msg.header is self.HEADER
        assert (msg.encoding, msg.width, msg.height, msg.step) == ("rgb8", 4, 4, 12)
        assert isinstance(msg.data, array.array) and msg.data.typecode == "B"
        assert (images.to_rgb(msg) == rgb).all()

    @pytest.mark.parametrize("make, order", [(images.from_rgb, 1), (images.from_bgr, -1)])
    @pytest.mark.parametrize("encoding, expected", [
        ("rgb8", [200, 120, 40]), ("bgr8", [40, 120, 200]), ("mono8", 135)])
    def test_other_orders_and_grey(self, make: Any, order: int, encoding: str,
                                   expected: Any) -> None:
        image = np.empty((2, 3, 3), np.uint8)
        image[:] = ODD[::order]
        msg = make(image, self.HEADER, encoding)
        assert msg.encoding == encoding and images.to_native(msg).pixels[1, 2].tolist() == expected

    def test_gray(self) -> None:
        msg = images.from_gray(np.full((2, 3), 9, np.uint8), self.HEADER)
        assert (msg.encoding, msg.step, bytes(msg.data)) == ("mono8", 3, b"\t" * 6)

    def test_strided_arrays(self) -> None:
        # A mirrored crop: neither contiguous nor in order.
        rgb = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)[2:8, 8:1:-1]
        assert (images.to_rgb(images.from_rgb(rgb, self.HEADER)) == rgb).all()

    def test_a_big_endian_array_is_sent_right(self) -> None:
        depth = np.array([[1.5, 2.5]], ">f4")
        assert images.to_depth_m(images.from_depth_m(depth, self.HEADER)).tolist() == [[1.5, 2.5]]

    @pytest.mark.parametrize("image", [
        np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8), np.zeros(12, np.uint8)])
    def test_wrong_arrays(self, image: np.ndarray) -> None:
        with pytest.raises(ImageConversionError, match="colour image is"):
            images.from_rgb(image, self.HEADER)

    def test_wrong_encoding(self) -> None:
        with pytest.raises(ImageConversionError, match="'nv12' cannot be made.*rgb8, bgr8, mono8"):
            images.from_rgb(np.zeros((4, 4, 3), np.uint8), self.HEADER, "nv12")

    def test_the_message_type_is_the_real_one(self) -> None:
        pixel = np.zeros((1, 1), np.uint8)
        assert isinstance(images.from_gray(pixel, self.HEADER), Image)
        assert isinstance(images.compress(pixel, self.HEADER), CompressedImage)

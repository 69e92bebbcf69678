"""CompressedImage to arrays and back, with the format texts that image_transport writes."""
from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from compressed_pictures import HEADER, JPEG_LOSS, cut, difference, packed, scene  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.images import ImageConversionError  # noqa: E402


class TestColours:
    @pytest.mark.parametrize("extension, loss", [(".jpg", JPEG_LOSS), (".png", 0)])
    @pytest.mark.parametrize("text", [
        "bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed bgr8", "bgr8; png compressed bgr8",
        "rgba8; jpeg compressed bgr8", "yuv422; jpeg compressed bgr8", "jpeg", "jpg", "png", ""])
    def test_rgb_whatever_the_text_says(self, extension: str, loss: int, text: str) -> None:
        # A picture's own bytes say how it is coded; the text only says what it was before.
        rgb = images.to_rgb(packed(scene()[..., ::-1], text, extension))
        assert rgb.dtype == np.uint8 and difference(rgb, scene()) <= loss

    def test_rgb_compressed_as_if_it_were_bgr(self) -> None:
        # image_transport (compressed_subscriber.cpp) undoes it where "compressed bgr" is not said.
        msg = packed(scene(), "rgb8; jpeg compressed rgb8")
        assert difference(images.to_rgb(msg), scene()) <= JPEG_LOSS
        expected = cv2.cvtColor(scene(), cv2.COLOR_RGB2GRAY)
        assert difference(images.to_gray(msg), expected) <= JPEG_LOSS
        assert images.to_native(msg).encoding == "rgb8"

    @pytest.mark.parametrize("text", ["mono8; jpeg compressed mono8", "mono8; jpeg compressed ",
                                      "jpeg"])
    def test_grey(self, text: str) -> None:
        grey = scene()[..., 1]
        msg = packed(grey, text)
        assert difference(images.to_gray(msg), grey) <= JPEG_LOSS
        rgb = images.to_rgb(msg)
        assert rgb.shape == (120, 160, 3) and np.ptp(rgb, axis=2).max() == 0

    def test_gray_of_colour(self) -> None:
        expected = cv2.cvtColor(scene(), cv2.COLOR_RGB2GRAY)
        gray = images.to_gray(packed(scene()[..., ::-1], "bgr8; jpeg compressed bgr8"))
        assert gray.shape == (120, 160) and difference(gray, expected) <= JPEG_LOSS

    def test_a_mosaic_in_a_png_is_taken_apart(self) -> None:
        mosaic = np.zeros((8, 8), np.uint8)
        mosaic[::2, ::2] = 255  # rggb with only red lit
        msg = packed(mosaic, "bayer_rggb8; png compressed ", ".png")
        assert (images.to_rgb(msg) == (255, 0, 0)).all()
        assert (images.to_gray(msg) == 76).all()
        assert images.to_native(msg).encoding == "bayer_rggb8"

    def test_a_mosaic_sent_as_grey_is_grey(self) -> None:
        # Newer publishers take the mosaic apart before they compress, and say mono8.
        msg = packed(np.full((8, 8), 90, np.uint8), "bayer_rggb8; jpeg compressed mono8")
        assert (images.to_rgb(msg) == 90).all() and images.to_native(msg).encoding == "mono8"

    def test_an_unknown_mosaic_is_an_error(self) -> None:
        msg = packed(np.zeros((8, 8), np.uint16), "bayer_rggb16; png compressed ", ".png")
        for convert in (images.to_rgb, images.to_gray, images.to_native):
            with pytest.raises(ImageConversionError, match="bayer_rggb16"):
                convert(msg)

    def test_the_exif_orientation_is_left_alone(self) -> None:
        # Turned by a tag, the picture would no longer fit its camera_info.
        msg = packed(scene()[..., ::-1], "jpeg")
        exif = (b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
                + b"\0\0\0\0")
        raw = bytes(msg.data)
        turned = CompressedImage(format="jpeg")
        turned.data.frombytes(raw[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
                              + raw[2:])
        assert images.to_rgb(turned).shape == (120, 160, 3)
        assert images.to_rgb(turned, min_width=40).shape == (30, 40, 3)
        assert images.to_gray(turned).shape == (120, 160)
        assert images.to_native(turned).pixels.shape == (120, 160, 3)

    def test_native_of_png(self) -> None:
        alpha = np.dstack([scene()[..., ::-1], np.full((120, 160), 9, np.uint8)])
        native = images.to_native(packed(alpha, "bgra8; png compressed bgr8", ".png"))
        assert native.encoding == "bgra8" and (native.pixels == alpha).all()

    def test_16_bit_colour_png(self) -> None:
        # Eight bits are taken for pictures; in its own layout it has no name here.
        deep = scene()[..., ::-1].astype(np.uint16) * 257
        msg = packed(deep, "rgb16; png compressed bgr16", ".png")
        assert difference(images.to_rgb(msg), scene()) <= 1
        with pytest.raises(ImageConversionError, match="16-bit colour"):
            images.to_native(msg)

    def test_16_bit_grey_png(self) -> None:
        values = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
        msg = packed(values, "mono16; png compressed ", ".png")
        assert images.to_native(msg).encoding == "mono16"
        assert (images.to_native(msg).pixels == values).all()
        assert difference(images.to_gray(msg), values / 257) <= 1


class TestReducedScale:
    @pytest.mark.parametrize("min_width, width", [
        (0, 640), (641, 640), (640, 640), (321, 640), (320, 320), (161, 320), (160, 160),
        (80, 80), (1, 80), (-5, 640)])
    @pytest.mark.parametrize("extension", [".jpg", ".png"])
    def test_the_smallest_that_is_wide_enough(self, min_width: int, width: int,
                                              extension: str) -> None:
        full = scene(640, 480)
        msg = packed(full[..., ::-1], "bgr8; jpeg compressed bgr8", extension)
        rgb, gray = images.to_rgb(msg, min_width), images.to_gray(msg, min_width)
        assert rgb.shape == (width * 3 // 4, width, 3) and gray.shape == rgb.shape[:2]
        small = cv2.resize(full, (width, width * 3 // 4), interpolation=cv2.INTER_AREA)
        assert difference(rgb, small) <= 3 * JPEG_LOSS

    def test_a_picture_of_few_rows_keeps_one(self) -> None:
        msg = packed(np.full((3, 800), 60, np.uint8), "mono8; png compressed ", ".png")
        assert images.to_gray(msg, min_width=10).shape == (1, 400)

    def test_raw_images_keep_their_size(self) -> None:
        msg = images.from_rgb(scene(), HEADER)
        assert images.to_rgb(msg, min_width=10).shape == images.to_rgb(msg).shape


class TestBroken:
    JPEG = packed(scene()[..., ::-1], "bgr8; jpeg compressed bgr8")
    PNG = packed(scene()[..., ::-1], "bgr8; png compressed bgr8", ".png")

    @pytest.mark.parametrize("msg", [JPEG, PNG], ids=["jpeg", "png"])
    @pytest.mark.parametrize("convert", [images.to_rgb, images.to_gray, images.to_native])
    def test_cut_short_anywhere(self, msg: CompressedImage, convert: Any) -> None:
        # libjpeg would fill the rest with grey and call it a picture.
        for length in [1, 2, 3, 8, 20, *range(30, len(msg.data) - 1, 97), len(msg.data) - 2]:
            with pytest.raises(ImageConversionError):
                convert(cut(msg, length))

    def test_the_error_says_what_was_cut(self) -> None:
        with pytest.raises(ImageConversionError, match="JPEG of 160x120 px ends .* cut short"):
            images.to_rgb(cut(self.JPEG, len(self.JPEG.data) - 30))

    def test_zeros_after_the_end_are_padding(self) -> None:
        padded = cut(self.JPEG, len(self.JPEG.data))
        padded.data.frombytes(bytes(5000))
        assert difference(images.to_rgb(padded), scene()) <= JPEG_LOSS

    def test_an_end_marker_in_a_thumbnail_is_not_the_pictures(self) -> None:
        raw = bytes(self.JPEG.data)
        thumbnail = b"\xff\xe1" + struct.pack(">H", 14) + b"Exif\0\0\xff\xd8\xff\xd9\0\0"
        broken = CompressedImage(format="jpeg")
        broken.data.frombytes(raw[:2] + thumbnail + raw[2:-40])
        with pytest.raises(ImageConversionError, match="cut short"):
            images.to_rgb(broken)

    def test_bytes_lost_in_the_middle_are_found_by_restart_markers(self) -> None:
        # What a USB camera sends after losing packets: both ends are there.
        msg = packed(scene()[..., ::-1], "jpeg", ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
        assert difference(images.to_rgb(msg), scene()) <= JPEG_LOSS
        half = len(msg.data) // 2
        with pytest.raises(ImageConversionError, match="of 19 restart markers; bytes were lost"):
            images.to_rgb(cut(msg, half, half + 400))

    @pytest.mark.parametrize("shape", [(50, 70), (50, 70, 3), (17, 16, 3), (8, 8), (1, 1, 3)])
    @pytest.mark.parametrize("interval", [1, 3, 1000])
    @pytest.mark.parametrize("sampling", [0x411111, 0x221111, 0x211111, 0x111111])
    def test_whole_jpegs_pass_the_restart_check(self, shape: tuple[int, ...], interval: int,
                                                sampling: int) -> None:
        options = [cv2.IMWRITE_JPEG_RST_INTERVAL, interval]
        if hasattr(cv2, "IMWRITE_JPEG_SAMPLING_FACTOR"):
            options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        msg = packed(np.full(shape, 77, np.uint8), "jpeg", ".jpg", *options)
        assert images.to_rgb(msg).shape[:2] == shape[:2]

    def test_a_size_that_the_bytes_cannot_hold(self) -> None:
        # One damaged byte in the frame header: 30000 rows, most of them grey.
        raw = bytearray(self.JPEG.data)
        at = raw.index(b"\xff\xc0") + 5
        raw[at:at + 4] = struct.pack(">HH", 4000, 30000)
        broken = CompressedImage(format="jpeg")
        broken.data.frombytes(bytes(raw))
        with pytest.raises(ImageConversionError, match="JPEG of 30000x4000 px has only"):
            images.to_rgb(broken)

    def test_progressive_jpegs_are_read(self) -> None:
        msg = packed(scene()[..., ::-1], "jpeg", ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
        assert difference(images.to_rgb(msg), scene()) <= JPEG_LOSS

    def test_a_changed_byte_in_a_png(self) -> None:
        raw = bytearray(self.PNG.data)
        raw[len(raw) // 2] ^= 0x55
        broken = CompressedImage(format="png")
        broken.data.frombytes(bytes(raw))
        with pytest.raises(ImageConversionError, match="png of 160x120 px .*cannot be decoded"):
            images.to_rgb(broken)

    @pytest.mark.parametrize("width, height", [(100000, 10), (30000, 30000), (0, 9)])
    def test_a_png_that_asks_for_too_much_memory(self, width: int, height: int) -> None:
        raw = bytearray(self.PNG.data)
        raw[16:24] = struct.pack(">II", width, height)
        bomb = CompressedImage(format="png")
        bomb.data.frombytes(bytes(raw))
        with pytest.raises(ImageConversionError, match=f"PNG is {width}x{height} px"):
            images.to_gray(bomb)

    @pytest.mark.parametrize("raw, words", [
        (b"", "no data"), (b"GIF89a..", "4749463839612e2e, neither JPEG nor PNG"),
        (b"RIFF....WEBP", "neither JPEG nor PNG"), (b"\xff\xd8", "cut short"),
        (b"\x89PNG\r\n\x1a\n", "no header")])
    def test_other_bytes(self, raw: bytes, words: str) -> None:
        msg = CompressedImage(format="jpeg")
        msg.data.frombytes(raw)
        with pytest.raises(ImageConversionError, match=words):
            images.to_rgb(msg)


class TestEncoding:
    @pytest.mark.parametrize("codec, loss", [("jpeg", JPEG_LOSS), ("png", 0)])
    def test_colour_round_trip(self, codec: str, loss: int) -> None:
        msg = images.compress(scene(), HEADER, codec)
        assert msg.format == f"rgb8; {codec} compressed bgr8" and msg.header is HEADER
        assert difference(images.to_rgb(msg), scene()) <= loss

    def test_grey_and_millimetres(self) -> None:
        grey = scene()[..., 0]
        assert (images.to_gray(images.compress(grey, HEADER, "png")) == grey).all()
        assert images.compress(grey, HEADER).format == "mono8; jpeg compressed mono8"
        depth = images.to_depth_m(images.compress(np.full((4, 4), 700, np.uint16), HEADER, "png"))
        assert np.allclose(depth, 0.7)

    def test_quality_matters(self) -> None:
        sizes = [len(images.compress(scene(), HEADER, quality=q).data) for q in (20, 95)]
        assert sizes[0] < sizes[1]

    @pytest.mark.parametrize("image", [
        np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)])
    def test_wrong_arrays(self, image: Any) -> None:
        with pytest.raises(ImageConversionError, match="cannot be compressed; give"):
            images.compress(image, HEADER)

    @pytest.mark.parametrize("image, codec", [
        (np.zeros((4, 4, 3), np.uint8), "webp"), (np.zeros((4, 4), np.uint16), "jpeg")])
    def test_wrong_codec(self, image: Any, codec: str) -> None:
        with pytest.raises(ImageConversionError, match=f"codec '{codec}' is not possible"):
            images.compress(image, HEADER, codec)

    def test_wrong_limits(self) -> None:
        with pytest.raises(ImageConversionError, match="quality is 0, expected 1 to 100"):
            images.compress(scene(), HEADER, quality=0)
        with pytest.raises(ImageConversionError, match="max_m is 0"):
            images.compress_depth_m(np.ones((2, 2)), HEADER, max_m=0)
        with pytest.raises(ImageConversionError, match=r"shape \(2,\)"):
            images.compress_depth_m(np.ones(2), HEADER)

"""CompressedImage of depth, as compressed_depth_image_transport writes it."""
from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from compressed_pictures import HEADER, packed, scene  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.images import ImageConversionError  # noqa: E402


class TestDepth:
    def test_16_bit_png_is_millimetres(self) -> None:
        values = np.array([[0, 1500], [65535, 250]], np.uint16)
        for text in ("16UC1; png compressed ", "png", "16UC1; png compressed 16UC1"):
            depth = images.to_depth_m(packed(values, text, ".png"))
            assert np.allclose(depth, [[np.nan, 1.5], [np.nan, 0.25]], equal_nan=True)

    def test_compressed_depth_of_16uc1_skips_its_header(self) -> None:
        values = np.array([[0, 1500]], np.uint16)
        plain = packed(values, "", ".png")
        for text in ("16UC1; compressedDepth png", "16UC1; compressedDepth"):
            msg = CompressedImage(format=text)
            msg.data.frombytes(struct.pack("<iff", 0, 0, 0) + bytes(plain.data))
            assert np.allclose(images.to_depth_m(msg), [[np.nan, 1.5]], equal_nan=True)

    def test_compressed_depth_of_32fc1_as_the_transport_writes_it(self) -> None:
        # codec.cpp: a = q (q + 1), b = 1 - a / max, code = a / z + b, with q = 100 and max = 10 m.
        depth = np.array([[0.5, 1.0, 4.0, 9.0]])
        a, b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
        code = np.append(a / depth + b, [[0]], 1).astype(np.uint16)
        msg = CompressedImage(format="32FC1; compressedDepth png")
        msg.data.frombytes(struct.pack("<iff", 0, a, b) + bytes(packed(code, "", ".png").data))
        result = images.to_depth_m(msg)
        assert result.dtype == np.float32 and np.isnan(result[0, 4])
        assert (np.abs(result[:, :4] - depth) <= depth**2 / a).all()

    def test_own_compressed_depth_round_trip(self) -> None:
        depth = np.linspace(0.2, 99.0, 5000, dtype=np.float32).reshape(50, 100)
        holes = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 150.0, 0.01], np.float32)
        depth[0, :7] = holes
        msg = images.compress_depth_m(depth, HEADER)
        assert msg.format == "32FC1; compressedDepth png" and msg.header is HEADER
        result = images.to_depth_m(msg)
        # Unknown, beyond the range and nearer than the code reaches: no number at all.
        assert np.isnan(result[0, :7]).all() and np.isfinite(result[1:]).all()
        assert (np.abs(result[1:] - depth[1:]) <= depth[1:]**2 / 10100 * 0.51).all()

    @pytest.mark.parametrize("a, b", [(float("nan"), 1.0), (float("inf"), 1.0), (0.0, 1.0),
                                      (-5.0, 1.0), (1.0, float("-inf"))])
    def test_broken_quantisation(self, a: float, b: float) -> None:
        msg = CompressedImage(format="32FC1; compressedDepth png")
        values = packed(np.ones((2, 2), np.uint16), "", ".png")
        msg.data.frombytes(struct.pack("<iff", 0, a, b) + bytes(values.data))
        with pytest.raises(ImageConversionError, match="quantisation"):
            images.to_depth_m(msg)

    def test_rvl_names_the_fix(self) -> None:
        with pytest.raises(ImageConversionError, match="RVL.*format parameter to png"):
            images.to_depth_m(CompressedImage(format="16UC1; compressedDepth rvl"))

    @pytest.mark.parametrize("text, extension", [("16UC1; jpeg compressed ", ".jpg"),
                                                 ("png", ".png")])
    def test_eight_bits_hold_no_depth(self, text: str, extension: str) -> None:
        with pytest.raises(ImageConversionError, match="expected a 16-bit grey png"):
            images.to_depth_m(packed(np.ones((8, 8), np.uint8), text, extension))

    def test_light_is_no_depth(self) -> None:
        with pytest.raises(ImageConversionError, match="holds no depth; subscribe to the depth"):
            images.to_depth_m(packed(scene(), "rgb8; jpeg compressed bgr8"))

    @pytest.mark.parametrize("text", ["16UC1; png compressed ", "16UC1; compressedDepth png",
                                      "32FC1; compressedDepth png"])
    @pytest.mark.parametrize("convert", [images.to_rgb, images.to_gray])
    def test_depth_is_no_light(self, text: str, convert: Any) -> None:
        with pytest.raises(ImageConversionError, match="holds depth, not light"):
            convert(packed(np.ones((8, 8), np.uint16), text, ".png"))

    def test_quantised_depth_has_no_native_form(self) -> None:
        with pytest.raises(ImageConversionError, match="convert it by to_depth_m"):
            images.to_native(CompressedImage(format="32FC1; compressedDepth png"))

"""Whatever a message holds: an array of the right shape, or ImageConversionError. Nothing else."""
from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.images import ENCODINGS, ImageConversionError  # noqa: E402

CONVERSIONS = [images.to_rgb, images.to_gray, images.to_depth_m, images.to_native]
FORMATS = ["jpeg", "png", "rgb8; jpeg compressed bgr8", "rgb8; jpeg compressed rgb8",
           "bayer_rggb8; png compressed ", "16UC1; png compressed ", "16UC1; compressedDepth png",
           "32FC1; compressedDepth png", "mono16; png compressed ", ""]
_PIXELS = np.random.default_rng(1).integers(0, 255, (24, 32, 3)).astype(np.uint8)


def _packed(image: Any, extension: str, *options: int) -> bytes:
    return bytes(cv2.imencode(extension, image, list(options))[1].tobytes())


SEEDS = [_packed(_PIXELS, ".jpg"), _packed(_PIXELS[..., 0], ".jpg"), _packed(_PIXELS, ".png"),
         _packed(_PIXELS, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
         _packed(_PIXELS, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
         _packed(_PIXELS[..., 0].astype(np.uint16) * 200, ".png"),
         struct.pack("<iff", 0, 10100, -1009) + _packed(_PIXELS[..., 0].astype(np.uint16), ".png")]

sizes = st.one_of(st.integers(0, 12), st.integers(0, 2**32 - 1))


def raw(encoding: str, width: int, height: int, step: int, data: bytes,
        big_endian: bool) -> SimpleNamespace:
    return SimpleNamespace(encoding=encoding, width=width, height=height, step=step, data=data,
                           is_bigendian=int(big_endian))


@settings(max_examples=300, deadline=None)
@given(encoding=st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=12)), width=sizes,
       height=sizes, step=sizes, data=st.binary(max_size=400), big_endian=st.booleans(),
       convert=st.sampled_from(CONVERSIONS))
def test_any_raw_message(encoding: str, width: int, height: int, step: int, data: bytes,
                         big_endian: bool, convert: Any) -> None:
    try:
        result = convert(raw(encoding, width, height, step, data, big_endian))
    except ImageConversionError as error:
        assert 20 < len(str(error)) < 500
        return
    if convert is images.to_native:
        assert result.encoding == encoding
        assert result.pixels.shape[1] == width and result.pixels.nbytes <= len(data)
    else:
        assert result.shape == ((height, width, 3) if convert is images.to_rgb else (height, width))


@settings(max_examples=300, deadline=None)
@given(encoding=st.sampled_from(sorted(ENCODINGS)), across=st.integers(1, 9),
       down=st.integers(1, 6), padding=st.integers(0, 5), spare=st.integers(0, 3),
       big_endian=st.booleans())
def test_any_message_that_fits(encoding: str, across: int, down: int, padding: int, spare: int,
                               big_endian: bool) -> None:
    # Well-formed messages are never refused, and nothing outside their pixels is read: two messages
    # that differ only in padding and in what follows give the same values.
    kind = ENCODINGS[encoding]
    width, height = across * kind.multiple[0], down * kind.multiple[1]
    row = width * kind.channels * kind.itemsize
    rows = kind.rows(height)
    pixels = np.random.default_rng(across * 100 + down).integers(0, 255, (rows, row), np.uint8)
    made = []
    for filler in (0x00, 0xFF):
        lines = np.full((rows, row + padding), filler, np.uint8)
        lines[:, :row] = pixels
        made.append(raw(encoding, width, height, row + padding,
                        lines.tobytes() + bytes([filler]) * spare, big_endian))
    one, other = made
    assert images.to_native(one).pixels.tobytes() == images.to_native(other).pixels.tobytes()
    small = min(width, height) < kind.least
    if kind.rgb is not None and not small:
        assert np.array_equal(images.to_rgb(one), images.to_rgb(other))
        assert np.array_equal(images.to_gray(one), images.to_gray(other))
    if kind.is_depth:
        assert images.to_depth_m(one).tobytes() == images.to_depth_m(other).tobytes()


@settings(max_examples=150, deadline=None)
@given(encoding=st.sampled_from(sorted(ENCODINGS)), missing=st.integers(1, 60))
def test_data_one_byte_or_more_short(encoding: str, missing: int) -> None:
    kind = ENCODINGS[encoding]
    step = 6 * kind.channels * kind.itemsize
    data = bytes(step * kind.rows(4))
    assume(missing < len(data))
    with pytest.raises(ImageConversionError, match="it was cut short"):
        images.to_native(raw(encoding, 6, 4, step, data[:-missing], False))


def _check_compressed(text: str, data: bytes, min_width: int, convert: Any) -> None:
    msg = SimpleNamespace(format=text, data=data)
    takes_width = convert in (images.to_rgb, images.to_gray)
    try:
        result = convert(msg, min_width) if takes_width else convert(msg)
    except ImageConversionError as error:
        assert 20 < len(str(error)) < 900
        return
    pixels = result.pixels if convert is images.to_native else result
    assert pixels.size and pixels.ndim == (3 if convert is images.to_rgb else pixels.ndim)
    if convert is images.to_native:
        assert result.encoding in ENCODINGS


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.sampled_from(FORMATS), st.text(max_size=20)),
       data=st.one_of(st.binary(max_size=300),
                      st.binary(max_size=80).map(lambda tail: b"\xff\xd8" + tail + b"\xff\xd9"),
                      st.binary(max_size=80).map(lambda tail: SEEDS[2][:33] + tail)),
       min_width=st.integers(-5, 100), convert=st.sampled_from(CONVERSIONS))
def test_any_compressed_message(text: str, data: bytes, min_width: int, convert: Any) -> None:
    _check_compressed(text, data, min_width, convert)


@settings(max_examples=400, deadline=None)
@given(text=st.sampled_from(FORMATS), seed=st.sampled_from(SEEDS), min_width=st.integers(0, 40),
       changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=4),
       gap=st.tuples(st.integers(0, 5000), st.integers(0, 200)),
       convert=st.sampled_from(CONVERSIONS))
def test_damaged_pictures(text: str, seed: bytes, min_width: int, changes: list[tuple[int, int]],
                          gap: tuple[int, int], convert: Any) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    at = gap[0] % len(data)
    del data[at:at + gap[1]]
    _check_compressed(text, bytes(data), min_width, convert)


@settings(max_examples=100, deadline=None)
@given(width=st.integers(1, 9), height=st.integers(1, 9),
       encoding=st.sampled_from(["rgb8", "bgr8", "mono8"]), mirrored=st.booleans())
def test_from_rgb_is_undone_by_to_rgb(width: int, height: int, encoding: str,
                                      mirrored: bool) -> None:
    rgb = np.random.default_rng(width * 10 + height).integers(0, 255, (height, width, 3), np.uint8)
    rgb = rgb[:, ::-1] if mirrored else rgb
    back = images.to_rgb(images.from_rgb(rgb, Header(), encoding))
    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    assert np.array_equal(back, np.dstack([gray] * 3) if encoding == "mono8" else rgb)

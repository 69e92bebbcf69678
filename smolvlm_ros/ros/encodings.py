"""The encodings of sensor_msgs/Image: how each lies in memory, and its way to RGB and to grey.

Colours follow cv_bridge: its OpenCV codes, and therefore BT.601 with limited range for YUV, and the
Bayer names (ROS names the upper left 2x2 pixels, OpenCV the pixels right and below of them, so
`bayer_rggb8` is OpenCV's `BayerBG`).
"""
from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 32767
"""Longest side in pixels: OpenCV's resampling takes no longer one."""
MAX_PIXELS = 1 << 27
"""Most pixels of a picture, 134 megapixels; a header that says more is taken for broken."""

_SAME = -1


class ImageConversionError(ValueError):
    """An image message that cannot be converted; names what is wrong, the limit and the fix."""


@dataclass(frozen=True)
class Encoding:
    """How one encoding lies in memory.

    Attributes:
        name: as in `sensor_msgs/Image.encoding`.
        dtype: numpy's name of one value, without byte order.
        channels: values per pixel and row; 1 also for planes.
        rgb: OpenCV's code to RGB, -1 where it is RGB, None where it is no colour picture.
        gray: OpenCV's code to grey, -1 where it is grey, None where it is no picture of light.
        rows_of_2: rows of memory for two rows of pixels; 3 for 4:2:0 with its chroma plane below.
        multiple: (width, height) must be multiples of these, since pixels share their chroma.
        least: smallest width and height; below it OpenCV's demosaicing returns black.
    """

    name: str
    dtype: str = "u1"
    channels: int = 1
    rgb: int | None = None
    gray: int | None = None
    rows_of_2: int = 2
    multiple: tuple[int, int] = (1, 1)
    least: int = 1

    @property
    def itemsize(self) -> int:
        """Bytes of one value."""
        return int(self.dtype[1:])

    @property
    def is_depth(self) -> bool:
        """True for REP-118's depth encodings: 32FC1 in metres, 16UC1 in millimetres."""
        return self.name in ("16UC1", "32FC1")

    @property
    def is_bayer(self) -> bool:
        """True for a mosaic of one colour per pixel."""
        return self.name.startswith("bayer_")

    def rows(self, height: int) -> int:
        """Rows of memory of a picture of that height."""
        return height * self.rows_of_2 // 2


def _table() -> dict[str, Encoding]:
    rgb, gray = cv2.COLOR_GRAY2RGB, _SAME
    uyvy = (2, cv2.COLOR_YUV2RGB_UYVY, cv2.COLOR_YUV2GRAY_UYVY, 2, (2, 1))
    yuyv = (2, cv2.COLOR_YUV2RGB_YUY2, cv2.COLOR_YUV2GRAY_YUY2, 2, (2, 1))
    known = [
        Encoding("rgb8", "u1", 3, _SAME, cv2.COLOR_RGB2GRAY),
        Encoding("bgr8", "u1", 3, cv2.COLOR_BGR2RGB, cv2.COLOR_BGR2GRAY),
        Encoding("8UC3", "u1", 3, cv2.COLOR_BGR2RGB, cv2.COLOR_BGR2GRAY),
        Encoding("rgba8", "u1", 4, cv2.COLOR_RGBA2RGB, cv2.COLOR_RGBA2GRAY),
        Encoding("bgra8", "u1", 4, cv2.COLOR_BGRA2RGB, cv2.COLOR_BGRA2GRAY),
        Encoding("mono8", "u1", 1, rgb, gray),
        Encoding("8UC1", "u1", 1, rgb, gray),
        Encoding("mono16", "u2", 1, rgb, gray),
        Encoding("16UC1", "u2", 1),
        Encoding("32FC1", "f4", 1),
        Encoding("yuv422", "u1", *uyvy),
        Encoding("uyvy", "u1", *uyvy),
        Encoding("yuv422_yuy2", "u1", *yuyv),
        Encoding("yuyv", "u1", *yuyv),
        Encoding("nv12", "u1", 1, cv2.COLOR_YUV2RGB_NV12, cv2.COLOR_YUV2GRAY_NV12, 3, (2, 2)),
        Encoding("nv21", "u1", 1, cv2.COLOR_YUV2RGB_NV21, cv2.COLOR_YUV2GRAY_NV21, 3, (2, 2)),
    ]
    for ros, opencv in (("rggb", "BG"), ("bggr", "RG"), ("gbrg", "GR"), ("grbg", "GB")):
        known.append(Encoding(f"bayer_{ros}8", "u1", 1, getattr(cv2, f"COLOR_Bayer{opencv}2RGB"),
                              getattr(cv2, f"COLOR_Bayer{opencv}2GRAY"), least=3))
    return {encoding.name: encoding for encoding in known}


ENCODINGS: dict[str, Encoding] = _table()
"""Every encoding that is understood, by name."""


def find(name: str) -> Encoding:
    """The encoding of that name.

    Raises:
        ImageConversionError: when it is not one of `ENCODINGS`.
    """
    encoding = ENCODINGS.get(name)
    if encoding is None:
        raise ImageConversionError(f"encoding {name[:60]!r} is not supported; let the camera "
                                   f"driver publish one of {', '.join(ENCODINGS)}")
    return encoding


def check_size(what: str, width: int, height: int) -> None:
    """Check the size of a picture before memory is taken for it.

    Raises:
        ImageConversionError: for a side of zero or above `MAX_SIDE`, or more than `MAX_PIXELS`.
    """
    if width <= 0 or height <= 0:
        raise ImageConversionError(f"{what} is {width}x{height} px, expected at least 1x1; "
                                   "the driver sends an empty picture")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageConversionError(
            f"{what} is {width}x{height} px, above the limit of {MAX_SIDE} px a side and "
            f"{MAX_PIXELS} px in all; reduce the camera's resolution, or see whether it is corrupt")


def view(encoding: Encoding, width: int, height: int, step: int, data: Any,
         big_endian: bool = False) -> NDArray[Any]:
    """The values of an image message where they lie, without a copy, read only.

    Args:
        encoding: how they lie.
        width, height: size in pixels.
        step: bytes from one row to the next.
        data: object with the buffer protocol; what follows `step * rows` is left alone.
        big_endian: byte order of values longer than a byte.

    Returns:
        shape (rows, width) or (rows, width, channels), in this machine's byte order; rows is
        height, or height * 3 / 2 for nv12 and nv21. A copy only where the byte order is another
        one, or where `step` is not a multiple of a value's size.

    Raises:
        ImageConversionError: when size, step and data do not fit each other or the encoding.
    """
    what = f"{encoding.name} image"
    check_size(what, width, height)
    across, down = encoding.multiple
    if width % across or height % down:
        raise ImageConversionError(f"{what} is {width}x{height} px, expected multiples of "
                                   f"{across}x{down}; crop to an even size in the driver")
    row = width * encoding.channels * encoding.itemsize
    if step < row:
        raise ImageConversionError(f"{what} of {width} px has a step of {step} bytes, expected at "
                                   f"least {row}; the driver must set step to the bytes of a row")
    try:
        buffer = memoryview(data).cast("B")
    except TypeError as error:
        raise ImageConversionError(f"{what} has data of type {type(data).__name__}, expected "
                                   "contiguous bytes such as array.array('B')") from error
    rows = encoding.rows(height)
    if len(buffer) < step * rows:
        raise ImageConversionError(f"{what} of {width}x{height} px with step {step} has "
                                   f"{len(buffer)} bytes, expected {step * rows}; it was cut short")
    order = ">" if big_endian else "<"
    shape, strides = (rows, width), (step, encoding.channels * encoding.itemsize)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, encoding.itemsize)  # type: ignore
    pixels: NDArray[Any] = np.ndarray(shape, order + encoding.dtype, buffer, 0, strides)
    pixels.setflags(write=False)
    if encoding.itemsize > 1 and big_endian != (sys.byteorder == "big"):
        # astype takes a third of the time of byteswap(), which cannot vectorise the strides.
        pixels = pixels.astype(encoding.dtype)
    return pixels if pixels.flags.aligned else pixels.copy()


def to_rgb(pixels: NDArray[Any], encoding: Encoding) -> NDArray[np.uint8]:
    """RGB of what `view` gives: shape (height, width, 3) uint8, C-contiguous.

    rgb8 without padding is the same memory. 16-bit grey is divided by 257, so that 65535 is 255.

    Raises:
        ImageConversionError: for depth encodings, which hold no light, and for too small mosaics.
    """
    return _light(pixels, encoding, encoding.rgb, "RGB")


def to_gray(pixels: NDArray[Any], encoding: Encoding) -> NDArray[np.uint8]:
    """Grey of what `view` gives: shape (height, width) uint8, C-contiguous.

    mono8 without padding, and the luma of nv12 and nv21, are the same memory. Luma of YUV keeps the
    camera's range (16 to 235 mostly), as in cv_bridge.

    Raises:
        ImageConversionError: for depth encodings, which hold no light.
    """
    if encoding.rows_of_2 == 3:
        return np.ascontiguousarray(pixels[:pixels.shape[0] * 2 // 3])
    return _light(pixels, encoding, encoding.gray, "grey")


def _light(pixels: NDArray[Any], encoding: Encoding, code: int | None,
           wanted: str) -> NDArray[np.uint8]:
    if code is None:
        raise ImageConversionError(
            f"encoding {encoding.name} holds depth or raw values, not light, and has no {wanted} "
            "picture; subscribe to the colour topic, or publish a 16-bit grey picture as mono16")
    if min(pixels.shape[:2]) < encoding.least:
        raise ImageConversionError(
            f"{encoding.name} image is {pixels.shape[1]}x{pixels.shape[0]} px, expected at least "
            f"{encoding.least}x{encoding.least} to take the mosaic apart")
    if encoding.dtype == "u2":
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    if code == _SAME:
        return np.ascontiguousarray(pixels)
    return convert(pixels, code)


def convert(pixels: NDArray[Any], code: int) -> NDArray[np.uint8]:
    """`cv2.cvtColor` of bytes, with the type that its stubs leave open."""
    if pixels.shape[:2] == (1, 1):  # which OpenCV 4.5 refuses
        return convert(np.repeat(pixels, 2, axis=1), code)[:, :1].copy()
    return cast("NDArray[np.uint8]", cv2.cvtColor(pixels, code))

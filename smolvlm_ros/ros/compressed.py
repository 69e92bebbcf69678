"""sensor_msgs/CompressedImage to pixels and back, with the `format` text of image_transport.

`compressed` writes "<encoding>; jpeg compressed bgr8", others write "jpeg" or "png" alone; what is
decoded follows the bytes, and the text only says what the values mean. `compressedDepth` puts
twelve bytes before a 16-bit PNG: see `decode_depth`.
"""
from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from smolvlm_ros.ros.bitstream import Picture, inspect
from smolvlm_ros.ros.encodings import ENCODINGS, ImageConversionError, convert, find
from smolvlm_ros.ros.encodings import to_gray as gray_of
from smolvlm_ros.ros.encodings import to_rgb as rgb_of

# int32 format (0: inverse depth), float32 a, float32 b, as the publisher's struct lies in memory.
_DEPTH_HEADER = struct.Struct("<iff")
_REDUCED_COLOR = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2,
                  4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_REDUCED_GRAY = {1: cv2.IMREAD_GRAYSCALE, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
                 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 8: cv2.IMREAD_REDUCED_GRAYSCALE_8}


def decode_rgb(msg: CompressedImage, min_width: int = 0) -> NDArray[np.uint8]:
    """RGB of a compressed colour or grey picture, shape (H, W, 3) uint8.

    Args:
        msg: JPEG or PNG.
        min_width: least width wanted, in pixels; above 0 the picture may come at 1/2, 1/4 or 1/8 of
            its size, the smallest that is as wide. A JPEG is decoded several times faster that way.

    Raises:
        ImageConversionError: when it is no picture of light, or broken.
    """
    name, written = _format(msg)
    data, picture = _light(name, written, msg)
    if _is_mosaic(name, written, picture):
        return rgb_of(_imdecode(data, picture, cv2.IMREAD_GRAYSCALE), find(name))
    bgr = _imdecode(data, picture, _REDUCED_COLOR[_reduction(picture, min_width)])
    return bgr if _is_swapped(name, written) else convert(bgr, cv2.COLOR_BGR2RGB)


def decode_gray(msg: CompressedImage, min_width: int = 0) -> NDArray[np.uint8]:
    """Grey of a compressed picture, shape (H, W) uint8; see `decode_rgb`.

    A JPEG's luma is taken as it is, without decoding its colours.
    """
    name, written = _format(msg)
    data, picture = _light(name, written, msg)
    if _is_mosaic(name, written, picture):
        return gray_of(_imdecode(data, picture, cv2.IMREAD_GRAYSCALE), find(name))
    if _is_swapped(name, written):
        return convert(decode_rgb(msg, min_width), cv2.COLOR_RGB2GRAY)
    return _imdecode(data, picture, _REDUCED_GRAY[_reduction(picture, min_width)])


def decode_native(msg: CompressedImage) -> tuple[NDArray[Any], str]:
    """The picture as it was compressed, and the encoding it then has.

    Returns:
        pixels and one of 'mono8', 'bgr8', 'rgb8', 'bgra8', 'mono16', '16UC1' or a Bayer encoding.

    Raises:
        ImageConversionError: for compressedDepth, for 16-bit colour, or when it is broken.
    """
    name, written = _format(msg)
    if "compressedDepth" in written:
        raise ImageConversionError(f"format {msg.format[:60]!r} holds quantised depth; convert it "
                                   "by to_depth_m")
    data = bytes(msg.data)
    picture = inspect(data)
    pixels = _imdecode(data, picture, cv2.IMREAD_UNCHANGED)
    if _is_mosaic(name, written, picture):
        return pixels, find(name).name
    if pixels.ndim == 2:
        if pixels.dtype == np.uint16:
            return pixels, "16UC1" if name == "16UC1" else "mono16"
        return pixels, "mono8"
    if pixels.dtype != np.uint8:
        raise ImageConversionError(f"format {msg.format[:60]!r} holds 16-bit colour, which has no "
                                   "encoding here; convert it by to_rgb")
    if pixels.shape[2] == 4:
        return pixels, "bgra8"
    return pixels, "rgb8" if _is_swapped(name, written) else "bgr8"


def decode_depth(msg: CompressedImage) -> tuple[NDArray[Any], str]:
    """Depth of a 16-bit PNG, as it was before compression.

    compressedDepth of 32FC1 holds inverse depth: z = a / (value - b), 0 for unknown, with a and b
    in its header (compressed_depth_image_transport, codec.cpp). Of 16UC1 it holds millimetres.

    Returns:
        pixels of shape (H, W) and their encoding: float32 '32FC1' (metres) or uint16 '16UC1' (mm).

    Raises:
        ImageConversionError: when it holds no depth, is RVL-coded, or broken.
    """
    name, written = _format(msg)
    data = bytes(msg.data)
    if "rvl" in written:
        raise ImageConversionError(f"format {msg.format[:60]!r} is RVL-coded; set the publisher's "
                                   "compressedDepth format parameter to png")
    head = data[:_DEPTH_HEADER.size]
    if "compressedDepth" in written:
        data = data[_DEPTH_HEADER.size:]
    elif name not in ("", "16UC1", "mono16"):
        raise ImageConversionError(f"format {msg.format[:60]!r} holds no depth; subscribe to the "
                                   "depth topic, which has 16UC1 as png, or compressedDepth")
    picture = inspect(data)
    if (picture.codec, picture.bits, picture.channels) != ("png", 16, 1):
        raise ImageConversionError(
            f"format {msg.format[:60]!r} holds a {picture.bits}-bit {picture.codec} of "
            f"{picture.channels} channels, expected a 16-bit grey png; JPEG cannot hold depth")
    values = _imdecode(data, picture, cv2.IMREAD_UNCHANGED)
    if name != "32FC1":
        return values, "16UC1"
    _, a, b = _DEPTH_HEADER.unpack(head)
    if not (np.isfinite(a) and np.isfinite(b) and a > 0):
        raise ImageConversionError(f"compressedDepth has quantisation a = {a}, b = {b}, expected "
                                   "finite numbers and a above 0; it is corrupt")
    inverse = values.astype(np.float32)
    inverse -= np.float32(b)
    inverse[(values == 0) | (inverse <= 0)] = np.nan
    return np.divide(np.float32(a), inverse, out=inverse), "32FC1"


def encode(image: NDArray[Any], header: Any, codec: str = "jpeg",
           quality: int = 90) -> CompressedImage:
    """Compress a picture.

    Args:
        image: (H, W, 3) uint8 RGB, (H, W) uint8 grey, or (H, W) uint16 depth in mm (png only).
        header: std_msgs/Header, taken as it is.
        codec: 'jpeg' or 'png'.
        quality: JPEG quality, 1 to 100.

    Raises:
        ImageConversionError: for another shape, type or codec.
    """
    image = np.asarray(image)
    kinds = {("uint8", 3): "rgb8", ("uint8", 2): "mono8", ("uint16", 2): "16UC1"}
    name = kinds.get((image.dtype.name, image.ndim))
    if name is None or (name == "rgb8" and image.shape[2] != 3) or 0 in image.shape:
        raise ImageConversionError(f"image of shape {image.shape} {image.dtype} cannot be "
                                   "compressed; give (H, W, 3) or (H, W) uint8, or (H, W) uint16")
    if codec not in ("jpeg", "png") or (name == "16UC1" and codec != "png"):
        raise ImageConversionError(f"codec {codec!r} is not possible for {name}; use "
                                   f"{'png' if name == '16UC1' else 'jpeg or png'}")
    written = {"rgb8": "bgr8", "mono8": "mono8"}.get(name, "")
    if not 1 <= quality <= 100:
        raise ImageConversionError(f"JPEG quality is {quality}, expected 1 to 100")
    if name == "rgb8":
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return _message(f"{name}; {codec} compressed {written}", header, _packed(image, codec, quality))


def encode_depth(depth_m: NDArray[Any], header: Any, max_m: float = 100.0,
                 quantization: float = 100.0) -> CompressedImage:
    """Compress depth as `compressedDepth` does: inverse depth in a 16-bit PNG.

    Args:
        depth_m: (H, W) metres. What is not finite or positive, from `max_m` on, or nearer than the
            code reaches (q (q + 1) / 65535 m at least) becomes unknown.
        header: std_msgs/Header, taken as it is.
        max_m: depth from which on it is unknown; the transport's `depth_max`.
        quantization: q, the transport's `depth_quantization`; one step at depth z is
            z^2 / (q (q + 1)) m.

    Raises:
        ImageConversionError: for another shape, or limits that are not positive.
    """
    depth = np.asarray(depth_m, np.float32)
    if depth.ndim != 2 or 0 in depth.shape:
        raise ImageConversionError(f"depth of shape {depth.shape} cannot be compressed; "
                                   "give (H, W)")
    if not (max_m > 0 and quantization > 0):
        raise ImageConversionError(f"max_m is {max_m} and quantization {quantization}, expected "
                                   "both above 0")
    a = np.float32(quantization * (quantization + 1.0))
    b = np.float32(1.0 - a / np.float32(max_m))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        code = np.rint(a / depth + b)
        known = (depth > 0) & (depth < max_m) & (code <= 65535)
    packed = _packed(np.where(known, code, 0).astype(np.uint16), "png")
    return _message("32FC1; compressedDepth png", header, _DEPTH_HEADER.pack(0, a, b), packed)


def _packed(image: NDArray[Any], codec: str, quality: int = 90) -> NDArray[np.uint8]:
    # PNG level 1 takes a third of the default's time for files a few percent larger.
    extension, options = ".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if codec == "jpeg":
        extension, options = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, packed = cv2.imencode(extension, image, options)
    if not done:
        raise ImageConversionError(f"{image.shape} {image.dtype} could not be compressed as "
                                   f"{codec}; is OpenCV built with that codec?")
    return packed.astype(np.uint8, copy=False)


def _message(text: str, header: Any, *parts: Any) -> CompressedImage:
    msg = CompressedImage()
    msg.header = header
    msg.format = text
    for part in parts:
        msg.data.frombytes(part)
    return msg


def _format(msg: CompressedImage) -> tuple[str, str]:
    """The encoding before compression ('' where it is not said), and what was done to it."""
    name, found, written = str(msg.format).partition(";")
    return (name.strip(), written.strip()) if found else ("", name.strip())


def _light(name: str, written: str, msg: CompressedImage) -> tuple[bytes, Picture]:
    if "compressedDepth" in written or (name in ENCODINGS and ENCODINGS[name].is_depth):
        raise ImageConversionError(f"format {msg.format[:60]!r} holds depth, not light; subscribe "
                                   "to the colour topic, or convert it by to_depth_m")
    data = bytes(msg.data)
    return data, inspect(data)


def _is_mosaic(name: str, written: str, picture: Picture) -> bool:
    """True for a Bayer mosaic that was compressed as it is (newer publishers send grey or BGR)."""
    said = written.rpartition("compressed")[2].strip()
    return name.startswith("bayer_") and said in ("", name) and picture.channels == 1


def _is_swapped(name: str, written: str) -> bool:
    """True where RGB was compressed as if it were BGR, as image_transport once did."""
    return "compressed rgb" in written and name.startswith(("rgb", "bgr"))


def _reduction(picture: Picture, min_width: int) -> int:
    """The greatest of 8, 4, 2 and 1 that leaves at least that width, and a row."""
    return next((r for r in (8, 4, 2)
                 if 0 < min_width <= picture.width // r and picture.height >= r), 1)


def _imdecode(data: bytes, picture: Picture, flags: int) -> NDArray[Any]:
    """Decode without turning by EXIF, which would part the picture from its camera_info."""
    if flags != cv2.IMREAD_UNCHANGED:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageConversionError(f"{picture.codec} of {picture.width}x{picture.height} px cannot "
                                   f"be decoded: {error}; it is corrupt") from error
    if pixels is None or not pixels.size:
        raise ImageConversionError(f"{picture.codec} of {picture.width}x{picture.height} px and "
                                   f"{len(data)} bytes cannot be decoded; it is corrupt")
    return pixels

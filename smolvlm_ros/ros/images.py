"""Image messages to arrays and back: the one place where pixels cross between ROS and algorithms.

Every `to_…` takes a sensor_msgs/Image or a sensor_msgs/CompressedImage. What needs no conversion is
not copied: rgb8 to RGB, mono8 and the luma of nv12 to grey, and 32FC1 to depth are views of the
message's own memory. They keep it alive, and are read only.

    image_rgb = to_rgb(msg)                  # (H, W, 3) uint8
    depth_m = to_depth_m(depth_msg)          # (H, W) float32 metres, NaN where unknown
    publisher.publish(from_rgb(image_rgb, msg.header))
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from smolvlm_ros.ros import compressed, encodings
from smolvlm_ros.ros.encodings import ENCODINGS, ImageConversionError

__all__ = ["ENCODINGS", "ImageConversionError", "NativeImage", "compress", "compress_depth_m",
           "from_bgr", "from_depth_m", "from_gray", "from_rgb", "to_depth_m", "to_gray",
           "to_native", "to_rgb"]

AnyImage: TypeAlias = Image | CompressedImage

_FROM_RGB = {"rgb8": None, "bgr8": cv2.COLOR_RGB2BGR, "mono8": cv2.COLOR_RGB2GRAY}
_FROM_BGR = {"bgr8": None, "rgb8": cv2.COLOR_BGR2RGB, "mono8": cv2.COLOR_BGR2GRAY}


@dataclass(frozen=True)
class NativeImage:
    """Pixels in the layout they came in.

    Attributes:
        pixels: (H, W), (H, W, C), or (H * 3 / 2, W) for nv12 and nv21; in this machine's byte
            order.
        encoding: what the values mean, one of `ENCODINGS`.
    """

    pixels: NDArray[Any]
    encoding: str


def to_rgb(msg: AnyImage, min_width: int = 0) -> NDArray[np.uint8]:
    """RGB picture, shape (H, W, 3) uint8, C-contiguous.

    YUV is read as BT.601 of limited range, 8UC3 as BGR, both as cv_bridge does; alpha is dropped
    and 16-bit values are divided by 257.

    Args:
        msg: a picture of light in any of `ENCODINGS`, or JPEG or PNG.
        min_width: for a compressed picture, the least width wanted in pixels: it may then come at
            1/2, 1/4 or 1/8 of its size, which is several times faster. 0 for its own size.

    Returns:
        a read-only view for unpadded rgb8, else an array of its own.

    Raises:
        ImageConversionError: when the message is no picture of light, or its size, step and data do
            not fit each other, or it was cut short.
    """
    if _is_compressed(msg):
        return compressed.decode_rgb(msg, min_width)
    encoding, pixels = _view(msg)
    return encodings.to_rgb(pixels, encoding)


def to_gray(msg: AnyImage, min_width: int = 0) -> NDArray[np.uint8]:
    """Grey picture, shape (H, W) uint8, C-contiguous; arguments and errors as in `to_rgb`.

    Returns:
        a read-only view for unpadded mono8, 8UC1, nv12 and nv21, else an array of its own. Luma of
        YUV keeps its range, 16 to 235 mostly.
    """
    if _is_compressed(msg):
        return compressed.decode_gray(msg, min_width)
    encoding, pixels = _view(msg)
    return encodings.to_gray(pixels, encoding)


def to_depth_m(msg: AnyImage) -> NDArray[np.float32]:
    """Depth along the optical axis, shape (H, W) float32 metres (REP-118).

    32FC1 is passed on as it is, with NaN, +Inf and -Inf as REP-117 has them. 16UC1 (and mono16, as
    some drivers call it) is in millimetres: 0 is unknown by REP-118. 65535 is where the numbers
    end: invalid to some drivers, too far to others, and a distance to none, hence unknown too.

    Returns:
        a read-only view for 32FC1 in this machine's byte order, else an array of its own.

    Raises:
        ImageConversionError: when the message holds no depth, or as in `to_rgb`.
    """
    if _is_compressed(msg):
        pixels, name = compressed.decode_depth(msg)
    else:
        encoding, pixels = _view(msg)
        name = encoding.name
    if name == "32FC1":
        return pixels
    if name not in ("16UC1", "mono16"):
        raise ImageConversionError(f"encoding {name} holds no depth, expected 32FC1 in metres or "
                                   "16UC1 in millimetres; subscribe to the depth topic")
    metres = np.multiply(pixels, np.float32(0.001), dtype=np.float32)
    np.copyto(metres, np.nan, where=(pixels == 0) | (pixels == 65535))
    return metres


def to_native(msg: AnyImage) -> NativeImage:
    """The pixels as they were sent, and their encoding; a read-only view where it can be.

    Raises:
        ImageConversionError: as in `to_rgb`.
    """
    if _is_compressed(msg):
        return NativeImage(*compressed.decode_native(msg))
    encoding, pixels = _view(msg)
    return NativeImage(pixels, encoding.name)


def from_rgb(image_rgb: NDArray[np.uint8], header: Any, encoding: str = "rgb8") -> Image:
    """Message of an RGB picture.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        header: std_msgs/Header, taken as it is.
        encoding: 'rgb8', 'bgr8' or 'mono8'.

    Raises:
        ImageConversionError: for another shape, type or encoding.
    """
    return _from_colour(image_rgb, header, encoding, _FROM_RGB)


def from_bgr(image_bgr: NDArray[np.uint8], header: Any, encoding: str = "bgr8") -> Image:
    """Message of a BGR picture, as OpenCV reads and draws them; see `from_rgb`."""
    return _from_colour(image_bgr, header, encoding, _FROM_BGR)


def from_gray(image_gray: NDArray[np.uint8], header: Any) -> Image:
    """Message of a grey picture, shape (H, W) uint8, as mono8.

    Raises:
        ImageConversionError: for another shape or type.
    """
    return _message(_checked(image_gray, 2, "grey"), header, "mono8")


def from_depth_m(depth_m: NDArray[Any], header: Any) -> Image:
    """Message of depth in metres along the optical axis, shape (H, W), as 32FC1 (REP-118).

    Raises:
        ImageConversionError: for another shape, or values that are no floating-point numbers.
    """
    depth = np.asarray(depth_m)
    if depth.dtype.kind != "f":
        raise ImageConversionError(f"depth has type {depth.dtype}, expected float32 metres; divide "
                                   "millimetres by 1000")
    return _message(_checked(depth.astype(np.float32, copy=False), 2, "depth", "float32"), header,
                    "32FC1")


def compress(image: NDArray[Any], header: Any, codec: str = "jpeg",
             quality: int = 90) -> CompressedImage:
    """CompressedImage of an RGB or grey uint8 picture, or of uint16 millimetres (png only).

    `format` is written as image_transport writes it; see `smolvlm_ros.ros.compressed.encode`.
    """
    return compressed.encode(image, header, codec, quality)


def compress_depth_m(depth_m: NDArray[Any], header: Any, max_m: float = 100.0) -> CompressedImage:
    """CompressedImage of depth in metres, as the transport `compressedDepth` writes it.

    The step of the code grows with the square of depth: 0.1 mm at 1 m, 10 mm at 10 m.
    """
    return compressed.encode_depth(depth_m, header, max_m)


def _is_compressed(msg: Any) -> bool:
    # By its field, not its class: recordings read without ROS have classes of their own.
    return hasattr(msg, "format")


def _view(msg: Any) -> tuple[encodings.Encoding, NDArray[Any]]:
    encoding = encodings.find(msg.encoding)
    return encoding, encodings.view(encoding, msg.width, msg.height, msg.step, msg.data,
                                    bool(msg.is_bigendian))


def _from_colour(image: NDArray[np.uint8], header: Any, encoding: str,
                 codes: dict[str, int | None]) -> Image:
    if encoding not in codes:
        raise ImageConversionError(f"encoding {encoding!r} cannot be made here; use one of "
                                   f"{', '.join(codes)}")
    pixels = _checked(image, 3, "colour")
    code = codes[encoding]
    return _message(pixels if code is None else encodings.convert(pixels, code), header, encoding)


def _checked(image: NDArray[Any], dimensions: int, what: str, dtype: str = "uint8") -> NDArray[Any]:
    pixels = np.asarray(image)
    channels = pixels.shape[2:] or (3,)
    if pixels.dtype != dtype or pixels.ndim != dimensions or channels != (3,):
        wanted = "(H, W, 3)" if dimensions == 3 else "(H, W)"
        raise ImageConversionError(f"{what} image is {pixels.shape} {pixels.dtype}, expected "
                                   f"{wanted} {dtype}")
    encodings.check_size(f"{what} image", pixels.shape[1], pixels.shape[0])
    return pixels


def _message(pixels: NDArray[Any], header: Any, encoding: str) -> Image:
    pixels = np.ascontiguousarray(pixels)
    msg = Image()
    msg.header = header
    msg.height, msg.width = pixels.shape[:2]
    msg.encoding = encoding
    msg.is_bigendian = int(pixels.dtype.byteorder == ">")
    msg.step = pixels.strides[0]
    # The message's own array takes the bytes in one copy. Assigning an array copies it again where
    # rclpy does not check fields, and assigning bytes checks each of them where it does.
    msg.data.frombytes(pixels.view(np.uint8))
    return msg

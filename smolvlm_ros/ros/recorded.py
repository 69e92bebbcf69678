"""What a source gives, as messages: recorded fields as they were, depth in its own unit."""
from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.ros import bitstream, images
from smolvlm_ros.ros.camera_info import from_camera_model, scaled_camera_info
from smolvlm_ros.sources import RawCameraInfo, RawImage, SourceFrame


def picture_of(frame: SourceFrame, header: Header) -> Image | CompressedImage:
    """The picture of a frame in the form it has."""
    if frame.compressed is not None:
        return compressed_of(frame.compressed, frame.encoding, header)
    if frame.raw is not None:
        return image_of(frame.raw, header)
    assert frame.image is not None  # a frame has exactly one of the three
    return images.from_bgr(frame.image, header)


def size_of(picture: Image | CompressedImage) -> tuple[int, int]:
    """Width and height of a picture in pixels.

    Raises:
        ValueError: when compressed data is no JPEG or PNG.
    """
    found = (bitstream.inspect(bytes(picture.data)) if isinstance(picture, CompressedImage)
             else picture)
    return int(found.width), int(found.height)


def image_of(raw: RawImage, header: Header) -> Image:
    """The recorded image, field by field, under another header."""
    message = Image(header=header, height=raw.height, width=raw.width, encoding=raw.encoding,
                    is_bigendian=int(raw.is_bigendian), step=raw.step)
    message.data = _bytes(raw.data)
    return message


def compressed_of(data: bytes, encoding: str, header: Header) -> CompressedImage:
    """The recorded compressed image, byte for byte, under another header."""
    message = CompressedImage(header=header, format=encoding)
    message.data = _bytes(data)
    return message


def info_of(raw: RawCameraInfo, header: Header) -> CameraInfo:
    """The recorded calibration, field by field, under another header."""
    x, y, height, width, rectify = raw.roi
    return CameraInfo(
        header=header, width=raw.width, height=raw.height, distortion_model=raw.distortion_model,
        d=list(raw.d), k=np.array(raw.k, np.float64), r=np.array(raw.r, np.float64),
        p=np.array(raw.p, np.float64), binning_x=raw.binning_x, binning_y=raw.binning_y,
        roi=RegionOfInterest(x_offset=x, y_offset=y, height=height, width=width,
                             do_rectify=rectify))


def fitted_info(raw: RawCameraInfo, header: Header, width: int, height: int) -> CameraInfo:
    """The calibration for an image of that size, scaled where it was made at another one."""
    info = info_of(raw, header)
    return info if (raw.width, raw.height) == (width, height) else scaled_camera_info(
        info, width, height)


def model_info(camera: CameraModel | None, header: Header, width: int, height: int) -> CameraInfo:
    """The calibration of a camera for an image of that size; K of zeros where there is none.

    Zeros are how sensor_msgs/CameraInfo says 'not calibrated'.
    """
    if camera is None:
        return CameraInfo(header=header, width=width, height=height)
    return from_camera_model(camera.scaled(width, height), header)


def depth_of(depth: NDArray[Any], header: Header) -> Image:
    """Depth of a source: uint16 millimetres become 16UC1, floating-point metres 32FC1 (REP-118).

    Args:
        depth: shape (H, W). In millimetres 0 and 65535 are invalid; both become 0.
        header: of the image.
    """
    if depth.dtype != np.uint16:
        return images.from_depth_m(depth, header)
    millimetres = np.where(depth == 65535, np.uint16(0), depth).astype("<u2")
    message = Image(header=header, height=depth.shape[0], width=depth.shape[1], encoding="16UC1",
                    is_bigendian=0, step=depth.shape[1] * 2)
    message.data = _bytes(millimetres)
    return message


def _bytes(data: bytes | NDArray[Any]) -> array[int]:
    # rclpy takes an array of bytes as it is, and checks anything else value by value.
    result = array("B")
    result.frombytes(data if isinstance(data, bytes)
                     else np.ascontiguousarray(data).view(np.uint8).data)
    return result

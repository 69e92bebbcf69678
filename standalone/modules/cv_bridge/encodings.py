"""What the names of sensor_msgs/image_encodings.hpp mean to OpenCV."""
from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

_DEPTH_NAMES = {"8U": "uint8", "8S": "int8", "16U": "uint16", "16S": "int16", "32S": "int32",
                "32F": "float32", "64F": "float64"}
_CV_DEPTHS = {"8U": cv2.CV_8U, "8S": cv2.CV_8S, "16U": cv2.CV_16U, "16S": cv2.CV_16S,
              "32S": cv2.CV_32S, "32F": cv2.CV_32F, "64F": cv2.CV_64F}


@dataclass(frozen=True)
class Encoding:
    """One encoding: OpenCV's depth name, the channels in memory, and the colour space if any."""

    name: str
    depth: str
    channels: int
    space: str | None

    @property
    def dtype(self) -> np.dtype:
        """The type of one channel's number, in this machine's byte order."""
        return np.dtype(_DEPTH_NAMES[self.depth])

    @property
    def cv_type(self) -> int:
        """OpenCV's type number, depth plus channels, as CV_MAKETYPE makes it."""
        return int(_CV_DEPTHS[self.depth] + ((self.channels - 1) << 3))


def _colour_encodings() -> dict[str, Encoding]:
    channels = {"mono": 1, "bgr": 3, "rgb": 3, "bgra": 4, "rgba": 4}
    spaces = {"mono": "GRAY", "bgr": "BGR", "rgb": "RGB", "bgra": "BGRA", "rgba": "RGBA"}
    table = {}
    for bits in ("8", "16"):
        for stem, count in channels.items():
            table[stem + bits] = Encoding(stem + bits, bits + "U", count, spaces[stem])
        for order in ("rggb", "bggr", "gbrg", "grbg"):
            name = f"bayer_{order}{bits}"
            table[name] = Encoding(name, bits + "U", 1, "BAYER_" + order.upper())
    table["yuv422"] = Encoding("yuv422", "8U", 2, "UYVY")
    table["yuv422_yuy2"] = Encoding("yuv422_yuy2", "8U", 2, "YUY2")
    return table


_COLOURS = _colour_encodings()
_GENERIC = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)(?:C([0-9]+))?")
# OpenCV names a mosaic by the second row's second and third pixel, ROS by the first two rows.
_BAYER = {"BAYER_RGGB": "BayerBG", "BAYER_BGGR": "BayerRG", "BAYER_GBRG": "BayerGR",
          "BAYER_GRBG": "BayerGB"}


def encoding_of(name: str) -> Encoding:
    """Returns what an encoding's name means.

    Raises:
        RuntimeError: the name is none that cv_bridge knows.
    """
    if name in _COLOURS:
        return _COLOURS[name]
    generic = _GENERIC.fullmatch(name)
    if generic is None:
        raise RuntimeError(f"Unrecognized image encoding [{name}]")
    return Encoding(name, generic[1], int(generic[2] or 1), None)


def getCvType(encoding: str) -> int:
    """Returns OpenCV's type number of an encoding; RuntimeError for one that is not known."""
    return encoding_of(encoding).cv_type


def convert(image: npt.NDArray, source_name: str, target_name: str) -> npt.NDArray:
    """Returns an image of one encoding in another.

    Args:
        image: HxW or HxWxC, of the source's type.
        source_name: its encoding.
        target_name: the encoding wanted.

    Raises:
        RuntimeError: an encoding is not known, or there is no conversion between the two.
    """
    if source_name == target_name:
        return image.copy()
    source, target = encoding_of(source_name), encoding_of(target_name)
    if source.space is None or target.space is None:
        _check_same_layout(source, target)
        return _to_depth(image, source, target)
    if source.space == target.space:
        return _to_depth(image, source, target)
    code = _conversion_code(source, target)
    return _to_depth(cv2.cvtColor(image, code), source, target)


def _check_same_layout(source: Encoding, target: Encoding) -> None:
    if source.space is None and target.space is not None:
        raise RuntimeError(f"[{source.name}] is not a color format. but [{target.name}] is. The "
                           "conversion does not make sense")
    if source.channels == target.channels:
        return
    if source.space is None:
        raise RuntimeError(f"[{source.name}] and [{target.name}] do not have the same number of "
                           "channel")
    raise RuntimeError(f"[{source.name}] is a color format but [{target.name}] is not so they "
                       "must have the same OpenCV type, CV_8UC3, CV16UC1 ....")


def _conversion_code(source: Encoding, target: Encoding) -> int:
    space = str(source.space)
    if space in ("UYVY", "YUY2"):
        name = f"COLOR_YUV2{target.space}_{space}"
    else:
        name = f"COLOR_{_BAYER.get(space, space)}2{target.space}"
    supported = target.space in ("GRAY", "RGB", "BGR", "RGBA", "BGRA") and not (
        space in _BAYER and target.space in ("RGBA", "BGRA"))
    if not supported:
        raise RuntimeError(f"Unsupported conversion from [{source.name}] to [{target.name}]")
    return int(getattr(cv2, name))


def _to_depth(image: npt.NDArray, source: Encoding, target: Encoding) -> npt.NDArray:
    """Changes the number type, rounding and saturating as OpenCV does; 8U and 16U are scaled."""
    if source.depth == target.depth:
        return image.copy()
    scale = {("8U", "16U"): 65535.0 / 255.0, ("16U", "8U"): 255.0 / 65535.0}.get(
        (source.depth, target.depth), 1.0)
    # As one channel: multiplying by a scalar would only scale the first channel.
    flat = np.ascontiguousarray(image).reshape(image.shape[0], -1)
    converted = cv2.multiply(flat, scale, dtype=_CV_DEPTHS[target.depth])  # type: ignore[call-overload]
    return converted.reshape(image.shape)

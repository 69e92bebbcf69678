"""Images between ROS messages and OpenCV's arrays."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from .encodings import convert, encoding_of, getCvType


class CvBridgeError(TypeError):
    """An image that cannot be converted as asked."""


class CvBridge:
    """Converts sensor_msgs Image and CompressedImage to arrays and back."""

    _CODE_OF_DTYPE = {"uint8": "8U", "int8": "8S", "uint16": "16U", "int16": "16S",
                      "int32": "32S", "float32": "32F", "float64": "64F"}

    def dtype_with_channels_to_cvtype2(self, dtype: np.dtype, n_channels: int) -> str:
        """Returns the generic encoding of an array's type, for example '8UC3'."""
        return f"{self._CODE_OF_DTYPE[dtype.name]}C{n_channels}"

    def encoding_to_cvtype2(self, encoding: str) -> int:
        """Returns OpenCV's type number of an encoding; CvBridgeError for an unknown one."""
        try:
            return getCvType(encoding)
        except RuntimeError as error:
            raise CvBridgeError(error) from error

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """Returns numpy's type name and the channels of an encoding."""
        try:
            found = encoding_of(encoding)
        except RuntimeError as error:
            raise CvBridgeError(error) from error
        return found.dtype.name, found.channels

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> npt.NDArray:
        """Returns the pixels of a message, HxW or HxWxC, in this machine's byte order.

        Args:
            img_msg: the message; its rows may be padded.
            desired_encoding: 'passthrough' for the message's own encoding, or another one.

        Raises:
            CvBridgeError: an unknown encoding, or no conversion between the two.
            TypeError: the message holds less data than height and step promise.
        """
        name, channels = self.encoding_to_dtype_with_channels(img_msg.encoding)
        dtype = np.dtype(name).newbyteorder(">" if img_msg.is_bigendian else "<")
        pixels_in_row = int(img_msg.step / dtype.itemsize / channels)
        shape = (img_msg.height, pixels_in_row) + ((channels,) if channels > 1 else ())
        padded: npt.NDArray = np.ndarray(shape=shape, dtype=dtype, buffer=img_msg.data)
        image = np.ascontiguousarray(padded[:, :img_msg.width]).astype(name, copy=False)
        if desired_encoding == "passthrough":
            return image
        return self._converted(image, img_msg.encoding, desired_encoding)

    def compressed_imgmsg_to_cv2(self, cmprs_img_msg: CompressedImage,
                                 desired_encoding: str = "passthrough") -> npt.NDArray | None:
        """Returns the decoded pixels, BGR or grey as stored.

        What cannot be decoded is None with 'passthrough', as in the released module.

        Raises:
            CvBridgeError: `desired_encoding` cannot be made from bgr8, or there is no image.
        """
        encoded = np.frombuffer(cmprs_img_msg.data, dtype=np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
        if desired_encoding == "passthrough":
            return image
        if image is None:
            raise CvBridgeError("the compressed data cannot be decoded")
        return self._converted(image, "bgr8", desired_encoding)

    def cv2_to_imgmsg(self, cvim: npt.NDArray, encoding: str = "passthrough",
                      header: Header | None = None) -> Image:
        """Returns an array as a message.

        Args:
            cvim: HxW or HxWxC.
            encoding: 'passthrough' for the array's generic encoding, or a name of the same type.
            header: the message's header.

        Raises:
            CvBridgeError: the array's type is not the encoding's.
            TypeError: not an array.
        """
        self._check_array(cvim)
        message = Image()
        message.height, message.width = cvim.shape[:2]
        if header is not None:
            message.header = header
        own = self.dtype_with_channels_to_cvtype2(
            cvim.dtype, 1 if cvim.ndim < 3 else cvim.shape[2])
        if encoding == "passthrough":
            encoding = own
        elif self.encoding_to_cvtype2(encoding) != getCvType(own):
            raise CvBridgeError(f"encoding specified as {encoding}, but image has incompatible "
                                f"type {own}")
        message.encoding = encoding
        message.is_bigendian = int(cvim.dtype.byteorder == ">")
        message.data.frombytes(cvim.tobytes())
        message.step = len(message.data) // message.height
        return message

    def cv2_to_compressed_imgmsg(self, cvim: npt.NDArray,
                                 dst_format: str = "jpg") -> CompressedImage:
        """Returns an array encoded as `dst_format` ('jpg', 'png', …); TypeError if not an array.

        Raises:
            cv2.error: OpenCV cannot encode this type so.
        """
        self._check_array(cvim)
        message = CompressedImage()
        message.format = dst_format
        message.data.frombytes(cv2.imencode("." + dst_format, cvim)[1].tobytes())
        return message

    @staticmethod
    def _check_array(cvim: Any) -> None:
        if not isinstance(cvim, np.ndarray):
            raise TypeError("Your input type is not a numpy array")

    @staticmethod
    def _converted(image: npt.NDArray, source: str, target: str) -> npt.NDArray:
        try:
            return convert(image, source, target)
        except RuntimeError as error:
            raise CvBridgeError(error) from error

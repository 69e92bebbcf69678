"""The demo's film: every camera frame at the left, the last one that passed at the right."""
from __future__ import annotations

from collections import OrderedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.drawing import Mp4Writer, VideoError
from smolvlm_ros.drawing.text import GREY, INK, NO, YES, put_text, text_height

_WAITING = 30  # frames and decisions kept while the other has not come


class Film:
    """Writes the film frame by frame, as the gate decides.

    Args:
        writer: takes the frames.
        height: of both pictures, in pixels.
    """

    def __init__(self, writer: Mp4Writer, height: int = 360) -> None:
        self._writer = writer
        self._height = height
        self._frames: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._decisions: OrderedDict[int, tuple[bool, str]] = OrderedDict()
        self._right: NDArray[np.uint8] | None = None
        self._size: tuple[int, int] | None = None
        self.error = ""

    def camera(self, image_rgb: NDArray[np.uint8], stamp: int) -> None:
        """A camera frame; written once the gate's decision on it is here too."""
        if self._size is None:
            width = round(image_rgb.shape[1] * self._height / image_rgb.shape[0]) // 2 * 2
            self._size = (width, self._height)
        self._frames[stamp] = self._fit(image_rgb)
        self._join(stamp)

    def passed(self, annotated_rgb: NDArray[np.uint8]) -> None:
        """The newest frame that went through the whole funnel."""
        if self._size is not None:
            self._right = self._fit(annotated_rgb)

    def gate(self, stamp: int, passed: bool, reason: str) -> None:
        """The gate's decision on a camera frame; it may come before the frame."""
        self._decisions[stamp] = (passed, reason)
        self._join(stamp)

    def _join(self, stamp: int) -> None:
        """Write a frame whose picture and decision are both here."""
        if stamp in self._frames and stamp in self._decisions:
            self._write(self._frames.pop(stamp), *self._decisions.pop(stamp))
        for waiting in (self._frames, self._decisions):
            while len(waiting) > _WAITING:
                waiting.popitem(last=False)

    def _write(self, left: NDArray[np.uint8], passed: bool, reason: str) -> None:
        if self.error:
            return
        right = self._right if self._right is not None else np.full_like(left, 28)
        picture = np.hstack([
            _titled(left, f"camera: {reason}", YES if passed else GREY),
            _titled(right, "last frame that passed", NO if self._right is None else YES)])
        try:
            self._writer.write(picture)
        except VideoError as error:  # a film that cannot be written must not end the demo
            self.error = str(error)

    def close(self) -> None:
        """Finish the file."""
        try:
            self._writer.close()
        except VideoError as error:
            self.error = str(error)

    def _fit(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert self._size is not None
        if (image_rgb.shape[1], image_rgb.shape[0]) == self._size:
            return image_rgb
        resized: NDArray[np.uint8] = cv2.resize(image_rgb, self._size, interpolation=cv2.INTER_AREA)
        return resized


def _titled(image: NDArray[np.uint8], title: str, colour: tuple[int, int, int]
            ) -> NDArray[np.uint8]:
    size = text_height(image.shape[0])
    strip = np.empty((size * 2, image.shape[1], 3), np.uint8)
    strip[:] = INK
    put_text(strip, title, size, size / 2, size, colour)
    return np.vstack([strip, image])

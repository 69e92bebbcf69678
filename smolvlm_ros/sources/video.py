"""Video files and camera devices, read by OpenCV."""
from __future__ import annotations

import re
import time
from pathlib import Path

import cv2
import numpy as np

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources.base import FrameSource, SourceError, SourceFrame
from smolvlm_ros.sources.calibration import fitted

_DEVICE = re.compile(r"(?:/dev/video)?(\d+)")
# Containers round their duration, and decoders may keep back the last pictures.
_MISSING_FRAMES, _MISSING_S = 2, 0.25


class VideoFileSource(FrameSource):
    """A video file; stamps are its own presentation times, from 0.

    Args:
        path: any file that OpenCV's FFmpeg reads.
        loop: start again after the last frame.
        rate_hz: frames per second of the stamps instead of the file's own times.
        camera: the camera that took it, where it is known.

    Raises:
        SourceError: when the file is missing, no video, or has no frames.
    """

    def __init__(self, path: Path, *, loop: bool = False, rate_hz: float | None = None,
                 camera: CameraModel | None = None) -> None:
        if not path.is_file():
            raise SourceError(f"video {path} does not exist; check the path")
        self._path = path
        self._capture = _open_file(path)
        own_fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._own_fps = own_fps if 0.1 <= own_fps <= 1000.0 else 25.0
        self._expected = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._rate_hz = rate_hz
        self._index = 0
        self._first_s = self._media_s = 0.0
        super().__init__(str(path), fps=rate_hz or self._own_fps,
                         frame_count=self._expected or None, camera=camera, loop=loop)

    def _read(self) -> SourceFrame | None:
        ok, image = self._capture.read()
        if not ok or image is None:
            self._check_complete()
            return None
        media_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        if self._index == 0:
            self._first_s = media_s
        elif media_s <= self._media_s:  # some containers have no times
            media_s = self._media_s + 1.0 / self._own_fps
        self._media_s = media_s
        stamp_s = self._index / self._rate_hz if self._rate_hz else media_s - self._first_s
        self._index += 1
        return SourceFrame(stamp_s, image=np.asarray(image, np.uint8),
                           camera=fitted(self.camera, image.shape, self.name))

    def _check_complete(self) -> None:
        if self._index == 0:
            raise SourceError(f"video {self._path} has no frame that can be decoded; convert it, "
                              "for example with ffmpeg to H.264 in mp4")
        missing = self._expected - self._index
        end_s = self._media_s - self._first_s + 1.0 / self._own_fps
        if missing > _MISSING_FRAMES and self._expected / self._own_fps - end_s > _MISSING_S:
            raise SourceError(
                f"video {self._path} ends after {self._index} of {self._expected} frames "
                f"({end_s:.1f} s); the file is cut short or damaged there, copy it again")

    def _restart(self) -> None:
        self._capture.release()
        self._capture = _open_file(self._path)
        self._index = 0

    def _close(self) -> None:
        self._capture.release()


class CameraDeviceSource(FrameSource):
    """A camera of the operating system (V4L2 on Linux); stamps are seconds since it was opened.

    Args:
        device: '0' or '/dev/video0'.
        rate_hz: asked of the driver, which may give another rate.
        size: (width, height) asked of the driver, which may give another size.
        camera: its calibration.

    Raises:
        SourceError: when there is no such camera or it is in use.
    """

    live = True

    def __init__(self, device: str, *, rate_hz: float | None = None,
                 size: tuple[int, int] | None = None, camera: CameraModel | None = None) -> None:
        match = _DEVICE.fullmatch(device)
        if match is None:
            raise SourceError(f"camera {device!r} is not a number or /dev/videoN; give one of "
                              "these")
        self._device = f"/dev/video{match[1]}"
        self._number = int(match[1])
        self._rate_hz = rate_hz
        self._size = size
        self._capture = self._open()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        super().__init__(self._device, fps=fps if fps > 0 else rate_hz, frame_count=None,
                         camera=camera)

    def _open(self) -> cv2.VideoCapture:
        if not Path(self._device).exists():
            raise SourceError(f"camera {self._device} does not exist; plug it in, or list the "
                              "devices with: v4l2-ctl --list-devices")
        capture = cv2.VideoCapture(self._number, cv2.CAP_V4L2)
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"camera {self._device} cannot be opened; is another program using "
                              "it, and is this user in the group 'video'?")
        if self._size is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if self._rate_hz:
            capture.set(cv2.CAP_PROP_FPS, self._rate_hz)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not a queue of old ones
        self._opened_s = time.monotonic()
        return capture

    def _read(self) -> SourceFrame | None:
        ok, image = self._capture.read()
        stamp_s = time.monotonic() - self._opened_s
        if not ok or image is None:
            raise SourceError(f"camera {self._device} gives no more frames; check its cable and "
                              "restart")
        return SourceFrame(stamp_s, image=np.asarray(image, np.uint8),
                           camera=fitted(self.camera, image.shape, self.name))

    def _restart(self) -> None:
        self._capture.release()
        self._capture = self._open()

    def _close(self) -> None:
        self._capture.release()


def is_device(spec: str) -> bool:
    """True for '0' and '/dev/video0'."""
    return _DEVICE.fullmatch(spec) is not None


def _open_file(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        capture.release()
        raise SourceError(f"{path} is not a video that OpenCV can read, or it is cut short; give a "
                          "video file (mp4, avi, mkv), a folder or a bag")
    return capture

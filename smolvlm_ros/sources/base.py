"""A source of frames: what it gives, how it ends, loops and fails."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel


class SourceError(ValueError):
    """A source cannot be opened or read; the text names it, what is wrong and the fix."""


@dataclass(frozen=True)
class RawImage:
    """The fields of a recorded sensor_msgs/Image, to be published again as they were.

    Attributes:
        height: rows.
        width: columns.
        encoding: as in sensor_msgs/image_encodings ('rgb8', '16UC1', …).
        is_bigendian: byte order of channels wider than one byte.
        step: bytes from one row to the next, padding included.
        data: shape (N,) uint8, at least height * step bytes.
    """

    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.height <= 0 or self.width <= 0:
            raise ValueError(f"recorded image is {self.width}x{self.height}, expected a positive "
                             "size")
        if len(self.data) < self.height * self.step:
            raise ValueError(f"recorded image holds {len(self.data)} bytes, expected height * step "
                             f"= {self.height} * {self.step}; the recording is damaged")


@dataclass(frozen=True)
class RawCameraInfo:
    """The fields of a recorded sensor_msgs/CameraInfo, to be published again as they were.

    Attributes:
        width, height: the calibrated image size in pixels.
        distortion_model: as recorded, may be empty.
        d: distortion coefficients.
        k: camera matrix, 9 values row by row.
        r: rectification matrix, 9 values row by row.
        p: projection matrix, 12 values row by row.
        binning_x, binning_y: 0 means the same as 1.
        roi: x_offset, y_offset, height, width, do_rectify.
    """

    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]
    binning_x: int = 0
    binning_y: int = 0
    roi: tuple[int, int, int, int, bool] = (0, 0, 0, 0, False)


@dataclass(frozen=True)
class SourceFrame:
    """One frame. Exactly one of `image`, `raw` and `compressed` is given.

    Attributes:
        stamp_s: media time in seconds, 0 at the first frame, never falling, also over a loop. For a
            live source the time since it was opened.
        image: shape (H, W, 3) uint8, BGR, as OpenCV decodes it.
        raw: a recorded Image message in its own encoding.
        compressed: a recorded CompressedImage's bytes.
        encoding: 'bgr8' for `image`, the Image encoding for `raw`, the CompressedImage format
            ('jpeg', 'rgb8; jpeg compressed bgr8', …) for `compressed`.
        depth: shape (H, W), uint16 millimetres with 0 unknown, or float32 metres with NaN unknown,
            along optical Z; None where the source has no depth.
        pose_world_from_camera: shape (4, 4) float64, metres, optical frame of the camera to world.
        pose_base_from_camera: the same to base_link (REP-105) of what carries the camera, which
            does not change while it moves; None where nothing does, or nobody knows.
        camera: the camera model for this frame's size; None where it is not known.
        camera_info: the recorded CameraInfo, where there is one.
        frame_id: the recorded frame, empty where the medium has none.
        header_stamp_ns: the recorded header stamp; None for media without headers.
    """

    stamp_s: float
    image: NDArray[np.uint8] | None = None
    raw: RawImage | None = None
    compressed: bytes | None = None
    encoding: str = "bgr8"
    depth: NDArray[Any] | None = None
    pose_world_from_camera: NDArray[np.float64] | None = None
    pose_base_from_camera: NDArray[np.float64] | None = None
    camera: CameraModel | None = None
    camera_info: RawCameraInfo | None = None
    frame_id: str = ""
    header_stamp_ns: int | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("image", "raw", "compressed") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a frame holds {given or 'no image'}, "
                             "expected exactly one of image, raw, compressed")
        if self.image is not None and (
                self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3):
            raise ValueError(f"image is {self.image.dtype} {self.image.shape}, expected "
                             "uint8 (H, W, 3)")


class FrameSource(ABC):
    """Frames one after the other, from the first to the last, once or in a loop.

    `read` gives the next frame, or None when there are no more. After a `SourceError` from `read` a
    folder goes on behind the broken frame; every other source has ended (with `loop` it starts
    again at its first frame). A source belongs to one thread at a time.

    Attributes:
        name: what was opened, for messages.
        fps: nominal frames per second; None where it is not known before reading.
        frame_count: frames in one pass; None where it is not known.
        camera: the camera model; None where it is not known (before reading).
        live: True for a device, whose `read` waits for the next frame.
    """

    live = False

    def __init__(self, name: str, *, fps: float | None, frame_count: int | None,
                 camera: CameraModel | None = None, loop: bool = False) -> None:
        self.name = name
        self.fps = fps
        self.frame_count = frame_count
        self.camera = camera
        self.loop = loop
        self._ended = False
        self._closed = False
        self._offset_s = 0.0
        self._last_s: float | None = None
        self._step_s = 1.0 / fps if fps else 0.1

    def read(self) -> SourceFrame | None:
        """The next frame, or None after the last one.

        Raises:
            SourceError: when the medium is broken at this place or the source is closed.
        """
        if self._closed:
            raise SourceError(f"{self.name} is closed; open it again")
        if self._ended:
            if not self.loop:
                return None
            self._rewind()
        frame = self._next()
        if frame is None and self.loop:
            self._rewind()
            frame = self._next()
        return None if frame is None else self._timed(frame)

    def restart(self) -> None:
        """Go back to the first frame; its stamp is 0 again.

        Raises:
            SourceError: when the medium cannot be opened again.
        """
        if self._closed:
            raise SourceError(f"{self.name} is closed; open it again")
        self._restart()
        self._ended = False
        self._offset_s = 0.0
        self._last_s = None

    def close(self) -> None:
        """Release the medium; may be called more than once."""
        if not self._closed:
            self._closed = True
            self._close()

    def _next(self) -> SourceFrame | None:
        """`_read`, remembering that the source has ended. A folder's errors do not end it."""
        try:
            frame = self._read()
        except SourceError:
            self._ended = not self._continues_after_error
            raise
        self._ended = frame is None
        return frame

    def _rewind(self) -> None:
        """Start the next pass; its stamps follow those of the pass before."""
        self._restart()
        self._ended = False
        if self._last_s is not None:
            self._offset_s = self._last_s + self._step_s

    def _timed(self, frame: SourceFrame) -> SourceFrame:
        stamp_s = self._offset_s + frame.stamp_s
        if self._last_s is not None:
            # A file whose time stamps fall or stand still would make one frame hide another.
            stamp_s = max(stamp_s, self._last_s)
        self._last_s = stamp_s
        return frame if stamp_s == frame.stamp_s else replace(frame, stamp_s=stamp_s)

    _continues_after_error = False

    @abstractmethod
    def _read(self) -> SourceFrame | None:
        """The next frame with its stamp within this pass, None at the end."""

    @abstractmethod
    def _restart(self) -> None:
        """Go to the first frame."""

    def _close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Release what is open."""

    def __iter__(self) -> Iterator[SourceFrame]:
        """Frames up to the end; without end for a loop."""
        while True:
            frame = self.read()
            if frame is None:
                return
            yield frame

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

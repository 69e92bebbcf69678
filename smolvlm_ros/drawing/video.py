"""Write an mp4 and know that it was written."""
from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from smolvlm_ros.drawing import text
from smolvlm_ros.drawing.text import Image


class VideoError(RuntimeError):
    """A video cannot be written; the text names it, what is wrong and the fix."""


class Mp4Writer:
    """Writes RGB frames into an mp4 file (MPEG-4 part 2, which every OpenCV build has).

    OpenCV says nothing when it cannot write; `close` therefore reads the file's frame count.

    Args:
        path: the file; its folder must exist. A file that is there is replaced.
        fps: frames per second, 0.1 to 240.

    Raises:
        VideoError: when the folder does not exist, or the name does not end in .mp4.
        ValueError: on another rate.
    """

    def __init__(self, path: Path | str, fps: float) -> None:
        self.path = Path(path)
        if not 0.1 <= fps <= 240:
            raise ValueError(f"video {path} has {fps} frames per second, expected 0.1 to 240")
        if self.path.suffix.lower() != ".mp4":
            raise VideoError(f"video {path} does not end in .mp4; give it that ending")
        if not self.path.parent.is_dir():
            raise VideoError(f"folder {self.path.parent} does not exist; make it first")
        self._fps = fps
        self._writer: cv2.VideoWriter | None = None
        self._shape: tuple[int, ...] = ()
        self._closed = False
        self.frame_count = 0

    def write(self, image_rgb: Image) -> None:
        """Add a frame; the first one sets the size.

        Raises:
            ValueError: when it is no RGB image or has another size than the first.
            VideoError: when the file cannot be opened or is closed.
        """
        if self._closed:
            raise VideoError(f"video {self.path} is closed; make a new one")
        text.checked_rgb(image_rgb, "frame")
        if self._writer is None:
            self._open(image_rgb.shape)
        if image_rgb.shape != self._shape:
            raise ValueError(f"frame has shape {image_rgb.shape}, the video's first had "
                             f"{self._shape}; give frames of one size")
        assert self._writer is not None
        height, width = image_rgb.shape[:2]
        # The codec halves the resolution of colour, so sides must be even.
        even = cv2.copyMakeBorder(image_rgb, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        self._writer.write(np.ascontiguousarray(even[..., ::-1]))
        self.frame_count += 1

    def close(self) -> None:
        """Finish the file and check it; may be called more than once.

        Raises:
            VideoError: when the file does not hold the frames written. Without frames no file is
                made.
        """
        if self._closed:
            return
        self._closed = True
        if self._writer is None:
            return
        self._writer.release()
        capture = cv2.VideoCapture(str(self.path))
        found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if found != self.frame_count:
            raise VideoError(f"video {self.path} holds {found} of {self.frame_count} frames; is "
                             "the disk full?")

    def _open(self, shape: tuple[int, ...]) -> None:
        height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        # This name is in every OpenCV 4, but not in its type stubs.
        codec = cv2.VideoWriter_fourcc(*"mp4v")  # type: ignore[attr-defined]
        writer = cv2.VideoWriter(str(self.path), codec, self._fps, (width, height))
        if not writer.isOpened():
            writer.release()
            raise VideoError(f"video {self.path} cannot be opened for writing at {width}x{height}; "
                             "is the folder writable, and has this OpenCV FFmpeg?")
        self._writer, self._shape = writer, shape

    def __enter__(self) -> Mp4Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

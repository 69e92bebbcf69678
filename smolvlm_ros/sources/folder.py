"""Folders of images, and of colour, depth and pose files."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources.base import FrameSource, SourceError, SourceFrame
from smolvlm_ros.sources.calibration import fitted

_IMAGES = (".png", ".jpg", ".jpeg")
_COLOUR = re.compile(r"frame-(\d+)\.color\.(?:png|jpe?g)")
_INTRINSICS = "camera-intrinsics.txt"
_RGBD_HZ = 30.0
_FOLDER_HZ = 10.0
_NO_DEPTH = 65535


class ImageFolderSource(FrameSource):
    """Images of a folder in natural order (2 before 10), evenly spaced in time.

    Args:
        path: folder with png or jpg files; sub-folders are not read.
        loop: start again after the last image.
        rate_hz: images per second of the stamps, 10 where not given.
        camera: the camera that took them, where it is known.

    Raises:
        SourceError: when the folder is missing or has no images.
    """

    _continues_after_error = True

    def __init__(self, path: Path, *, loop: bool = False, rate_hz: float | None = None,
                 camera: CameraModel | None = None) -> None:
        self._files = sorted((f for f in path.iterdir()
                              if f.suffix.lower() in _IMAGES and f.is_file()),
                             key=lambda f: natural_key(f.name))
        if not self._files:
            raise SourceError(f"folder {path} has no png or jpg images; give a folder of images, "
                              "an RGB-D folder (frame-N.color.jpg, frame-N.depth.png) or a bag")
        self._rate_hz = rate_hz or _FOLDER_HZ
        self._index = 0
        super().__init__(str(path), fps=self._rate_hz, frame_count=len(self._files), camera=camera,
                         loop=loop)

    def _read(self) -> SourceFrame | None:
        if self._index >= len(self._files):
            return None
        file, stamp_s = self._files[self._index], self._index / self._rate_hz
        self._index += 1
        image = read_colour(file)
        return SourceFrame(stamp_s, image=image,
                           camera=fitted(self.camera, image.shape, f"image {file}"))

    def _restart(self) -> None:
        self._index = 0


class RgbdFolderSource(FrameSource):
    """Colour, depth and poses in the layout of 7-Scenes and 3DMatch.

    `frame-N.color.jpg|png`, `frame-N.depth.png` (16 bit, millimetres along optical Z, 0 and 65535
    invalid), optional `frame-N.pose.txt` (4x4, camera to world, metres), `camera-intrinsics.txt`
    (3x3 K of the colour image). N counts at 30 Hz and makes the stamps, gaps included.

    Args:
        path: the folder.
        loop: start again after the last frame.
        rate_hz: gives evenly spaced stamps at this rate instead.
        camera: used in place of `camera-intrinsics.txt`.

    Raises:
        SourceError: when the folder has no such frames or its intrinsics are missing or wrong.
    """

    _continues_after_error = True

    def __init__(self, path: Path, *, loop: bool = False, rate_hz: float | None = None,
                 camera: CameraModel | None = None) -> None:
        numbered = sorted((int(match[1]), file) for file in path.iterdir()
                          if (match := _COLOUR.fullmatch(file.name)))
        if not numbered:
            raise SourceError(f"folder {path} has no frame-N.color.jpg or .png; see the layout of "
                              "an RGB-D folder in the documentation")
        self._frames = numbered
        self._rate_hz = rate_hz
        self._index = 0
        if camera is None:
            first = read_colour(numbered[0][1])
            camera = _read_intrinsics(path / _INTRINSICS, first.shape[1], first.shape[0])
        super().__init__(str(path), fps=rate_hz or _RGBD_HZ, frame_count=len(numbered),
                         camera=camera, loop=loop)

    def _read(self) -> SourceFrame | None:
        if self._index >= len(self._frames):
            return None
        number, file = self._frames[self._index]
        stamp_s = (self._index / self._rate_hz if self._rate_hz
                   else (number - self._frames[0][0]) / _RGBD_HZ)
        self._index += 1
        stem = file.name.split(".")[0]
        image = read_colour(file)
        pose_file = file.with_name(f"{stem}.pose.txt")
        return SourceFrame(
            stamp_s, image=image, depth=read_depth_mm(file.with_name(f"{stem}.depth.png")),
            pose_world_from_camera=read_pose(pose_file) if pose_file.exists() else None,
            camera=_same_size(self.camera, image, file))

    def _restart(self) -> None:
        self._index = 0


def is_rgbd_folder(path: Path) -> bool:
    """True for a folder that has frame-N.color images."""
    return any(_COLOUR.fullmatch(f.name) for f in path.iterdir())


def natural_key(name: str) -> tuple[tuple[int, Any], ...]:
    """Sorting key in which numbers count as numbers: img2 before img10."""
    return tuple((0, int(part)) if part.isdigit() else (1, part.lower())
                 for part in re.split(r"([0-9]+)", name) if part)


def read_colour(path: Path) -> NDArray[np.uint8]:
    """A colour image, shape (H, W, 3) uint8 BGR.

    Raises:
        SourceError: when it cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"image {path} cannot be decoded; it is damaged or no image, remove or "
                          "copy it again")
    return np.asarray(image, np.uint8)


def read_depth_mm(path: Path) -> NDArray[np.uint16]:
    """A depth image, shape (H, W) uint16 millimetres, 0 where unknown (65535 is unknown too).

    Raises:
        SourceError: when it is missing, cannot be decoded or is not 16 bit with one channel.
    """
    if not path.exists():
        raise SourceError(f"depth image {path} does not exist; each frame of an RGB-D folder needs "
                          "one")
    depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if depth is None:
        raise SourceError(f"depth image {path} cannot be decoded; it is damaged, copy it again")
    if depth.dtype != np.uint16 or depth.ndim != 2:
        raise SourceError(f"depth image {path} is {depth.dtype} with shape {depth.shape}, expected "
                          "16-bit millimetres with one channel")
    return np.where(depth == _NO_DEPTH, 0, depth).astype(np.uint16)


def read_pose(path: Path) -> NDArray[np.float64]:
    """A rigid transform, shape (4, 4) float64, metres.

    Raises:
        SourceError: when it is not a 4x4 rotation and translation.
    """
    matrix = _read_matrix(path, (4, 4), "remove the file to play the frame without its pose")
    rotation = matrix[:3, :3]
    if not (np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2) and np.linalg.det(rotation) > 0
            and np.allclose(matrix[3], (0, 0, 0, 1), atol=1e-6)):
        raise SourceError(f"pose {path} is not a rotation and translation; remove the file to play "
                          "the frame without its pose")
    return matrix


def _read_intrinsics(path: Path, width: int, height: int) -> CameraModel:
    if not path.exists():
        raise SourceError(f"{path} does not exist; an RGB-D folder needs the 3x3 camera matrix of "
                          "its colour images there")
    k = _read_matrix(path, (3, 3), "write the 3x3 camera matrix, three rows of three numbers")
    try:
        return CameraModel(width, height, float(k[0, 0]), float(k[1, 1]), float(k[0, 2]),
                           float(k[1, 2]))
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from error


def _read_matrix(path: Path, shape: tuple[int, int], fix: str) -> NDArray[np.float64]:
    try:
        matrix = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (ValueError, OSError) as error:
        raise SourceError(f"{path} is not a table of numbers ({error}); {fix}") from error
    if matrix.shape != shape or not np.isfinite(matrix).all():
        raise SourceError(f"{path} holds {matrix.shape[0]}x{matrix.shape[1]} numbers, expected "
                          f"{shape[0]}x{shape[1]} finite ones; {fix}")
    return matrix


def _same_size(camera: CameraModel | None, image: NDArray[np.uint8],
               file: Path) -> CameraModel | None:
    height, width = image.shape[:2]
    if camera is not None and (camera.width, camera.height) != (width, height):
        raise SourceError(f"image {file} is {width}x{height}, its calibration "
                          f"{camera.width}x{camera.height}; give images of one size")
    return camera

"""The camera model: pixels to rays and back, with the full distortion, at any resolution."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

_FISHEYE = "equidistant"
_MISS_PX = 1.0  # a ray that comes out farther from its pixel than this is none
_WIDEST = float(np.tan(np.radians(89.0)))  # of what lies at Z = 1
_GRID = 65  # points across and down, to find what a lens that bends has in view
_LENGTHS = {"none": (0,), "plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), _FISHEYE: (4,)}


@dataclass(frozen=True)
class CameraModel:
    """A pinhole camera with distortion, for one image size.

    The optical frame is REP-103's: x right, y down, z forward. Pixel (0, 0) is the centre of the
    upper left pixel, as in OpenCV and sensor_msgs/CameraInfo.

    Attributes:
        width: image width in pixels.
        height: image height in pixels.
        fx, fy: focal lengths in pixels.
        cx, cy: principal point in pixels.
        distortion: coefficients in OpenCV's order; empty for none.
        distortion_model: 'none', 'plumb_bob', 'rational_polynomial' or 'equidistant' (fisheye).

    Raises:
        ValueError: on a size or focal length that is not positive, a value that is not finite, an
            unknown model or a wrong number of coefficients.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    distortion_model: str = "none"

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"camera size is {self.width}x{self.height}, expected positive "
                             "numbers; is the camera calibrated?")
        numbers = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if not np.all(np.isfinite(numbers)):
            raise ValueError(f"camera model has values that are not finite: {numbers}")
        if self.fx <= 0 or self.fy <= 0:
            raise ValueError(f"focal length is ({self.fx}, {self.fy}) px, expected positive "
                             "numbers; calibrate the camera")
        if self.distortion_model not in _LENGTHS:
            raise ValueError(f"distortion model {self.distortion_model!r} is not known, "
                             f"expected one of {sorted(_LENGTHS)}")
        if self.distortion and len(self.distortion) not in _LENGTHS[self.distortion_model]:
            raise ValueError(f"{self.distortion_model} has {len(self.distortion)} coefficients, "
                             f"expected {_LENGTHS[self.distortion_model]}")

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_fov_deg: float) -> CameraModel:
        """An ideal camera of that horizontal field of view, principal point in the middle."""
        focal = 0.5 * width / np.tan(np.radians(horizontal_fov_deg) / 2)
        return cls(width, height, float(focal), float(focal), (width - 1) / 2, (height - 1) / 2)

    @property
    def camera_matrix(self) -> NDArray[np.float64]:
        """K, shape (3, 3)."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def distorted(self) -> bool:
        """True unless all coefficients are zero; a fisheye always is: its angles are not a
        pinhole's."""
        return self.distortion_model == _FISHEYE or any(self.distortion)

    def scaled(self, width: int, height: int) -> CameraModel:
        """The same camera with its image resized to width x height.

        Pixel centres stay on the same rays: cx' + 0.5 = (cx + 0.5) * width' / width.
        """
        sx, sy = width / self.width, height / self.height
        return CameraModel(width, height, self.fx * sx, self.fy * sy, (self.cx + 0.5) * sx - 0.5,
                           (self.cy + 0.5) * sy - 0.5, self.distortion, self.distortion_model)

    def rays(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Viewing rays of pixels, in the optical frame, with Z = 1.

        A point at depth z (along optical Z) seen at that pixel is `z * ray`.

        Args:
            pixels: shape (N, 2), (u, v) in pixels, may lie between pixels.

        Returns:
            shape (N, 3) float64; NaN where the lens model has none in front of the camera: at 90
            degrees or more of a fisheye, or where a polynomial was never fitted.
        """
        uv = np.asarray(pixels, np.float64).reshape(-1, 2)
        xy: NDArray[Any]
        if not self.distorted or not len(uv):
            xy = (uv - (self.cx, self.cy)) / (self.fx, self.fy)
        elif self.distortion_model == _FISHEYE:
            xy = cv2.fisheye.undistortPoints(uv[:, None], self.camera_matrix,
                                             self._fisheye())[:, 0]
        else:
            criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-8)
            same = np.eye(3)  # neither rotated nor projected again
            xy = cv2.undistortPointsIter(uv[:, None], self.camera_matrix, np.array(self.distortion),
                                         same, same, criteria)[:, 0]
        rays = np.column_stack([xy, np.ones(len(xy))])
        if self.distorted:  # OpenCV's answer is finite whether it has found the ray or not
            miss = np.linalg.norm(self.project(rays) - uv, axis=1)
            rays[~(miss <= _MISS_PX)] = np.nan
        return rays

    def view_limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and greatest (x, y) at Z = 1 in view, shapes (2,) float64, read only, kept.

        Where an edge of a fisheye is at 90 degrees or more, that of 89 degrees.
        """
        return _view_limits(self)

    def ray_image(self) -> NDArray[np.float32]:
        """The ray of every pixel, Z = 1; shape (height, width, 3) float32, read only, kept."""
        return _ray_image(self)

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels of points in the optical frame; NaN for points not in front of the camera.

        Args:
            points: shape (N, 3), metres.

        Returns:
            shape (N, 2) float64, (u, v).
        """
        xyz = np.asarray(points, np.float64).reshape(-1, 3)
        uv = np.full((len(xyz), 2), np.nan)
        front = xyz[:, 2] > 1e-9
        if not front.any():
            return uv
        zero = np.zeros(3)
        if not self.distorted:
            uv[front] = xyz[front, :2] / xyz[front, 2:] * (self.fx, self.fy)
            uv[front] += (self.cx, self.cy)
        elif self.distortion_model == _FISHEYE:
            uv[front] = cv2.fisheye.projectPoints(
                xyz[front][:, None], zero, zero, self.camera_matrix, self._fisheye())[0][:, 0]
        else:
            uv[front] = cv2.projectPoints(xyz[front], zero, zero, self.camera_matrix,
                                          np.array(self.distortion))[0][:, 0]
        return uv

    def _fisheye(self) -> NDArray[np.float64]:
        """Coefficients as cv2.fisheye takes them; without any it is the ideal one."""
        return np.array(self.distortion or (0.0,) * 4)


@lru_cache(maxsize=4)
def _view_limits(camera: CameraModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    u = np.linspace(-0.5, camera.width - 0.5, _GRID)
    v = np.linspace(-0.5, camera.height - 0.5, _GRID)
    pixels = np.stack(np.meshgrid(u, v), -1)
    xy = camera.rays(pixels.reshape(-1, 2))[:, :2].reshape(pixels.shape)
    if camera.distortion_model == _FISHEYE:
        edge = np.ones(xy.shape[:2], bool)
        edge[1:-1, 1:-1] = False
        blind = edge & np.isnan(xy[..., 0])
        toward = (pixels[blind] - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
        xy[blind] = toward * _WIDEST / np.linalg.norm(toward, axis=1, keepdims=True)
        xy = np.clip(xy, -_WIDEST, _WIDEST)
    if np.isnan(xy).all():  # coefficients of no lens: as without them
        xy = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    # A polynomial may turn over just inside the edge: what it does show lies within.
    limits = np.nanmin(xy, (0, 1)), np.nanmax(xy, (0, 1))
    for limit in limits:
        limit.setflags(write=False)
    return limits


@lru_cache(maxsize=4)
def _ray_image(camera: CameraModel) -> NDArray[np.float32]:
    vu = np.indices((camera.height, camera.width), np.float64)
    rays = camera.rays(np.stack([vu[1].ravel(), vu[0].ravel()], 1)).astype(np.float32)
    image = rays.reshape(camera.height, camera.width, 3)
    image.setflags(write=False)
    return image

"""One camera at one pose: what is affine in the pixel, and what a shape's image is bounded by."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.camera import CameraModel

NEAR_M = 0.05  # nothing nearer is drawn

Plane: TypeAlias = NDArray[np.float32]  # shape (rows, columns): a value for each pixel of a window


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels, which may reach over the image's border; right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def empty(self) -> bool:
        """True when it holds no pixel."""
        return self.right <= self.left or self.bottom <= self.top

    def cut(self, other: Window) -> Window:
        """What both have in common; may be empty."""
        return Window(max(self.left, other.left), max(self.top, other.top),
                      min(self.right, other.right), min(self.bottom, other.bottom))

    def within(self, other: Window) -> tuple[slice, slice]:
        """The slices that pick this window out of an array of the other's pixels."""
        return (slice(self.top - other.top, self.bottom - other.top),
                slice(self.left - other.left, self.right - other.left))


class View:
    """A pinhole camera at a pose.

    Rays have optical Z = 1, `p = origin + depth * ray`, so every linear form of a ray is affine in
    the pixel, and so is the inverse depth of a plane. The whole renderer rests on that.

    Attributes:
        camera: the camera model, without distortion.
        pose: shape (4, 4) float64, optical frame to world.
        origin: shape (3,), the camera's position in the world.
        rotation: shape (3, 3), optical frame to world.
        frame: the window of the image.

    Raises:
        ValueError: for a camera with distortion.
    """

    def __init__(self, camera: CameraModel, pose: NDArray[np.float64]) -> None:
        if camera.distorted:
            raise ValueError("the embedded world draws without distortion; give a camera model "
                             "without coefficients")
        self.camera = camera
        self.pose = pose
        self.rotation = pose[:3, :3]
        self.origin = pose[:3, 3]
        self.frame = Window(0, 0, camera.width, camera.height)
        # A shape that reaches far over the border is followed so far and no farther.
        self._canvas = Window(-camera.width, -camera.height, 2 * camera.width, 2 * camera.height)
        self._x = ((np.arange(-camera.width, 2 * camera.width) - camera.cx)
                   / camera.fx).astype(np.float32)
        self._y = ((np.arange(-camera.height, 2 * camera.height) - camera.cy)
                   / camera.fy).astype(np.float32)[:, None]

    def axes(self, window: Window) -> tuple[Plane, Plane]:
        """Ray x of the columns, shape (columns,), and ray y of the rows, shape (rows, 1)."""
        return (self._x[window.left + self.camera.width:window.right + self.camera.width],
                self._y[window.top + self.camera.height:window.bottom + self.camera.height])

    def along(self, direction: ArrayLike, window: Window) -> Plane:
        """`direction · ray` of every pixel, for a direction in world coordinates."""
        a, b, c = np.asarray(direction, np.float64) @ self.rotation
        x, y = self.axes(window)
        # Plain Python floats keep numpy 1.x and 2.x in single precision alike.
        return (x * float(a) + float(c)) + y * float(b)

    def inverse_depth(self, normal: ArrayLike, offset: float, window: Window) -> Plane:
        """1 / depth of the plane `normal · p = offset`; not positive where it is behind."""
        normal = np.asarray(normal, np.float64)
        distance = float(offset - normal @ self.origin)
        return self.along(normal / (distance or 1e-9), window)

    def quadratic(self, matrix: NDArray[np.float64], window: Window) -> Plane:
        """`ray · matrix · ray` of every pixel, for a symmetric matrix in world coordinates."""
        m = self.rotation.T @ matrix @ self.rotation
        x, y = self.axes(window)
        row = x * (x * float(m[0, 0]) + float(2 * m[0, 2])) + float(m[2, 2])
        column = y * (y * float(m[1, 1]) + float(2 * m[1, 2]))
        return (row + column) + (x * float(2 * m[0, 1])) * y

    def to_camera(self, points: ArrayLike) -> NDArray[np.float64]:
        """World points in the optical frame, shape (N, 3)."""
        return (np.asarray(points, np.float64).reshape(-1, 3) - self.origin) @ self.rotation

    def points_bounds(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bounds of the image of points, (4,) xyxy in pixels; NaN when one is not in front."""
        camera_points = self.to_camera(points)
        z = camera_points[:, 2]
        if z.min() <= NEAR_M:
            return np.full(4, np.nan)
        rays = camera_points[:, :2] / z[:, None]
        pixels = rays * (self.camera.fx, self.camera.fy) + (self.camera.cx, self.camera.cy)
        return np.concatenate([pixels.min(0), pixels.max(0)])

    def ellipsoid_bounds(self, centers: NDArray[np.float64],
                         spreads: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bounds of the images of ellipsoids, exactly; NaN for one that is not all in front.

        From the dual conic of the outline (Hartley & Zisserman, section 8.3).

        Args:
            centers: shape (N, 3), world.
            spreads: shape (N, 3, 3), sum of radius**2 * axis * axis^T; of rank 2 for a disc.

        Returns:
            shape (N, 4), xyxy in pixels.
        """
        c = (centers - self.origin) @ self.rotation
        a = self.rotation.T @ spreads @ self.rotation
        spread = np.einsum("nii->ni", a)
        dual_z = c[:, 2] ** 2 - spread[:, 2]
        hidden = c[:, 2] - np.sqrt(np.maximum(spread[:, 2], 0.0)) <= NEAR_M
        dual_z[hidden] = np.nan
        middle = (c[:, :2] * c[:, 2:] - a[:, :2, 2]) / dual_z[:, None]
        outer = (c[:, :2] ** 2 - spread[:, :2]) / dual_z[:, None]
        half = np.sqrt(np.maximum(middle ** 2 - outer, 0.0))
        scale, shift = (self.camera.fx, self.camera.fy), (self.camera.cx, self.camera.cy)
        return np.concatenate([(middle - half) * scale + shift, (middle + half) * scale + shift], 1)

    def may_see(self, center: NDArray[np.float64], radius: float) -> bool:
        """False when nothing of a ball can be in the image."""
        x, y, z = (center - self.origin) @ self.rotation
        if z < -radius:
            return False
        camera = self.camera
        for at, low, high, focal in (
                (x, camera.cx + 1, camera.width - camera.cx, camera.fx),
                (y, camera.cy + 1, camera.height - camera.cy, camera.fy)):
            for side, reach in ((-at, low), (at, high)):
                # Distance of the centre from the plane through this border of the image.
                if (side * focal - z * reach) / np.hypot(focal, reach) > radius:
                    return False
        return True

    def window_of(self, bounds: NDArray[np.float64]) -> Window:
        """The pixels that bounds touch, a little wider; all for NaN."""
        if np.isnan(bounds[0]):
            return self._canvas
        low, high = np.floor(bounds[:2]), np.ceil(bounds[2:]) + 1
        limit = 1e6
        left, top = (int(v) for v in np.clip(low, -limit, limit))
        right, bottom = (int(v) for v in np.clip(high, -limit, limit))
        return Window(left, top, right, bottom).cut(self._canvas)

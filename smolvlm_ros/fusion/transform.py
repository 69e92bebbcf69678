"""A rigid transform between two named frames."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_OPTICAL = "_optical_frame"   # REP-103's suffix of optical frames
_DOWN = -0.95                 # minus the cosine of 18 degrees


def is_optical(frame: str) -> bool:
    """True for the name of an optical frame (x right, y down, z forward) by REP-103."""
    return frame.endswith(_OPTICAL)


@dataclass(frozen=True, eq=False)
class Transform:
    """Takes points of frame `source` to frame `target`: p_target = rotation p_source + translation.

    Attributes:
        rotation: shape (3, 3) float64, orthonormal with determinant 1.
        translation: shape (3,) float64, metres; the origin of `source` in `target`.
        target: frame the result is in.
        source: frame the argument is in.

    Raises:
        ValueError: on another shape, a value that is not finite, or a matrix that does not rotate.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    target: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        rotation = np.array(self.rotation, np.float64)
        translation = np.array(self.translation, np.float64)
        name = f"transform from {self.source!r} to {self.target!r}"
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise ValueError(f"{name}: shapes are {rotation.shape} and {translation.shape}, "
                             "expected (3, 3) and (3,)")
        if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
            raise ValueError(f"{name} has values that are not finite")
        if (np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3
                or np.linalg.det(rotation) < 0):
            raise ValueError(f"{name}: the matrix is not a rotation")
        rotation.setflags(write=False)
        translation.setflags(write=False)
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation", translation)

    @classmethod
    def identity(cls, frame: str = "") -> Transform:
        """The transform of a frame to itself."""
        return cls(np.eye(3), np.zeros(3), frame, frame)

    @classmethod
    def from_quaternion(cls, xyzw: ArrayLike, translation: ArrayLike, target: str = "",
                        source: str = "") -> Transform:
        """From a quaternion in the order of geometry_msgs (x, y, z, w), normalised here.

        Raises:
            ValueError: when the quaternion is about zero or not finite (an unset message).
        """
        q = np.asarray(xyzw, np.float64)
        length = float(np.linalg.norm(q)) if q.shape == (4,) else 0.0
        if not 0.1 < length < 10.0:
            raise ValueError(f"transform from {source!r} to {target!r}: {q.tolist()} is not a "
                             "rotation quaternion (x, y, z, w); is the message filled in?")
        x, y, z, w = q / length
        rotation = np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])
        return cls(rotation, np.asarray(translation, np.float64), target, source)

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points of `source` in `target`; shape (3,) or (N, 3), metres."""
        return np.asarray(points, np.float64) @ self.rotation.T + self.translation

    def apply_covariance(self, covariance: ArrayLike) -> NDArray[np.float64]:
        """Covariances of `source` in `target`; shape (3, 3) or (N, 3, 3), square metres."""
        result: NDArray[np.float64] = (
            self.rotation @ np.asarray(covariance, np.float64) @ self.rotation.T)
        return result

    def up(self) -> NDArray[np.float64] | None:
        """The unit vector of `source` that points up, as z of `target` does (REP-103).

        Returns:
            shape (3,) float64; None where z of `target` is not up: in an optical frame, and where
            both frames are the same, so that nothing tells how the camera is mounted.
        """
        if self.target == self.source or is_optical(self.target):
            return None
        return self.rotation[2]

    def looks_down(self) -> bool:
        """True when z of `source`, a camera's optical axis, points nearly straight down."""
        up = self.up()
        return up is not None and bool(up[2] < _DOWN)

    def inverse(self) -> Transform:
        """From `target` to `source`."""
        return Transform(self.rotation.T, -self.rotation.T @ self.translation, self.source,
                         self.target)

"""The camera's own motion against a reference view."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.frame import KNOWN_MIN
from smolvlm_ros.gate.homography import (
    MIN_TRACKED,
    corner_shift,
    corners_of,
    fit,
    follow,
    normalised,
)

_FIT_PX = 0.5
_DAMPING = np.eye(8, dtype=np.float32)
_SAMPLES = 800
_SAMPLE_GRADIENT = 3.0
_OUTLIER_CONTRAST = 0.5
_OUTLIER_NOISE = 4.0
_OUTLIER_LEVELS = (6.0, 18.0)


@dataclass(frozen=True)
class Drift:
    """How a frame lies on the reference.

    Attributes:
        shift_px: farthest that small motion moves a corner of the view, work pixels.
        outliers: share of the reference's textured pixels that look quite different, 0 to 1.
        error: mean difference over the textured pixels, each counted up to a limit, levels.
    """

    shift_px: float
    outliers: float
    error: float


class Reference:
    """One view, prepared for asking how another frame lies on it.

    Small motion shows in one Gauss-Newton step of an affine alignment with gain and offset (Lucas
    and Kanade 1981; Bartoli 2008 for the light), weighted so that what moves does not count. Large
    motion is found by tracking corners (Shi and Tomasi 1994) and fitting a homography by RANSAC.
    """

    def __init__(self, image: NDArray[np.float32], covered: NDArray[np.bool_]) -> None:
        """Prepare a view.

        Args:
            image: shape (H, W), brightness, UNKNOWN where nothing counts.
            covered: shape (H, W), True where something stands that is not the scene.
        """
        height, width = image.shape
        self._usable = (image > KNOWN_MIN) & ~covered
        self._grey = normalised(image)
        self._corners = corners_of(self._grey, self._usable)
        self._sample(image, width, height)

    @property
    def textured(self) -> bool:
        """False for a view too bare to tell the camera's motion in it."""
        return len(self._corners) >= MIN_TRACKED and len(self._index) >= 10 * MIN_TRACKED

    def drift(self, image: NDArray[np.float32], covered: NDArray[np.bool_], noise: float = 0.0
              ) -> Drift:
        """How a frame lies on the reference, if it has moved by a pixel or so at most.

        Args:
            image: shape (H, W), warped to the reference, UNKNOWN where it does not reach.
            covered: shape (H, W), True where something stands before the scene.
            noise: mean deviation of a pixel by noise alone, levels.
        """
        jacobian, base, values = self._jacobian, self._values, image.take(self._index)
        use = np.flatnonzero((values > KNOWN_MIN) & ~covered.take(self._index))
        if len(use) < 10 * MIN_TRACKED:
            return Drift(0.0, 0.0, 0.0)
        if len(use) < len(values):
            jacobian, values, base = jacobian.take(use, axis=0), values[use], base[use]
        base_mean, base_deviation = _moments(base)
        mean, deviation = _moments(values)
        gain = deviation / max(base_deviation, 1.0)
        left = values - (base - base_mean) * gain - mean
        solution = np.zeros(8, np.float32)
        for _ in range(2):
            error = left - jacobian @ solution
            spread = max(3.0, 1.5 * _median(np.abs(error)))
            weighted = jacobian * (1.0 / (1.0 + (error / spread) ** 2) ** 2)[:, None]
            solution = cv2.solve(weighted.T @ jacobian + _DAMPING, weighted.T @ left,
                                 flags=cv2.DECOMP_CHOLESKY)[1].ravel()
        u0, ux, uy, v0, vx, vy = np.abs(solution[:6]).tolist()
        error = np.abs(left - jacobian[:, 6:] @ solution[6:])
        contrast = min(max(_OUTLIER_CONTRAST * base_deviation, _OUTLIER_LEVELS[0]),
                       _OUTLIER_LEVELS[1])
        limit = max(contrast, _OUTLIER_NOISE * noise)
        return Drift(max(u0 + ux + uy, v0 + vx + vy),
                     np.count_nonzero(error > limit) / len(error),
                     cv2.mean(np.minimum(error, 40.0))[0])

    def find(self, image: NDArray[np.float32], covered: NDArray[np.bool_],
             guess: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The homography from the reference's pixels to the frame's.

        Args:
            image: shape (H, W), the frame as it came.
            covered: shape (H, W), in the reference's pixels.
            guess: shape (3, 3), where the reference is thought to be; phase correlation takes
                over when corners are not found from there.

        Returns:
            shape (3, 3), or None when too few corners agree.
        """
        at = self._corners[:, 0].astype(int)
        corners = self._corners[~covered[at[:, 1], at[:, 0]]] if len(at) else self._corners
        if len(corners) < MIN_TRACKED:
            return None
        grey = normalised(image)
        found = _track(self._grey, grey, corners, guess)
        if found is None:
            shift, _ = cv2.phaseCorrelate(self._grey.astype(np.float32), grey.astype(np.float32))
            jump = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]], np.float64)
            found = _track(self._grey, grey, corners, jump)
        return found

    def _sample(self, image: NDArray[np.float32], width: int, height: int) -> None:
        """Pick the pixels with most gradient, and how each changes with every small motion."""
        gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        inner = cv2.erode(self._usable.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        inner[[0, -1]] = inner[:, [0, -1]] = False
        strength = np.where(inner, np.maximum(np.abs(gx), np.abs(gy)), 0).ravel()
        index = np.flatnonzero(strength > _SAMPLE_GRADIENT)
        if len(index) > _SAMPLES:
            index = index[np.argpartition(strength[index], -_SAMPLES)[-_SAMPLES:]]
        self._index = np.sort(index)
        self._values = image.ravel()[self._index]
        x = ((self._index % width) / (width / 2) - 1).astype(np.float32)
        y = ((self._index // width) / (height / 2) - 1).astype(np.float32)
        gx, gy = gx.ravel()[self._index], gy.ravel()[self._index]
        base = (self._values - 128) / 128
        self._jacobian = np.stack([gx, gx * x, gx * y, gy, gy * x, gy * y, base * 128,
                                   np.ones_like(base)], 1).astype(np.float32)


@dataclass(frozen=True)
class FrameMotion:
    """The camera's motion between two frames.

    Attributes:
        homography: shape (3, 3), from the earlier frame's pixels to the later one's.
        shift_px: how far it moves the farthest corner of the view, work pixels.
        fit: share of the tracked corners that it brings within half a pixel, 0 to 1; near 1 for a
            camera that turns, less the more the depth of the scene shows.
    """

    homography: NDArray[np.float64]
    shift_px: float
    fit: float


def frame_motion(before: NDArray[np.float32], after: NDArray[np.float32]) -> FrameMotion | None:
    """The camera's motion from one frame to a later one; None when it cannot be told.

    Args:
        before, after: shape (H, W) brightness, UNKNOWN where nothing counts.
    """
    grey = normalised(before)
    corners = corners_of(grey, before > KNOWN_MIN)
    if len(corners) < MIN_TRACKED:
        return None
    source, target = follow(grey, normalised(after), corners, np.eye(3))
    homography = fit(source, target, before.shape)
    if homography is None:
        return None
    error = np.linalg.norm(cv2.perspectiveTransform(source, homography) - target, axis=2)
    return FrameMotion(homography, corner_shift(homography, before.shape[1], before.shape[0]),
                       float(np.mean(error < _FIT_PX)))


def _moments(values: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and standard deviation; OpenCV's take far less time than numpy's on so few."""
    mean, deviation = cv2.meanStdDev(values)
    return float(mean[0, 0]), float(deviation[0, 0])


def _median(values: NDArray[np.float32]) -> float:
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def _track(scene: NDArray[np.uint8], image: NDArray[np.uint8], corners: NDArray[np.float32],
           guess: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return fit(*follow(scene, image, corners, guess), scene.shape)

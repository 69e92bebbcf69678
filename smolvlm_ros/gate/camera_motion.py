"""The camera's own motion against a reference view."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.frame import KNOWN_MIN

_MAX_CORNERS = 80
_MIN_TRACKED = 12
_HOMOGRAPHY_CORNERS = 30
_MIN_INLIER_SHARE = 0.4
_RANSAC_PX = 0.8
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
        self._grey = _normalised(image)
        corners = cv2.goodFeaturesToTrack(self._grey, _MAX_CORNERS, 0.01, 6,
                                          mask=self._usable.astype(np.uint8))
        self._corners = (np.zeros((0, 1, 2), np.float32) if corners is None
                         else np.asarray(corners, np.float32))
        self._sample(image, width, height)

    @property
    def textured(self) -> bool:
        """False for a view too bare to tell the camera's motion in it."""
        return len(self._corners) >= _MIN_TRACKED and len(self._index) >= 10 * _MIN_TRACKED

    def drift(self, image: NDArray[np.float32], covered: NDArray[np.bool_], noise: float = 0.0
              ) -> Drift:
        """How a frame lies on the reference, if it has moved by a pixel or so at most.

        Args:
            image: shape (H, W), warped to the reference, UNKNOWN where it does not reach.
            covered: shape (H, W), True where something stands before the scene.
            noise: mean deviation of a pixel by noise alone, levels.
        """
        values = image.ravel()[self._index]
        use = (values > KNOWN_MIN) & ~covered.ravel()[self._index]
        if np.count_nonzero(use) < 10 * _MIN_TRACKED:
            return Drift(0.0, 0.0, 0.0)
        jacobian, base = self._jacobian, self._values
        if not use.all():
            jacobian, values, base = jacobian[use], values[use], base[use]
        gain = float(values.std()) / max(float(base.std()), 1.0)
        left = values - (base - base.mean()) * gain - values.mean()
        solution = np.zeros(8, np.float32)
        for _ in range(2):
            error = left - jacobian @ solution
            spread = max(3.0, 1.5 * _median(np.abs(error)))
            weighted = jacobian * (1.0 / (1.0 + (error / spread) ** 2) ** 2)[:, None]
            solution = np.linalg.solve(weighted.T @ jacobian + np.eye(8, dtype=np.float32),
                                       weighted.T @ left)
        u0, ux, uy, v0, vx, vy = (abs(float(v)) for v in solution[:6])
        error = np.abs(left - jacobian[:, 6:] @ solution[6:])
        contrast = min(max(_OUTLIER_CONTRAST * float(base.std()), _OUTLIER_LEVELS[0]),
                       _OUTLIER_LEVELS[1])
        limit = max(contrast, _OUTLIER_NOISE * noise)
        return Drift(max(u0 + ux + uy, v0 + vx + vy), float(np.mean(error > limit)),
                     float(np.minimum(error, 40.0).mean()))

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
        if len(corners) < _MIN_TRACKED:
            return None
        grey = _normalised(image)
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


def frame_motion(before: NDArray[np.float32], after: NDArray[np.float32]
                 ) -> NDArray[np.float64] | None:
    """The homography from one frame's pixels to those of the next; None when it cannot be told.

    Args:
        before, after: shape (H, W) brightness, UNKNOWN where nothing counts.
    """
    grey = _normalised(before)
    corners = cv2.goodFeaturesToTrack(grey, _MAX_CORNERS, 0.01, 6,
                                      mask=(before > KNOWN_MIN).view(np.uint8))
    if corners is None or len(corners) < _MIN_TRACKED:
        return None
    return _track(grey, _normalised(after), np.asarray(corners, np.float32), np.eye(3))


def _median(values: NDArray[np.float32]) -> float:
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def _normalised(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image at one mean and contrast, uint8, so that a change of light does not matter."""
    mean, deviation = cv2.meanStdDev(image, mask=(image > KNOWN_MIN).astype(np.uint8))
    scale = 45.0 / max(float(deviation[0, 0]), 3.0)
    lit = np.clip((image - mean[0, 0]) * scale + 127.0, 0.0, 255.0)
    return lit.astype(np.uint8)


def _track(scene: NDArray[np.uint8], image: NDArray[np.uint8], corners: NDArray[np.float32],
           guess: NDArray[np.float64]) -> NDArray[np.float64] | None:
    start = cv2.perspectiveTransform(corners, guess)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        scene, image, corners, start.copy(), winSize=(9, 9), maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW)
    good = status.ravel() == 1
    if good.sum() < _MIN_TRACKED:
        return None
    source, target = corners[good], moved[good]
    if len(source) < _HOMOGRAPHY_CORNERS:
        affine, inliers = cv2.estimateAffinePartial2D(source, target,
                                                      ransacReprojThreshold=_RANSAC_PX)
        fitted = None if affine is None else np.vstack([affine, [0.0, 0.0, 1.0]])
    else:
        fitted, inliers = cv2.findHomography(source, target, cv2.RANSAC, _RANSAC_PX)
    if fitted is None or inliers.sum() < max(_MIN_TRACKED * 0.75, _MIN_INLIER_SHARE * good.sum()):
        return None
    return fitted if plausible(fitted, scene.shape[1], scene.shape[0]) else None


def view_corners(width: int, height: int) -> NDArray[np.float32]:
    """The four corners of a view, shape (4, 1, 2), clockwise from the upper left."""
    right, low = width - 1, height - 1
    return np.array([[[0, 0]], [[right, 0]], [[right, low]], [[0, low]]], np.float32)


def plausible(transform: NDArray[np.float64], width: int, height: int) -> bool:
    """False for a homography that folds the view or scales it more than any camera would."""
    quad = cv2.perspectiveTransform(view_corners(width, height), transform)
    share = cv2.contourArea(quad) / ((width - 1) * (height - 1))
    return bool(cv2.isContourConvex(quad) and 0.4 < share < 2.5)


def corner_shift(transform: NDArray[np.float64], width: int, height: int) -> float:
    """How far the transform moves the farthest corner of the view, in pixels."""
    corners = view_corners(width, height)
    return float(np.abs(cv2.perspectiveTransform(corners, transform) - corners).max())


def view_change(transform: NDArray[np.float64], width: int, height: int) -> float:
    """Share of two views without counterpart in each other: 1 - intersection / union, 0 to 1.

    Args:
        transform: shape (3, 3), from pixels of one view to pixels of the other.
        width: of both views, pixels.
        height: of both views, pixels.
    """
    corners = view_corners(width, height)
    quad = cv2.perspectiveTransform(corners, transform)
    if not cv2.isContourConvex(quad):
        return 1.0
    overlap, _ = cv2.intersectConvexConvex(corners, quad)
    union = cv2.contourArea(corners) + cv2.contourArea(quad) - overlap
    return float(min(max(1.0 - overlap / union, 0.0), 1.0))

"""Homographies between two views: found by tracking corners, and what they say."""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.frame import KNOWN_MIN

MIN_TRACKED = 12
"""Corners without which nothing is said of a motion."""
_MAX_CORNERS = 80
_HOMOGRAPHY_CORNERS = 30
_MIN_INLIER_SHARE = 0.4
_RANSAC_PX = 0.8
_RANSAC_TRIES = 400
_RANSAC_DRAWS = 3
_AGREED_SHARE, _NO_MOTION_SHARE = 0.9, 0.25  # of the corners: enough, and too few to go on
_IDENTITY = np.eye(3)


def corners_of(grey: NDArray[np.uint8], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Corners worth tracking, shape (N, 1, 2), N may be 0 (Shi and Tomasi 1994)."""
    corners = cv2.goodFeaturesToTrack(grey, _MAX_CORNERS, 0.01, 6, mask=usable.astype(np.uint8))
    return np.asarray(np.zeros((0, 1, 2)) if corners is None else corners, np.float32)


def normalised(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The image at one mean and contrast, uint8, so that a change of light does not matter."""
    mean, deviation = cv2.meanStdDev(image, mask=(image > KNOWN_MIN).astype(np.uint8))
    scale = 45.0 / max(float(deviation[0, 0]), 3.0)
    lit = np.clip((image - mean[0, 0]) * scale + 127.0, 0.0, 255.0)
    return lit.astype(np.uint8)


def follow(scene: NDArray[np.uint8], image: NDArray[np.uint8], corners: NDArray[np.float32],
            guess: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The corners that are found again, before and after, each of shape (N, 1, 2)."""
    start = cv2.perspectiveTransform(corners, guess)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        scene, image, corners, start.copy(), winSize=(9, 9), maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW)
    good = status.ravel() == 1
    return corners[good], moved[good]


def fit(source: NDArray[np.float32], target: NDArray[np.float32], shape: tuple[int, ...]
            ) -> NDArray[np.float64] | None:
    """The homography that most corners agree on; None when too few do."""
    if len(source) < MIN_TRACKED:
        return None
    if len(source) < _HOMOGRAPHY_CORNERS:
        affine, inliers = cv2.estimateAffinePartial2D(source, target,
                                                      ransacReprojThreshold=_RANSAC_PX)
        found = None if affine is None else np.vstack([affine, [0.0, 0.0, 1.0]])
    else:
        found, inliers = _homography(source, target)
    least = max(MIN_TRACKED * 0.75, _MIN_INLIER_SHARE * len(source))
    if found is None or inliers.sum() < least:
        return None
    return found if plausible(found, shape[1], shape[0]) else None


def _homography(source: NDArray[np.float32], target: NDArray[np.float32]
                ) -> tuple[NDArray[np.float64] | None, NDArray[np.uint8]]:
    """The homography with the most inliers of a few draws, and which corners these are.

    LO-RANSAC (Chum et al. 2003) gives up on a view without a common motion ten times sooner than
    plain RANSAC, and at times sooner than it has found one: the more so in OpenCV 4.5 and 4.6.
    """
    best: NDArray[np.float64] | None = None
    inliers = np.zeros((len(source), 1), np.uint8)
    for params in _DRAWS:
        found, agree = cv2.findHomography(source, target, params)
        if found is not None and agree.sum() > inliers.sum():
            best, inliers = found, agree
        if not _NO_MOTION_SHARE < inliers.sum() / len(source) < _AGREED_SHARE:
            break
    return best, inliers


def _draw(seed: int) -> cv2.UsacParams:
    params = cv2.UsacParams()
    params.confidence, params.threshold, params.maxIterations = 0.99, _RANSAC_PX, _RANSAC_TRIES
    params.loMethod, params.score = cv2.LOCAL_OPTIM_INNER_LO, cv2.SCORE_METHOD_MSAC
    params.loIterations, params.loSampleSize = 10, 14
    params.randomGeneratorState = seed
    return params


_DRAWS = [_draw(seed) for seed in range(_RANSAC_DRAWS)]


def is_identity(transform: NDArray[np.float64]) -> bool:
    """True for a transform that leaves all in place."""
    return bool((transform == _IDENTITY).all())


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
    if is_identity(transform):
        return 0.0
    corners = view_corners(width, height)
    quad = cv2.perspectiveTransform(corners, transform)
    if not cv2.isContourConvex(quad):
        return 1.0
    overlap, _ = cv2.intersectConvexConvex(corners, quad)
    union = cv2.contourArea(corners) + cv2.contourArea(quad) - overlap
    return float(min(max(1.0 - overlap / union, 0.0), 1.0))

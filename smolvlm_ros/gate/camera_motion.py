"""The camera's own motion between two views, from a few tracked corners."""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_MAX_CORNERS = 80
_MIN_TRACKED = 12
_MIN_INLIER_SHARE = 0.4
_RANSAC_PX = 0.8


def estimate_transform(scene: NDArray[np.float32], image: NDArray[np.float32],
                       usable: NDArray[np.bool_], guess: NDArray[np.float64]
                       ) -> NDArray[np.float64] | None:
    """The homography that maps pixels of the scene to pixels of the image.

    Corners (Shi and Tomasi 1994) of the scene are tracked with pyramidal Lucas-Kanade from where
    the guess puts them, or from where phase correlation does when that fails, and a homography is
    fitted by RANSAC. Both images are brought to the same mean and contrast first.

    Args:
        scene: shape (H, W), brightness 0 to 255.
        image: shape (H, W), the frame seen now.
        usable: shape (H, W), False where the scene is not known or something stands before it.
        guess: shape (3, 3), where the scene is thought to be.

    Returns:
        shape (3, 3), or None when too few corners agree.
    """
    scene_grey = _normalised(scene, usable)
    image_grey = _normalised(image, image > 0)
    corners = cv2.goodFeaturesToTrack(scene_grey, _MAX_CORNERS, 0.01, 6,
                                      mask=usable.astype(np.uint8))
    if corners is None or len(corners) < _MIN_TRACKED:
        return None
    points = np.asarray(corners, np.float32)
    found = _track(scene_grey, image_grey, points, guess)
    if found is None:
        shift, _ = cv2.phaseCorrelate(scene_grey.astype(np.float32), image_grey.astype(np.float32))
        jump = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]], np.float64)
        found = _track(scene_grey, image_grey, points, jump)
    return found


def _normalised(grey: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.uint8]:
    mean, deviation = cv2.meanStdDev(grey, mask=usable.astype(np.uint8))
    scale = 45.0 / max(float(deviation[0, 0]), 3.0)
    return cv2.convertScaleAbs(np.maximum((grey - mean[0, 0]) * scale + 127.0, 0.0))


def _track(scene: NDArray[np.uint8], image: NDArray[np.uint8], corners: NDArray[np.float32],
           guess: NDArray[np.float64]) -> NDArray[np.float64] | None:
    start = cv2.perspectiveTransform(corners, guess)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        scene, image, corners, start.copy(), winSize=(9, 9), maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 0.02),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW)
    good = status.ravel() == 1
    if good.sum() < _MIN_TRACKED:
        return None
    source, target = corners[good], moved[good]
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

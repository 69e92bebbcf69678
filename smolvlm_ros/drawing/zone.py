"""Zones on the ground, as the camera sees them."""
from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.drawing import text
from smolvlm_ros.drawing.text import Colour, Image

_NEAR_M = 0.05
# Beyond the view by this share: a lens model says nothing true far outside of the image.
_MARGIN = 0.15
_PIECES = 16  # per edge where the lens bends lines
_SUBPIXEL = 4


def draw_zone(image_rgb: Image, polygon: ArrayLike, camera: CameraModel,
              camera_from_zone: ArrayLike, *, height_m: float = 0.0, label: str = "",
              colour: Colour = text.MAYBE, alpha: float = 0.22) -> Image:
    """A copy of the image with a zone: its floor filled, its edges drawn, cut where it leaves view.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        polygon: shape (N, 3), N at least 3: the floor's corners in order, metres, in the zone's
            frame.
        camera: for this image's size.
        camera_from_zone: shape (4, 4): zone frame to optical frame.
        height_m: of the prism above the floor, along the zone's z; 0 draws only the floor.
        label: written at the near edge of what is seen of the floor.
        colour: RGB.
        alpha: opacity of the floor, 0 to 1.

    Returns:
        shape (H, W, 3) uint8.

    Raises:
        ValueError: on wrong shapes, values that are not finite, or a camera of another image size.
    """
    result = text.checked_rgb(image_rgb).copy()
    corners, transform = _checked(polygon, camera_from_zone)
    if (camera.width, camera.height) != (result.shape[1], result.shape[0]):
        raise ValueError(f"camera is for {camera.width}x{camera.height}, the image is "
                         f"{result.shape[1]}x{result.shape[0]}; use camera.scaled")
    planes = _view_planes(camera)
    floor = _moved(corners, transform)
    rings = [floor]
    if height_m > 0:
        rings.append(_moved(corners + np.array([0.0, 0.0, height_m]), transform))
    visible = _clipped_polygon(floor, planes)
    if len(visible) >= 3:
        filled = result.copy()
        cv2.fillPoly(filled, [_pixels(visible, camera, closed=True)], colour, cv2.LINE_AA,
                     _SUBPIXEL)
        cv2.addWeighted(filled, alpha, result, 1.0 - alpha, 0.0, result)
    thick = max(1, round(min(result.shape[:2]) / 240))
    edges = [(ring[i], ring[(i + 1) % len(ring)], thick if k == 0 else 1)
             for k, ring in enumerate(rings) for i in range(len(ring))]
    if len(rings) == 2:
        edges += [(low, high, 1) for low, high in zip(*rings, strict=True)]
    for a, b, width in edges:
        segment = _clipped_segment(a, b, planes)
        if segment is not None:
            cv2.polylines(result, [_pixels(segment, camera, closed=False)], False, colour, width,
                          cv2.LINE_AA, _SUBPIXEL)
    if label and len(visible) >= 3:
        _write(result, label, _pixels(visible, camera, closed=True), colour)
    return result


def _checked(polygon: ArrayLike,
             transform: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    corners, matrix = np.asarray(polygon, np.float64), np.asarray(transform, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 3 or len(corners) < 3:
        raise ValueError(f"zone has shape {corners.shape}, expected (N, 3) with N at least 3")
    if matrix.shape != (4, 4):
        raise ValueError(f"camera_from_zone has shape {matrix.shape}, expected (4, 4)")
    if not (np.isfinite(corners).all() and np.isfinite(matrix).all()):
        raise ValueError("zone or camera_from_zone has values that are not finite")
    return corners, matrix


def _moved(points: NDArray[np.float64], transform: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ transform[:3, :3].T + transform[:3, 3]


def _view_planes(camera: CameraModel) -> NDArray[np.float64]:
    """Planes (normal, offset) with `normal . p >= offset` for points in or just beside the view."""
    low, high = camera.view_limits()
    low, high = low - (high - low) * _MARGIN, high + (high - low) * _MARGIN
    return np.array([[0, 0, 1, _NEAR_M], [1, 0, -low[0], 0], [-1, 0, high[0], 0],
                     [0, 1, -low[1], 0], [0, -1, high[1], 0]], np.float64)


def _clipped_polygon(points: NDArray[np.float64],
                     planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sutherland and Hodgman, "Reentrant polygon clipping", CACM 1974."""
    for *normal, offset in planes:
        inside = points @ np.array(normal) - offset
        kept: list[NDArray[np.float64]] = []
        for i in range(len(points)):
            j = (i + 1) % len(points)
            if inside[i] >= 0:
                kept.append(points[i])
            if (inside[i] >= 0) != (inside[j] >= 0):
                share = inside[i] / (inside[i] - inside[j])
                kept.append(points[i] + share * (points[j] - points[i]))
        points = np.array(kept).reshape(-1, 3)
    return points


def _clipped_segment(a: NDArray[np.float64], b: NDArray[np.float64],
                     planes: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The part of a to b inside all planes (Cyrus and Beck, 1978); None when there is none."""
    first, last = 0.0, 1.0
    for *normal, offset in planes:
        at_a, at_b = a @ np.array(normal) - offset, b @ np.array(normal) - offset
        if at_a < 0 and at_b < 0:
            return None
        if at_a < 0:
            first = max(first, at_a / (at_a - at_b))
        elif at_b < 0:
            last = min(last, at_a / (at_a - at_b))
    return np.array([a + first * (b - a), a + last * (b - a)]) if first < last else None


def _pixels(points: NDArray[np.float64], camera: CameraModel, *,
            closed: bool) -> NDArray[np.int32]:
    """Pixels with `_SUBPIXEL` fractional bits; edges in pieces where the lens bends them."""
    if camera.distorted:
        ends = np.roll(points, -1, 0) if closed else points[1:]
        share = np.linspace(0, 1, _PIECES, endpoint=False)[:, None]
        pieces = [a + share * (b - a) for a, b in zip(points, ends, strict=False)]
        points = np.concatenate(pieces if closed else [*pieces, points[-1:]])
    return np.round(camera.project(points) * 2 ** _SUBPIXEL).astype(np.int32)


def _write(image: Image, label: str, outline: NDArray[np.int32], colour: Colour) -> None:
    """Write the label into the part of the outline inside the image."""
    height, width = image.shape[:2]
    size = text.text_height(height)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline], 1, cv2.LINE_8, _SUBPIXEL)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return
    label = text.fitted(label, size, width - 4)
    wide = text.text_size(label, size)[0]
    x = float(np.clip(columns.mean() - wide / 2, 2, max(2, width - wide - 2)))
    pad = max(2, size // 3)
    # At the near edge, where people in the zone hide it least.
    y = float(np.clip(rows.max() - 2 * size - pad, 2, max(2, height - size * 2)))
    text.shade(image, int(x) - pad, int(y) - pad, int(x) + wide + pad, int(y) + size + pad,
               text.INK, 0.6)
    text.put_text(image, label, x, y, size, colour)

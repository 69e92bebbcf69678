"""What a camera sees of a zone."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.fusion.zones import Zone

_NEAR_M = 0.05
_BORDER = 17  # points along each edge of the image, where a lens bends it


def seen_box(zone: Zone, camera: CameraModel, zone_from_camera: Transform
             ) -> tuple[float, float, float, float] | None:
    """The box round the part of a zone that is in view; None when none of it is.

    A zone without a height limit is taken as high as it is drawn (`Zone.edges`). What stands before
    it is not known here: also a zone behind a wall has its box.

    Args:
        zone: the zone.
        camera: for the image that the box is in.
        zone_from_camera: from the camera's optical frame to the zone's frame.

    Returns:
        left, top, right, bottom in pixels, inside the image; pixel (0, 0) covers 0 to 1.
    """
    if zone.shape.distance(zone_from_camera.translation[None])[0] <= 0:
        return 0.0, 0.0, float(camera.width), float(camera.height)
    ends = zone_from_camera.inverse().apply(zone.edges().reshape(-1, 3)).reshape(-1, 2, 3)
    points = _in_front(ends)
    if not len(points):
        return None
    # On the plane at 1 m, where straight lines stay straight; a lens model says nothing true far
    # outside of the image, so the box is cut to the view there.
    flat = points[:, :2] / points[:, 2:]
    least, greatest = camera.view_limits()
    low, high = np.maximum(flat.min(0), least), np.minimum(flat.max(0), greatest)
    if (low >= high).any():
        return None
    # Evenly by angle: a wide lens reaches so far on that plane that its middle had few points.
    outline = np.tan(_border(*np.arctan([*low, *high])))
    pixels = camera.project(np.column_stack([outline, np.ones(len(outline))])) + 0.5
    left, top = np.maximum(pixels.min(0), 0.0)
    right, bottom = np.minimum(pixels.max(0), (camera.width, camera.height))
    return (float(left), float(top), float(right), float(bottom)) if (
        left < right and top < bottom) else None


def _in_front(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends (N, 3) of the parts of lines (K, 2, 3) that lie in front of the camera."""
    depth = ends[..., 2]
    front = depth >= _NEAR_M
    crossing = front[:, 0] != front[:, 1]
    first, second = ends[crossing, 0], ends[crossing, 1]
    share = (_NEAR_M - first[:, 2:]) / (second[:, 2:] - first[:, 2:])
    return np.concatenate([ends[front], first + share * (second - first)])


def _border(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    """Points (N, 2) along the edges of a rectangle."""
    x, y = np.linspace(left, right, _BORDER), np.linspace(top, bottom, _BORDER)
    ones = np.ones(_BORDER)
    return np.concatenate([np.stack(side, 1) for side in (
        (x, top * ones), (x, bottom * ones), (left * ones, y), (right * ones, y))])

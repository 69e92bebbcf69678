"""The form in which every estimator gives its depth: REP-117 values, at the size asked for."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth.types import DepthError


def metric_depth(predicted_m: NDArray[np.float32], max_depth_m: float, far_share: float,
                 scale: float) -> NDArray[np.float32]:
    """The network's output as REP-117 depth.

    Args:
        predicted_m: shape (h, w) float32, metres for the training camera.
        max_depth_m: the network's range.
        far_share: predictions from this share of the range on are beyond range (+Inf): the network
            cannot say more than its range, and puts the sky there.
        scale: focal correction; applied after the range is judged.

    Returns:
        shape (h, w) float32; NaN where the network gave no positive number.

    Raises:
        DepthError: when the network gave no number at all.
    """
    valid = predicted_m > 0
    if not valid.any():
        raise DepthError("the network's output has no positive finite value; the model or its "
                         "provider is broken, run the self-check by configuring again")
    depth = np.multiply(predicted_m, np.float32(scale), dtype=np.float32)
    depth[~valid] = np.nan
    depth[predicted_m >= far_share * max_depth_m] = np.inf
    return depth


def scaled_camera(camera: CameraModel, scale: float) -> CameraModel:
    """The camera of an image resized by `scale`; the same object for 1."""
    width, height = scaled_size(camera.width, camera.height, scale)
    if (width, height) == (camera.width, camera.height):
        return camera
    return camera.scaled(width, height)


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Width and height of an image resized by `scale`, at least one pixel."""
    return max(1, round(width * scale)), max(1, round(height * scale))

"""From settings to an estimator."""
from __future__ import annotations

from smolvlm_ros.depth.config import DepthConfig
from smolvlm_ros.depth.depth_anything import DepthAnythingV2
from smolvlm_ros.depth.ground_plane import GroundPlane
from smolvlm_ros.depth.types import DepthEstimator


def make_estimator(config: DepthConfig) -> DepthEstimator:
    """Make the estimator that the settings ask for; with weights, this takes seconds.

    Raises:
        DepthError: naming what is wrong and how to cure it. Nothing is left open then, and another
            call with other settings may succeed.
    """
    if config.estimator == "ground_plane":
        return GroundPlane(config)
    return DepthAnythingV2(config)

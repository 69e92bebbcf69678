"""Metric depth from one camera: metres along the optical axis, with what is not known left out."""
from __future__ import annotations

from smolvlm_ros.depth.config import DepthConfig, GroundPlaneConfig
from smolvlm_ros.depth.factory import make_estimator
from smolvlm_ros.depth.focal import focal_scale
from smolvlm_ros.depth.ground_plane import GroundPlane, Mount, ground_depth
from smolvlm_ros.depth.router import RouterConfig, SceneHint, SceneRouter, scene_evidence
from smolvlm_ros.depth.types import DepthError, DepthEstimator, DepthInfo, DepthMap, Variant

__all__ = [
    "DepthConfig", "DepthError", "DepthEstimator", "DepthInfo", "DepthMap", "GroundPlane",
    "GroundPlaneConfig", "Mount", "RouterConfig", "SceneHint", "SceneRouter", "Variant",
    "focal_scale", "ground_depth", "make_estimator", "scene_evidence",
]

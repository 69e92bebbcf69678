"""The depth of the ground an object stands on, for depth maps that hold nothing but the ground."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.depth_result import DepthConfig, DepthResult, NoDepth, ObjectDepth, census

_JITTER = 0.02         # of the lower edge, as a share of the box's height
_CUT_STD_REL = 0.25    # feet below the image: the contact's depth is an upper bound


def contacts(depth_m: NDArray[np.floating], boxes: NDArray[np.float64],
             config: DepthConfig) -> list[DepthResult]:
    """The ground's depth at the middle of each box's lower edge.

    Its standard deviation is what a jitter of that edge by 2 % of the box's height (at least 1 px)
    does to it, and the source's scale. A box cut by the image's lower edge has its feet below the
    image, so the ground there is an upper bound; the object is still placed, with a wide deviation,
    because the nearest object is the last that may be left out.

    Args:
        depth_m: shape (H, W) float metres.
        boxes: shape (N, 4), inside the depth map, at least a pixel wide and high.
        config: limits.
    """
    return [_contact(depth_m, box.tolist(), config) for box in boxes]


def _contact(depth_m: NDArray[np.floating], box: list[float], config: DepthConfig) -> DepthResult:
    height, width = depth_m.shape
    x0, y0, x1, y1 = box
    quarter = (x1 - x0) / 4
    left = min(max(round(x0 + quarter), 0), width - 1)
    right = min(max(round(x1 - quarter), left), width - 1)
    row = min(max(round(y1), 0), height - 1)
    strip = depth_m[row, left:right + 1]
    ground = _ground(strip)
    valid = len(ground) / len(strip)
    if not len(ground) or valid < config.min_valid_fraction:
        return NoDepth(f"the lower edge of the box is not on known ground{census(strip)}")
    z = float(np.median(ground))
    jitter = max(1, round(_JITTER * (y1 - y0)))
    farther = _ground(depth_m[max(0, row - jitter), left:right + 1])
    # Above the edge may be the horizon: then nothing is known of the slope, and it is steep.
    slope = abs(float(np.median(farther)) - z) if len(farther) else z
    cut = _CUT_STD_REL * z if y1 >= height - 1.5 else 0.0
    std = float(np.sqrt(slope ** 2 + (config.depth_std_rel * z) ** 2 + cut ** 2))
    return ObjectDepth(z, std, slope, valid, 1.0, len(ground))


def _ground(strip: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(strip[np.isfinite(strip) & (strip > 0)], np.float64)

"""The depth of the ground an object stands on, for depth maps that show the ground best."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.depth_result import DepthConfig, DepthResult, NoDepth, ObjectDepth, census

_JITTER = 0.02         # of the lower edge, as a share of the box's height
_CUT_STD_REL = 0.25    # feet below the image: the contact's depth is an upper bound
# Of the anchor `floor`: the strips beside a box, in widths of the box and at least in pixels.
_GAP, _GAP_PX = 0.1, 4
_STRIP, _STRIP_PX = 0.5, 8
_LEAST_STRIP = 4       # pixels of known ground
_FLAT = 0.65           # height over width of a box, below which what it holds lies on the ground
_CORE = ((0.3, 0.7), (0.35, 0.65))   # the middle of a flat box, across and down


def contacts(depth_m: NDArray[np.floating], boxes: NDArray[np.float64],
             config: DepthConfig) -> list[DepthResult]:
    """The ground's depth at the middle of each box's lower edge.

    Its standard deviation is what a jitter of that edge by 2 % of the box's height (at least 1 px)
    does to it, and the source's scale. A box cut by the image's lower edge has its feet below the
    image, so the ground there is an upper bound; the object is still placed, with a wide deviation,
    because the nearest object is the last that may be left out.

    With the anchor `floor` the ground just left and right of the box is looked at too, in the same
    row, and the farthest of the three counts: what else could be seen there hides the ground, and
    is nearer than it. A network's depth under a box is drawn towards the object. What is wider than
    high may lie along the line of sight, its far end a body's length behind its near one (a person
    on the floor): its depth is half-way between the contact and its own in the box's middle, which
    is of some use there, because the ground that it blurs into is as far away.

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
    row = min(max(math.floor(y1 + 0.5), 0), height - 1)   # between two rows: the lower one
    strip = depth_m[row, left:right + 1]
    ground = _ground(strip)
    valid = len(ground) / len(strip)
    if not len(ground) or valid < config.min_valid_fraction:
        return NoDepth(f"the lower edge of the box is not on known ground{census(strip)}")
    z, lying = float(np.median(ground)), 0.0
    if config.depth_anchor == "floor":
        z = max(z, *_beside(depth_m[row], x0, x1))
        if y1 - y0 < _FLAT * (x1 - x0):
            lying = (max(z, _core(depth_m, box)) - z) / 2
    jitter = max(1, round(_JITTER * (y1 - y0)))
    farther = _ground(depth_m[max(0, row - jitter), left:right + 1])
    # Above the edge may be the horizon: then nothing is known of the slope, and it is steep.
    slope = abs(float(np.median(farther)) - float(np.median(ground))) if len(farther) else z
    cut = _CUT_STD_REL * z if y1 >= height - 1.5 else 0.0
    std = float(np.sqrt(slope ** 2 + (config.depth_std_rel * z) ** 2 + cut ** 2 + lying ** 2))
    return ObjectDepth(z + lying, std, slope + 2 * lying, valid, 1.0, len(ground))


def _beside(line: NDArray[np.floating], x0: float, x1: float) -> tuple[float, float]:
    """Depths of the ground left and right of a box, from the row of its lower edge; 0 unknown."""
    gap = max(_GAP * (x1 - x0), _GAP_PX)
    reach = gap + max(_STRIP * (x1 - x0), _STRIP_PX)
    spans = ((x0 - reach, x0 - gap), (x1 + gap, x1 + reach))
    strips = [_ground(line[max(0, round(a)):max(0, round(b))]) for a, b in spans]
    left, right = (float(np.median(s)) if len(s) >= _LEAST_STRIP else 0.0 for s in strips)
    return left, right


def _core(depth_m: NDArray[np.floating], box: list[float]) -> float:
    """The depth in the middle of a box; 0 unknown."""
    x0, y0, x1, y1 = box
    columns, rows = (slice(max(0, round(low + begin * (high - low))),
                           max(0, round(low + end * (high - low))) + 1)
                     for (begin, end), low, high in zip(_CORE, (x0, y0), (x1, y1), strict=True))
    known = _ground(depth_m[rows, columns])
    return float(np.median(known)) if len(known) else 0.0


def _ground(strip: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(strip[np.isfinite(strip) & (strip > 0)], np.float64)

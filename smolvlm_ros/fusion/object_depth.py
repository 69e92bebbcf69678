"""The depth of what each box was drawn around, by the anchor that suits the depth map."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.fusion.contact_depth import contacts
from smolvlm_ros.fusion.depth_result import DepthConfig, DepthResult, NoDepth
from smolvlm_ros.fusion.surface_depth import surfaces

_DEFAULT = DepthConfig()


def object_depth(depth_m: NDArray[np.floating], xyxy: ArrayLike,
                 config: DepthConfig = _DEFAULT) -> DepthResult:
    """The depth of the object in one box; see `object_depths`."""
    return object_depths(depth_m, np.asarray(xyxy, np.float64).reshape(1, 4), config)[0]


def object_depths(depth_m: NDArray[np.floating], xyxy: ArrayLike,
                  config: DepthConfig = _DEFAULT) -> tuple[DepthResult, ...]:
    """The depth of the object in each box.

    A median over the box fails as soon as less than half of it is the object (a person's box is
    often 60 % background), and 'the nearest' fails behind a counter or a fence. What tells the
    object from both is that a detector's box ends where the object ends: background and occluders
    go on across its edges, the object does not. So depths in the box are weighed against depths
    in a ring around it (figure and ground by centre and surround):

    1. sample box and ring at fixed scattered points (scattered, because a regular grid and the
       bars of a fence alias); points near the box's centre, where the object is, count more;
    2. histogram both over log depth (errors of sensors and networks grow with depth), smoothed by
       a sensor's noise; with the shares b of the box and r of the ring at a depth, the object's
       evidence there is b * b / (b + 8 r): its share, times the odds that what is seen at this
       depth is the object and not something that goes on outside;
    3. the highest evidence is the object's surface; of two nearly equal ones, the nearer;
    4. the surface reaches as far as the evidence stays above 30 % of that; depth is the median of
       its samples, spread their 16th to 84th percentile.

    Where the ring is outside the image or unknown it counts less, down to plain mode seeking, and
    a picture flat on its wall still has its depth. The cost of a box does not depend on its size.
    It fails where an occluder lies wholly inside the box and fills more of it than the object, and
    where two surfaces are closer than about 6 % of their depth (they are taken for one).
    `benchmark/fusion.py` tells how often it finds the right surface.

    Args:
        depth_m: shape (H, W) float, metres along the optical axis; NaN unknown, +Inf beyond range,
            -Inf too near (REP-117).
        xyxy: shape (N, 4), boxes in pixels of the depth map, whose centres are whole numbers;
            clipped to it.
        config: limits and the anchor.

    Returns:
        N results in the order of the boxes: a depth, or the reason why there is none.

    Raises:
        ValueError: when an argument has another shape or type.
    """
    if depth_m.ndim != 2 or not np.issubdtype(depth_m.dtype, np.floating):
        raise ValueError(f"depth has shape {depth_m.shape} and type {depth_m.dtype}, expected "
                         "(height, width) of floating metres; convert 16UC1 millimetres first")
    boxes = np.asarray(xyxy, np.float64)
    if boxes.size == 0:
        return ()
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes have shape {boxes.shape}, expected (N, 4) as x0, y0, x1, y1")
    height, width = depth_m.shape
    results: list[DepthResult] = [NoDepth("")] * len(boxes)
    with np.errstate(invalid="ignore"):
        limits = np.array([width, height, width, height]) - 0.5
        clipped = np.clip(boxes, -0.5, limits)
        sides = clipped[:, 2:] - clipped[:, :2]
        usable = np.isfinite(boxes).all(1) & (sides >= 1).all(1)
    for index in np.flatnonzero(~usable):
        results[index] = NoDepth(_degenerate(boxes[index], width, height))
    chosen = np.flatnonzero(usable)
    estimate = surfaces if config.depth_anchor == "surface" else contacts
    for index, result in zip(chosen, estimate(depth_m, clipped[chosen], config), strict=True):
        results[index] = result
    return tuple(results)


def _degenerate(box: NDArray[np.float64], width: int, height: int) -> str:
    text = ", ".join(f"{v:.1f}" for v in box)
    if not np.isfinite(box).all():
        return f"box ({text}) is not finite"
    if box[2] <= box[0] or box[3] <= box[1]:
        return f"box ({text}) is empty: expected x0 < x1 and y0 < y1"
    return f"box ({text}) lies less than a pixel inside the {width}x{height} depth map"

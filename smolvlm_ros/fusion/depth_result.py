"""What is known of the depth of an object, and the settings of how it is found."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.settings import Settings, setting


@dataclass(frozen=True)
class DepthConfig(Settings):
    """How the depth of a box is read from the depth map."""

    depth_anchor: str = setting(
        "surface", "Which depth stands for an object: that of its own surface; `contact`, for "
        "ground_plane depth maps, which hold no object surfaces: that of the ground where the "
        "lower edge of its box stands; `floor`, for small networks, which blur what stands on the "
        "ground: the farthest of the ground there and just beside the box. With the ground's "
        "depth, what looks upright counts as standing for a camera tilted by up to 30 degrees "
        "(known by target_frame) and as lying from 60 on; in between its position is the less "
        "certain.",
        choices=("surface", "contact", "floor"), runtime=True)
    min_valid_pixels: int = setting(
        12, "Least number of depth pixels in a box; below it the object gets no pose.", unit="px",
        ge=1, le=100000, runtime=True)
    min_valid_fraction: float = setting(
        0.1, "Least share of a box's pixels with a depth; below it the object gets no pose.",
        ge=0.0, le=1.0, runtime=True)
    min_surface_fraction: float = setting(
        0.08, "Least share of a box's depth pixels that must lie on one surface; below it the "
        "object gets no pose.", ge=0.0, le=1.0, runtime=True)
    depth_std_rel: float = setting(
        0.02, "Standard deviation of the depth source's scale, as a share of depth: about 0.02 for "
        "an RGB-D camera, 0.1 for a monocular network.", ge=0.0, le=1.0, runtime=True)


@dataclass(frozen=True)
class ObjectDepth:
    """The depth of an object's visible surface.

    Attributes:
        depth_m: median depth of the surface along the optical axis.
        std_m: standard deviation of that: the surface's spread and the source's scale together.
        extent_m: how deep the visible surface is, its 5th to its 95th percentile.
        valid_fraction: share of the box's pixels that have a depth.
        surface_fraction: share of those that lie on the surface.
        pixels: about how many pixels of the depth map lie on the surface.
    """

    depth_m: float
    std_m: float
    extent_m: float
    valid_fraction: float
    surface_fraction: float
    pixels: int


@dataclass(frozen=True)
class NoDepth:
    """No depth could be given, and why, in words for the user."""

    reason: str


DepthResult = ObjectDepth | NoDepth


def census(z: NDArray[np.float32]) -> str:
    """What the box's pixels without a depth are."""
    unknown, beyond, near = (np.count_nonzero(kind) / max(z.size, 1)
                             for kind in (np.isnan(z), z == np.inf, z == -np.inf))
    return f" ({unknown:.0%} unknown, {beyond:.0%} beyond range, {near:.0%} too near)"

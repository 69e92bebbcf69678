"""The depth of an object's own surface: figure and ground, by centre and surround."""
from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.depth_result import DepthConfig, DepthResult, NoDepth, ObjectDepth, census

_INSIDE, _RING = 400, 240        # samples in the box and in the ring around it
_RING_WIDTH = 0.15               # of the box's width and height, on each side
_BIN = 0.02                      # histogram bin: 2 % of depth
_NEAREST_M, _FARTHEST_M = 0.05, 500.0
_BINS = int(np.log(_FARTHEST_M / _NEAREST_M) / _BIN) + 1
_KERNEL = (0.5, 1.0, 1.0, 1.0, 0.5)   # smoothing over about +-4 % of depth, a sensor's noise
_RING_WEIGHT = 0.75              # below 1, so that a picture on its wall still has a surface
_LEAST_RING = 0.25               # share of the ring that must be known to count fully
_NEARER_IF = 0.9                 # a nearer surface with this share of the best one's score wins
_GROW = 0.1                      # a surface reaches as far as its score stays above this share
_GROW_BINS = 15                  # and at most this far: +-35 % of depth


@lru_cache(maxsize=1)
def _pattern() -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Sample points in box coordinates (0 to 1 is the box), and their weights; inside ones first.

    The points are an additive (Kronecker) sequence with the plastic number, which fills the plane
    evenly and without a grid: M. Roberts, "The unreasonable effectiveness of quasirandom
    sequences", 2018.
    """
    plastic = 1.32471795724474602596
    steps = np.arange(1, 4000)[:, None] / np.array([[plastic, plastic ** 2]])
    unit = (0.5 + steps) % 1.0
    inside = unit[:_INSIDE]
    wide = unit * (1 + 2 * _RING_WIDTH) - _RING_WIDTH
    ring = wide[((wide < 0) | (wide > 1)).any(1)][:_RING]
    offset = 2 * inside - 1
    centred = 0.2 + 0.8 * np.prod(1 - offset ** 2, axis=1)
    weights = np.concatenate([centred / centred.sum(), np.full(len(ring), 1 / len(ring))])
    return np.concatenate([inside, ring]), weights.astype(np.float32)


def _samples(depth_m: NDArray[np.floating], boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Depths at the pattern's points, shape (N, samples); NaN outside the image."""
    height, width = depth_m.shape
    points, _ = _pattern()
    size = boxes[:, 2:] - boxes[:, :2]
    uv = np.rint(boxes[:, None, :2] + points * size[:, None]).astype(np.int32)
    u, v = uv[..., 0], uv[..., 1]
    # A sample on the box's very edge may round one pixel out of the image: it belongs inside.
    inside = np.s_[:, :_INSIDE]
    np.clip(u[inside], 0, width - 1, out=u[inside])
    np.clip(v[inside], 0, height - 1, out=v[inside])
    outside = (u < 0) | (u >= width) | (v < 0) | (v >= height)
    flat = v * width + u
    flat[outside] = 0
    values = np.take(depth_m, flat).astype(np.float32, copy=False)
    values[outside] = np.nan
    return values


def surfaces(depth_m: NDArray[np.floating], boxes: NDArray[np.float64],
             config: DepthConfig) -> list[DepthResult]:
    """The depth of each box's own surface; how and why is told in `object_depths`.

    Args:
        depth_m: shape (H, W) float metres.
        boxes: shape (N, 4), inside the depth map, at least a pixel wide and high.
        config: limits.
    """
    if not len(boxes):
        return []
    z = _samples(depth_m, boxes)
    with np.errstate(invalid="ignore", divide="ignore"):
        finite = (z > 0) & (z < np.inf)
        known = finite | (z == np.inf)
        bins = np.log(z / _NEAREST_M) / np.float32(_BIN)
        np.clip(np.where(finite, bins, 0), 0, _BINS - 1, out=bins)
    index = bins.astype(np.int32)
    low, high = _layer(_contrast(index, finite, known))
    inside_bins, inside_finite = index[:, :_INSIDE], finite[:, :_INSIDE]
    member = inside_finite & (inside_bins >= low[:, None]) & (inside_bins <= high[:, None])
    counts = member.sum(1)
    ordered = np.sort(np.where(member, z[:, :_INSIDE], np.inf), axis=1)
    levels = np.array([0.05, 0.16, 0.5, 0.84, 0.95])
    at = np.rint(levels * np.maximum(counts - 1, 0)[:, None]).astype(np.intp)
    quantiles = np.take_along_axis(ordered, at, axis=1).astype(np.float64)
    valid = inside_finite.mean(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    results: list[DepthResult] = []
    for row, (share, pixels) in enumerate(zip(valid.tolist(), area.tolist(), strict=True)):
        surface = counts[row] / max(1.0, share * _INSIDE)
        reason = _too_little(share, share * pixels, float(surface), config)
        results.append(NoDepth(f"{reason}{census(z[row, :_INSIDE])}") if reason else
                       _result(quantiles[row].tolist(), share, float(surface), pixels, config))
    return results


def _contrast(index: NDArray[np.int32], finite: NDArray[np.bool_],
              known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Smoothed histogram of the box minus that of its ring, shape (N, bins)."""
    _, weights = _pattern()
    signed = np.where(known, weights, np.float32(0))
    inside, ring = signed[:, :_INSIDE], signed[:, _INSIDE:]
    inside /= np.maximum(inside.sum(1, keepdims=True), 1e-6)
    ring *= -_RING_WEIGHT / np.maximum(ring.sum(1, keepdims=True), _LEAST_RING)
    signed *= finite
    rows = np.arange(len(index), dtype=np.int32)[:, None] * np.int32(_BINS)
    raw = np.bincount((index + rows).ravel(), signed.ravel(), minlength=len(index) * _BINS)
    padded = np.pad(raw.reshape(-1, _BINS), ((0, 0), (2, 2)))
    smooth = np.zeros((len(index), _BINS))
    for offset, weight in enumerate(_KERNEL):
        smooth += weight * padded[:, offset:offset + _BINS]
    return smooth


def _layer(contrast: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last bin of each box's surface."""
    best = contrast.max(1, keepdims=True)
    # All below zero (a flat wall in and around the box): the best of them is still the surface.
    threshold = np.where(best > 0, _NEARER_IF * best, best)
    first = np.argmax(contrast >= threshold, axis=1)
    columns = np.arange(_BINS)
    # From the first bin near the best value, climb to its own peak within the kernel's width.
    window = (columns >= first[:, None]) & (columns < first[:, None] + len(_KERNEL))
    peak = np.argmax(np.where(window, contrast, -np.inf), axis=1)[:, None]
    outside = contrast <= np.where(best > 0, _GROW * best, best - 1e-9)
    below = np.where(outside & (columns < peak), columns, -1).max(1)
    above = np.where(outside & (columns > peak), columns, _BINS).min(1)
    top = peak[:, 0]
    return (np.maximum(below + 1, top - _GROW_BINS), np.minimum(above - 1, top + _GROW_BINS))


def _too_little(valid: float, pixels: float, surface: float, config: DepthConfig) -> str:
    if pixels < config.min_valid_pixels:
        return (f"{pixels:.0f} pixels in the box have a depth, least is min_valid_pixels = "
                f"{config.min_valid_pixels}")
    if valid < config.min_valid_fraction:
        return (f"{valid:.0%} of the box has a depth, least is min_valid_fraction = "
                f"{config.min_valid_fraction:g}")
    if surface < config.min_surface_fraction:
        return (f"no surface stands out: the best holds {surface:.0%} of the depth pixels, least "
                f"is min_surface_fraction = {config.min_surface_fraction:g}")
    return ""


def _result(quantiles: list[float], valid: float, surface: float, area: float,
            config: DepthConfig) -> ObjectDepth:
    p05, p16, median, p84, p95 = quantiles
    spread = (p84 - p16) / 2
    std = float(np.hypot(spread, config.depth_std_rel * median))
    return ObjectDepth(median, std, p95 - p05, valid, surface,
                       max(1, round(area * valid * surface)))

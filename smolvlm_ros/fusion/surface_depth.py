"""The depth of an object's own surface: figure and ground, by centre and surround."""
from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.fusion.depth_result import DepthConfig, DepthResult, NoDepth, ObjectDepth, census

_INSIDE, _RING = 400, 240        # samples in the box and in the ring around it
_BATCH = 32                      # boxes at a time, so that arrays stay in the processor's cache
_RING_FROM, _RING_TO = 0.06, 0.25   # of the box's sides, outside it; the gap takes its jitter
_BIN = 0.02                      # histogram bin: 2 % of depth
_NEAREST_M, _FARTHEST_M = 0.1, 200.0
_BINS = int(np.log(_FARTHEST_M / _NEAREST_M) / _BIN) + 1
# Smoothing over about +-3 % of depth, a sensor's noise.
_KERNEL = np.array([[0.25, 0.5, 1.0, 0.5, 0.25]], np.float32)
_RING_ODDS = 8.0                 # the ring speaks louder against a depth than the box for it
_LEAST_RING = 0.25               # share of the ring that must be known to count fully
_NEARER_IF = 0.9                 # a nearer surface with this share of the best one's score wins
_GROW = 0.3                      # a surface reaches as far as its score stays above this share
_GROW_BINS = 15                  # and at most this far: +-35 % of depth


@lru_cache(maxsize=1)
def _pattern() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sample points in box coordinates (0 to 1 is the box), and their weights; inside ones first.

    The points are an additive (Kronecker) sequence with the plastic number, which fills the plane
    evenly and without a grid: M. Roberts, "The unreasonable effectiveness of quasirandom
    sequences", 2018.
    """
    plastic = 1.32471795724474602596
    steps = np.arange(1, 4000)[:, None] / np.array([[plastic, plastic ** 2]])
    unit = (0.5 + steps) % 1.0
    inside = unit[:_INSIDE]
    wide = unit * (1 + 2 * _RING_TO) - _RING_TO
    ring = wide[((wide < -_RING_FROM) | (wide > 1 + _RING_FROM)).any(1)][:_RING]
    offset = 2 * inside - 1
    centred = 0.1 + 0.9 * np.prod(1 - offset ** 2, axis=1)
    weights = np.concatenate([centred / centred.sum(), np.full(len(ring), 1 / len(ring))])
    points = np.asfortranarray(np.concatenate([inside, ring]), np.float32)
    return points, weights.astype(np.float32)


def _samples(depth_m: NDArray[np.floating], boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Depths at the pattern's points, shape (N, samples); NaN outside the image."""
    height, width = depth_m.shape
    u, outside_u = _axis(boxes[:, 0], boxes[:, 2], 0, width)
    v, outside_v = _axis(boxes[:, 1], boxes[:, 3], 1, height)
    values = depth_m.ravel()[v * np.int32(width) + u].astype(np.float32, copy=False)
    np.copyto(values[:, _INSIDE:], np.nan, where=outside_u | outside_v)
    return values


def _axis(low: NDArray[np.float64], high: NDArray[np.float64], axis: int, count: int
          ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Pixel columns or rows of the pattern in each box, and which of the ring's are outside."""
    points = _pattern()[0][:, axis]
    size = (high - low).astype(np.float32)
    # Pixel centres are whole numbers: half a pixel more, cut off, is the nearest one.
    place = points * size[:, None] + (low.astype(np.float32) + np.float32(0.5))[:, None]
    ring = place[:, _INSIDE:]
    outside = (ring < 0) | (ring >= count)
    return np.clip(place, 0, count - 1).astype(np.int32), outside


def surfaces(depth_m: NDArray[np.floating], boxes: NDArray[np.float64],
             config: DepthConfig) -> list[DepthResult]:
    """The depth of each box's own surface; how and why is told in `object_depths`.

    Args:
        depth_m: shape (H, W) float metres.
        boxes: shape (N, 4), inside the depth map, at least a pixel wide and high.
        config: limits.
    """
    results: list[DepthResult] = []
    for first in range(0, len(boxes), _BATCH):
        results += _batch(depth_m, boxes[first:first + _BATCH], config)
    return results


def _batch(depth_m: NDArray[np.floating], boxes: NDArray[np.float64],
           config: DepthConfig) -> list[DepthResult]:
    z = _samples(depth_m, boxes)
    with np.errstate(invalid="ignore", divide="ignore"):
        finite = (z > 0) & (z < np.inf)
        known = finite | (z == np.inf)
        bins = np.log(z / _NEAREST_M) / np.float32(_BIN)
        np.fmin(np.fmax(bins, 0, out=bins), _BINS - 1, out=bins)   # NaN becomes 0
    index = bins.astype(np.int32)
    low, high = _layer(_evidence(index, finite, known))
    inside_bins, inside_finite = index[:, :_INSIDE], finite[:, :_INSIDE]
    member = inside_finite & (inside_bins >= low[:, None]) & (inside_bins <= high[:, None])
    counts = member.sum(1)
    ordered = z[:, :_INSIDE].copy()
    np.copyto(ordered, np.inf, where=~member)
    ordered.sort(axis=1)
    levels = np.array([0.05, 0.16, 0.5, 0.84, 0.95])
    at = np.rint(levels * np.maximum(counts - 1, 0)[:, None]).astype(np.intp)
    quantiles = np.take_along_axis(ordered, at, axis=1)
    valid = inside_finite.mean(1)
    surface = counts / np.maximum(valid * _INSIDE, 1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    results: list[DepthResult] = []
    for row, (share, part, pixels, levels_m) in enumerate(zip(
            valid.tolist(), surface.tolist(), area.tolist(), quantiles.tolist(), strict=True)):
        reason = _too_little(share, share * pixels, part, config)
        results.append(NoDepth(f"{reason}{census(z[row, :_INSIDE])}") if reason else
                       _result(levels_m, share, part, pixels, config))
    return results


def _evidence(index: NDArray[np.int32], finite: NDArray[np.bool_],
              known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much of the box each depth fills as the object, shape (N, bins)."""
    _, weights = _pattern()
    shares = known * weights
    inside, ring = shares[:, :_INSIDE], shares[:, _INSIDE:]
    inside /= np.maximum(inside.sum(1, keepdims=True), 1e-6)
    ring *= _RING_ODDS / np.maximum(ring.sum(1, keepdims=True), _LEAST_RING)
    shares *= finite
    rows = np.arange(len(index), dtype=np.int32)[:, None] * np.int32(2 * _BINS)
    cells = index + rows
    cells[:, _INSIDE:] += _BINS
    raw = np.bincount(cells.ravel(), shares.ravel(), minlength=len(index) * 2 * _BINS)
    smooth = cv2.filter2D(raw.astype(np.float32).reshape(-1, _BINS), -1, _KERNEL,
                          borderType=cv2.BORDER_CONSTANT).reshape(-1, 2, _BINS)
    within, around = smooth[:, 0], smooth[:, 1]
    result: NDArray[np.float32] = within * within / (within + around + np.float32(1e-9))
    return result


def _layer(evidence: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last bin of each box's surface."""
    first = np.argmax(evidence >= _NEARER_IF * evidence.max(1, keepdims=True), axis=1)[:, None]
    columns = np.arange(_BINS, dtype=np.int32)
    # From the first bin near the best value, climb to its own peak within the kernel's width.
    window = (columns >= first) & (columns < first + _KERNEL.size)
    peak = np.argmax(evidence * window, axis=1)[:, None]
    outside = evidence <= _GROW * np.take_along_axis(evidence, peak, axis=1)
    below = ((outside & (columns < peak)) * (columns + 1)).max(1) - 1
    above = _BINS - ((outside & (columns > peak)) * (_BINS - columns)).max(1)
    top = peak[:, 0]
    return np.maximum(below + 1, top - _GROW_BINS), np.minimum(above - 1, top + _GROW_BINS)


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
    std = math.hypot((p84 - p16) / 2, config.depth_std_rel * median)
    return ObjectDepth(median, std, p95 - p05, valid, surface,
                       max(1, round(area * valid * surface)))

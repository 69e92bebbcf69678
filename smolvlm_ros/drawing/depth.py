"""Depth in colour, with its scale."""
from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.drawing import text
from smolvlm_ros.drawing.text import Colour, Image

# Viridis is ordered by lightness for every eye: near is bright, far is dark. The neutral greys of
# what has no number cannot be mistaken for one of its colours.
_MAP = cv2.COLORMAP_VIRIDIS
UNKNOWN: Colour = (96, 96, 100)  # NaN
BEYOND: Colour = (214, 216, 220)  # +Inf: the sky
TOO_NEAR: Colour = (150, 60, 60)  # -Inf
_LEAST_BAR_PX = 64


def colour_depth(depth_m: NDArray[np.float32], near_m: float, far_m: float) -> Image:
    """Depth as colours: bright near, dark far.

    Args:
        depth_m: shape (H, W) float, metres; NaN unknown, +Inf beyond range, -Inf too near
            (REP-117).
        near_m: shown in the brightest colour, as is all that is nearer.
        far_m: shown in the darkest, as is all that is farther.

    Returns:
        shape (H, W, 3) uint8, RGB.

    Raises:
        ValueError: when the image is no depth image or the limits are in wrong order.
    """
    depth = np.asarray(depth_m)
    if depth.ndim != 2 or not depth.size or not np.issubdtype(depth.dtype, np.floating):
        raise ValueError(f"depth is {depth.dtype} {depth.shape}, expected float metres (H, W)")
    _check_limits(near_m, far_m)
    share = (depth - near_m) / (far_m - near_m)
    level = np.clip(np.nan_to_num((1.0 - share) * 255.0, nan=0.0, posinf=0.0, neginf=0.0), 0, 255)
    colours = cv2.applyColorMap(np.round(level).astype(np.uint8), _MAP)[..., ::-1].copy()
    colours[np.isnan(depth)] = UNKNOWN
    colours[depth == np.inf] = BEYOND
    colours[depth == -np.inf] = TOO_NEAR
    return colours


def depth_scale_bar(height: int, near_m: float, far_m: float) -> Image:
    """The scale to set beside a coloured depth image: ticks in metres, and the greys without
    number.

    Args:
        height: in pixels, at least 64.
        near_m, far_m: as given to `colour_depth`.

    Returns:
        shape (height, W, 3) uint8, RGB; near is at the bottom, as the floor is in an image.
    """
    _check_limits(near_m, far_m)
    if height < _LEAST_BAR_PX:
        raise ValueError(f"scale bar is {height} pixels high, expected at least "
                         f"{_LEAST_BAR_PX}")
    size = text.text_height(height)
    pad = max(3, size // 2)
    ticks = _ticks(near_m, far_m, max(2, height // (size * 5)))
    words = [_metres(t, ticks) for t in ticks]
    legend = (("beyond", BEYOND), ("unknown", UNKNOWN))
    bar = max(8, size)
    wide = max(text.text_size(w, size)[0] for w in (*words, *(name for name, _ in legend)))
    image = np.full((height, bar + wide + 4 * pad, 3), text.INK, np.uint8)
    row = size + pad
    top, bottom = pad + len(legend) * row + pad, height - pad
    for i, (name, colour) in enumerate(legend):
        y = pad + i * row
        cv2.rectangle(image, (pad, y), (pad + bar - 1, y + size - 1), colour, -1)
        text.put_text(image, name, bar + 3 * pad, y, size, text.GREY)
    column = np.linspace(far_m, near_m, max(2, bottom - top), dtype=np.float32)[:, None]
    image[top:top + len(column), pad:pad + bar] = colour_depth(column, near_m, far_m)
    for tick, word in zip(ticks, words, strict=True):
        y = int(round(top + (far_m - tick) / (far_m - near_m) * (len(column) - 1)))
        cv2.line(image, (pad + bar, y), (pad + bar + pad, y), text.PAPER, 1)
        at = min(max(y - size / 2, top), bottom - size)
        text.put_text(image, word, bar + 3 * pad, at, size, text.PAPER)
    return image


def depth_panel(depth_m: NDArray[np.float32], near_m: float, far_m: float) -> Image:
    """Coloured depth with its scale at the right; see `colour_depth` for the arguments."""
    colours = colour_depth(depth_m, near_m, far_m)
    bar = depth_scale_bar(max(_LEAST_BAR_PX, colours.shape[0]), near_m, far_m)
    missing = bar.shape[0] - colours.shape[0]
    padded = cv2.copyMakeBorder(colours, 0, missing, 0, 0, cv2.BORDER_CONSTANT, value=text.INK)
    return np.hstack([padded, bar]).astype(np.uint8, copy=False)


def _check_limits(near_m: float, far_m: float) -> None:
    if not (math.isfinite(near_m) and math.isfinite(far_m) and near_m < far_m):
        raise ValueError(f"depth is shown from {near_m} to {far_m} m; expected finite numbers, "
                         "near below far")


def _ticks(near: float, far: float, most: int) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) from near to far, at most `most`."""
    raw = (far - near) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10, 20) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(near / step - 1e-9)
    last = math.floor(far / step + 1e-9)
    return [i * step for i in range(first, last + 1)] or [near, far]


def _metres(value: float, ticks: list[float]) -> str:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f} m"

"""Global changes of light: exposure, lamps, flicker."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_GAIN_LIMITS = (0.25, 4.0)
_STRIDE = 4
_ROW_LIMITS = (0.75, 1.33)
_ROW_LEAST = 0.015


@dataclass(frozen=True)
class Light:
    """How the scene's brightness maps to this frame's: rows * (gain * scene + offset)."""

    gain: float = 1.0
    offset: float = 0.0
    rows: NDArray[np.float32] | None = None

    def apply(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image as it would look in this frame's light, shape and dtype kept."""
        if self is IDENTITY:
            return image
        lit = image * np.float32(self.gain)
        lit += np.float32(self.offset)
        return lit if self.rows is None else lit * self.rows[:, None]

    def flat(self) -> Light:
        """The same change without the rows' part, which is never learnt."""
        return self if self.rows is None else Light(self.gain, self.offset)

    def without_rows(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A frame with the rows' part taken out; pixels below zero (unknown) stay below."""
        return image if self.rows is None else image / self.rows[:, None]


IDENTITY = Light()
"""No change of light."""


def fit_light(scene: NDArray[np.float32], image: NDArray[np.float32],
              usable: NDArray[np.bool_]) -> Light:
    """The change of light from the scene to the image, blind to what moves.

    A least-squares line through (scene, image) brightness, fitted twice more to the half that
    lies nearest (trimmed least squares, Rousseeuw 1984), then each row's median ratio, which is
    what a lamp's flicker leaves under a rolling shutter.

    Args:
        scene: shape (H, W), brightness 0 to 255.
        image: shape (H, W), the same view in another light.
        usable: shape (H, W), True where both are known and nothing moves.
    """
    thin = np.ascontiguousarray(image[::_STRIDE, ::_STRIDE])
    picked = usable[::_STRIDE, ::_STRIDE] & (thin > 3) & (thin < 252)
    a, b = scene[::_STRIDE, ::_STRIDE][picked], thin[picked]
    if len(a) < 50:
        return IDENTITY
    gain, offset = _line(a, b)
    for _ in range(2):
        error = np.abs(b - gain * a - offset)
        middle = float(np.partition(error, len(error) // 2)[len(error) // 2])
        near = np.flatnonzero(error <= max(2.0, 1.5 * middle))
        gain, offset = _line(a[near], b[near])
    return Light(gain, offset, _row_gains(scene, image, usable, gain, offset))


def _line(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float]:
    mean_a, mean_b = cv2.mean(a)[0], cv2.mean(b)[0]
    centred = a - mean_a
    variance = float(centred @ centred)
    if variance < 25.0 * len(a):  # too flat for a gain: all of it is offset
        return 1.0, mean_b - mean_a
    gain = float(centred @ (b - mean_b)) / variance
    gain = min(max(gain, _GAIN_LIMITS[0]), _GAIN_LIMITS[1])
    return gain, mean_b - gain * mean_a


def _row_gains(scene: NDArray[np.float32], image: NDArray[np.float32], usable: NDArray[np.bool_],
               gain: float, offset: float) -> NDArray[np.float32] | None:
    ratio = image[:, ::5] / np.maximum(gain * scene[:, ::5] + offset, np.float32(16.0))
    ratio[~usable[:, ::5]] = 1.0
    rows = np.sort(ratio, axis=1)[:, ratio.shape[1] // 2]
    if float(np.abs(rows - 1.0).max()) < _ROW_LEAST:
        return None
    return np.clip(rows, *_ROW_LIMITS).astype(np.float32)

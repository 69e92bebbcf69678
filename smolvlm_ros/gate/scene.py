"""What the scene looks like when nothing stands in front of it, learnt as it goes."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.frame import KNOWN_MIN, UNKNOWN
from smolvlm_ros.gate.light import Light, fit_light
from smolvlm_ros.gate.regions import around

_KERNEL = np.ones((3, 3), np.uint8)
_SETTLE_FRAMES = 3
_FAST_S = 0.12
_NOISE_S = 4.0
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_MAX = np.float32(40.0)
_SHADOW_DEPTH = 0.4


@dataclass(frozen=True)
class Comparison:
    """One frame against the scene; all arrays (H, W), in the scene's pixels.

    Attributes:
        image: the frame, warped to the scene, UNKNOWN where it does not reach.
        known: True where both scene and frame are known.
        light: the global change of light that was found.
        deviation: how far the frame is from the scene, levels.
        differs: something stands there that is not the scene.
        active: it also changed within the last moments.
        sharp: the change has an edge there that light alone does not make.
    """

    image: NDArray[np.float32]
    known: NDArray[np.bool_]
    light: Light
    deviation: NDArray[np.float32]
    differs: NDArray[np.bool_]
    active: NDArray[np.bool_]
    sharp: NDArray[np.bool_]


class Scene:
    """Running mean and noise of every pixel, kept in the pixels of one reference view.

    `mean` is learnt slowly and only where nothing stands in front; `fast` follows the frame within
    half a second and tells what still changes from what has come to a halt.
    """

    def __init__(self, image: NDArray[np.float32]) -> None:
        self.mean = image.copy()
        self.fast = image.copy()
        self.noise = np.full(image.shape, max(1.0, 0.8 * estimate_noise(image)), np.float32)
        self.age = np.where(image > KNOWN_MIN, 1.0, 0.0).astype(np.float32)

    def light(self, image: NDArray[np.float32], covered: NDArray[np.bool_]) -> Light:
        """The global change of light to a frame in the scene's pixels."""
        return fit_light(self.mean, image, (image > KNOWN_MIN) & (self.age > 0) & ~covered)

    def compare(self, image: NDArray[np.float32], light: Light, tolerant: bool,
                config: GateConfig) -> Comparison:
        """Hold a frame against the scene.

        Args:
            image: shape (H, W) float32, in the scene's pixels.
            light: its change of light.
            tolerant: allow one pixel of misalignment (a camera that moves).
            config: the limits.
        """
        known = (image > KNOWN_MIN) & (self.age > 0)
        expected = light.apply(self.mean).clip(0.0, 255.0)
        limit = config.noise_factor * self.noise
        limit += np.float32(config.min_contrast)
        deviation = _deviation(image, expected, tolerant)
        differs = (deviation > limit) & known & (self.age >= _SETTLE_FRAMES)
        active, sharp = np.zeros_like(differs), np.zeros_like(differs)
        part = around(differs, 1)
        image_part, limit = image[part], limit[part]
        lately = _deviation(image_part, light.apply(self.fast)[part], tolerant)
        active[part] = differs[part] & (lately > limit)
        expected = expected[part]
        span = _span(image_part - expected)
        sharp[part] = differs[part] & (span > limit + _SHADOW_DEPTH * _span(expected))
        return Comparison(image, known, light, deviation, differs, active, sharp)

    def learn(self, seen: Comparison, covered: NDArray[np.bool_], dt_s: float, background_s: float
              ) -> None:
        """Take a frame into the scene, but not what stands before it.

        Args:
            seen: the frame, compared.
            covered: True where something stands before the scene.
            dt_s: time since the last frame, seconds.
            background_s: time constant of the mean, seconds.
        """
        known, open_view = seen.known, seen.known & ~covered
        cv2.accumulate(known.view(np.uint8), self.age)
        newest = 1.0 / self.age.clip(2.0)
        image = seen.light.without_rows(seen.image)
        mean = seen.light.flat().apply(self.mean)
        taken = _blend(mean, image, np.maximum(newest, _share(dt_s, background_s)))
        np.copyto(mean, taken, where=open_view & (image > 1) & (image < 254))
        fast = self._follow(image, seen.light, _share(dt_s, _FAST_S))
        noise = _blend(self.noise, np.minimum(seen.deviation, _NOISE_MAX),
                       np.maximum(newest, _share(dt_s, _NOISE_S)))
        np.copyto(self.noise, noise, where=open_view)
        if known.all():
            self.mean, self.fast = mean, fast
        else:
            np.copyto(self.mean, mean, where=known)
            np.copyto(self.fast, fast, where=known)
            self._reveal(image, ~known & (seen.image > KNOWN_MIN))

    def absorb(self, image: NDArray[np.float32], where: NDArray[np.bool_]) -> None:
        """Make what is seen there part of the scene."""
        take = where & (image > KNOWN_MIN)
        self.mean[take] = image[take]
        self.fast[take] = image[take]
        self.noise[take] = 1.0

    def warped(self, transform: NDArray[np.float64], image: NDArray[np.float32]) -> Scene:
        """The scene in the pixels of another view, filled up with the frame seen there.

        Args:
            transform: shape (3, 3), from this scene's pixels to the other view's.
            image: shape (H, W), the frame in the other view's pixels.
        """
        size = (image.shape[1], image.shape[0])
        other = Scene(image)
        stacked = np.dstack([self.mean, self.fast, self.noise, self.age])
        moved = cv2.warpPerspective(stacked, transform, size, flags=cv2.INTER_LINEAR,
                                    borderMode=cv2.BORDER_CONSTANT, borderValue=[UNKNOWN] * 4)
        valid = (moved[..., 0] > KNOWN_MIN) & (moved[..., 3] > 0.5)
        other.mean = np.where(valid, moved[..., 0], image)
        other.fast = np.where(valid, moved[..., 1], image)
        other.noise = np.where(valid, moved[..., 2], np.float32(1.0))
        other.age = np.where(valid, np.floor(moved[..., 3]), other.age)
        return other

    def _follow(self, image: NDArray[np.float32], light: Light, share: np.float32
                ) -> NDArray[np.float32]:
        """`fast` in that light, with its share of the frame."""
        rest = 1.0 - float(share)
        return np.asarray(cv2.addWeighted(self.fast, rest * light.gain, image, float(share),
                                          rest * light.offset), np.float32)

    def _reveal(self, image: NDArray[np.float32], fresh: NDArray[np.bool_]) -> None:
        """Take pixels that come into view for the first time as they are."""
        if fresh.any():
            self.mean[fresh] = image[fresh]
            self.fast[fresh] = image[fresh]
            self.age[fresh] = 1.0


def estimate_noise(image: NDArray[np.float32]) -> float:
    """The standard deviation of an image's noise, levels (Immerkaer 1996, median for his mean).

    Args:
        image: shape (H, W); unknown pixels do no harm where they are fewer than half.
    """
    response = np.abs(cv2.filter2D(image, cv2.CV_32F, _NOISE_MASK))
    return float(np.median(response[1:-1, 1:-1])) / (0.6745 * 6.0)


def _deviation(image: NDArray[np.float32], expected: NDArray[np.float32], tolerant: bool
               ) -> NDArray[np.float32]:
    """How far a frame is from what is expected there, or from the nearest within a pixel."""
    if not tolerant:
        return np.asarray(cv2.absdiff(image, expected), np.float32)
    above = image - cv2.dilate(expected, _KERNEL)
    below = cv2.erode(expected, _KERNEL) - image
    return np.maximum(np.maximum(above, below), np.float32(0.0))


def _span(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest less lowest value within a pixel."""
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, _KERNEL), np.float32)


def _share(dt_s: float, time_s: float) -> np.float32:
    """What a running mean with that time constant takes of a frame."""
    return np.float32(min(1.0, dt_s / time_s))


def _blend(old: NDArray[np.float32], new: NDArray[np.float32],
           share: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """old + share * (new - old)."""
    step = cv2.subtract(new, old)
    step *= share
    return np.asarray(cv2.add(old, step), np.float32)

"""Tileable grey patterns for surfaces, with their smaller copies in one sheet.

A pattern says where a surface is light and where it is dark (0 to 255); a material gives it two
colours. Each covers a fixed number of metres in every scene, so that its grain tells distance, as
a floor tile does in the real world.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 256    # texels of a pattern's side
LEVELS = 7    # 256 down to 4 texels
_PAD = 2      # texels repeated around each copy, for bilinear lookups at its border
_SEED = 20240

# Metres that one repetition covers.
TILE_M = {"plaster": 2.0, "concrete": 3.0, "tiles": 2.0, "planks": 2.0, "carpet": 1.0,
          "panels": 2.4, "brick": 1.6, "grass": 3.0, "gravel": 2.0, "asphalt": 2.5, "leaves": 4.0,
          "clouds": 1.0}
NAMES = tuple(TILE_M)

Grey: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sheet:
    """All patterns and their smaller copies in one image.

    Level l of pattern number n begins at column `left(l)` and row `top(n)`.

    Attributes:
        image: shape (rows, columns) uint8.
    """

    image: NDArray[np.uint8]

    @staticmethod
    def top(number: int) -> int:
        """First row of pattern `number`, in the order of NAMES."""
        return number * (SIZE + 2 * _PAD) + _PAD

    @staticmethod
    def left(level: NDArray[np.float32], texels: NDArray[np.float32]) -> NDArray[np.float32]:
        """First column of each level, which is `texels` = SIZE / 2**level wide."""
        return 2 * SIZE + _PAD - 2 * texels + 2 * _PAD * level


@lru_cache(maxsize=1)
def sheet() -> Sheet:
    """The sheet; the same in every process."""
    columns = 2 * SIZE + 2 * _PAD * LEVELS
    image = np.zeros((len(NAMES) * (SIZE + 2 * _PAD), columns), np.uint8)
    for number, name in enumerate(NAMES):
        copy = pattern(name)
        left = 0
        for _ in range(LEVELS):
            side = len(copy)
            framed = cv2.copyMakeBorder(copy, _PAD, _PAD, _PAD, _PAD, cv2.BORDER_WRAP)
            row = Sheet.top(number) - _PAD
            image[row:row + side + 2 * _PAD, left:left + side + 2 * _PAD] = framed
            left += side + 2 * _PAD
            copy = cv2.resize(copy, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    image.setflags(write=False)
    return Sheet(image)


@cache
def pattern(name: str) -> NDArray[np.uint8]:
    """One pattern, shape (256, 256) uint8, read only.

    Raises:
        ValueError: for a name that is not in NAMES.
    """
    if name not in _MAKERS:
        raise ValueError(f"pattern {name!r} is not known, expected one of {', '.join(NAMES)}")
    rng = np.random.default_rng([_SEED, NAMES.index(name)])
    grey = np.clip(_MAKERS[name](rng) * 255, 0, 255).astype(np.uint8)
    grey.setflags(write=False)
    return grey


def smooth_noise(rng: np.random.Generator, size: int, cells: float, octaves: int = 1) -> Grey:
    """Tileable noise, shape (size, size) float32, mean 0, standard deviation 1.

    Args:
        rng: source of the noise.
        size: side in texels.
        cells: blotches along a side in the first octave; each further octave doubles them and has
            0.6 of the strength.
        octaves: number of octaves.
    """
    frequency = np.fft.fftfreq(size, 1 / size)
    radius2 = frequency[:, None] ** 2 + frequency[None, :size // 2 + 1] ** 2
    total = np.zeros((size, size))
    for octave in range(octaves):
        spectrum = np.fft.rfft2(rng.normal(size=(size, size)))
        spectrum *= np.exp(-radius2 / (cells * 2 ** octave) ** 2)
        spectrum[0, 0] = 0
        layer = np.fft.irfft2(spectrum, (size, size))
        total += 0.6 ** octave * layer / layer.std()
    return (total / total.std()).astype(np.float32)


def _plaster(rng: np.random.Generator) -> Grey:
    return 0.5 + 0.10 * smooth_noise(rng, SIZE, 6, 3) + 0.07 * smooth_noise(rng, SIZE, 60)


def _concrete(rng: np.random.Generator) -> Grey:
    return 0.5 + 0.16 * smooth_noise(rng, SIZE, 3, 5) + 0.06 * smooth_noise(rng, SIZE, 100)


def _carpet(rng: np.random.Generator) -> Grey:
    return 0.5 + 0.18 * smooth_noise(rng, SIZE, 70) + 0.08 * smooth_noise(rng, SIZE, 5, 2)


def _asphalt(rng: np.random.Generator) -> Grey:
    return 0.5 + 0.13 * smooth_noise(rng, SIZE, 90) + 0.09 * smooth_noise(rng, SIZE, 4, 3)


def _grass(rng: np.random.Generator) -> Grey:
    blades = cv2.blur(np.tile(smooth_noise(rng, SIZE, 80), (2, 1)), (1, 5))[SIZE // 2:SIZE * 3 // 2]
    return 0.5 + 0.17 * blades + 0.10 * smooth_noise(rng, SIZE, 4, 4)


def _gravel(rng: np.random.Generator) -> Grey:
    stones = np.abs(smooth_noise(rng, SIZE, 34))
    return 0.25 + 0.35 * np.minimum(stones, 1.6) + 0.08 * smooth_noise(rng, SIZE, 3, 2)


def _leaves(rng: np.random.Generator) -> Grey:
    return 0.5 + 0.22 * smooth_noise(rng, SIZE, 14, 3) + 0.06 * smooth_noise(rng, SIZE, 80)


def _clouds(rng: np.random.Generator) -> Grey:
    return np.clip(0.25 + 0.35 * smooth_noise(rng, SIZE, 2, 5), 0, 1).astype(np.float32)


def _slabs(rng: np.random.Generator, rows: int, columns: int, joint: int, shift: float) -> Grey:
    """Slabs of slightly different brightness with dark joints; `shift`: offset of every 2nd row."""
    v, u = np.indices((SIZE, SIZE))
    high, wide = SIZE / rows, SIZE / columns
    row = (v / high).astype(int)
    u = (u + (row % 2) * shift * wide) % SIZE
    shades = 0.6 + 0.09 * rng.normal(size=(rows, columns))
    grey = shades[row, (u / wide).astype(int)].astype(np.float32)
    grey += 0.04 * smooth_noise(rng, SIZE, 30, 2)
    joints = (v % high < joint) | (u % wide < joint)
    return np.where(joints, np.float32(0.2), grey)


def _tiles(rng: np.random.Generator) -> Grey:
    return _slabs(rng, 4, 4, 2, 0.0)        # 0.5 m


def _brick(rng: np.random.Generator) -> Grey:
    return _slabs(rng, 16, 8, 2, 0.5)       # 0.2 m x 0.1 m


def _panels(rng: np.random.Generator) -> Grey:
    return _slabs(rng, 4, 4, 3, 0.0)        # 0.6 m


def _planks(rng: np.random.Generator) -> Grey:
    grain = cv2.blur(np.tile(smooth_noise(rng, SIZE, 100), (1, 3)), (41, 1))[:, SIZE:2 * SIZE]
    return _slabs(rng, 16, 2, 1, 0.5) + 0.35 * grain


_MAKERS: dict[str, Callable[[np.random.Generator], Grey]] = {
    "plaster": _plaster, "concrete": _concrete, "tiles": _tiles, "planks": _planks,
    "carpet": _carpet, "panels": _panels, "brick": _brick, "grass": _grass, "gravel": _gravel,
    "asphalt": _asphalt, "leaves": _leaves, "clouds": _clouds}

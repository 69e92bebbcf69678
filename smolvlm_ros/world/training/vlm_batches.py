"""Batches of views: which ones, mirrored or not, brighter or darker."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from smolvlm_ros.world.facts import CLEAR_SHARE
from smolvlm_ros.world.training.data import Arrays, drawn
from smolvlm_ros.world.training.vlm_views import (
    CATEGORIES,
    CELLS,
    FRAME_VIEWS,
    KEY,
    PATCH_PX,
    SCALE_FACTOR,
    TILE_PX,
    VIEWS,
    draw_views,
)

BLOCK = 2000              # scenes in a set of files, so that more can be added later
FRAME_SHARE = 0.65        # of a batch; things are smaller in them, which is harder
WINDOW = 6                # patches along the edge of a window
SIGHT_FRAME_SHARE = 0.85  # where only the tower learns
_SMALL = 0.5              # a thing's chance of a window falls with its area to this power
_GAIN = (0.85, 1.15)
_ANYWHERE = 0.15          # of the windows, around nothing in particular
_ENOUGH_PX = CLEAR_SHARE * TILE_PX**2   # of a thing: as many let a token show it


@dataclass(frozen=True)
class Batch:
    """Views with their truth, on the device.

    Attributes:
        tiles: shape (N, TILE_PX, TILE_PX, 3) float32, 0 to 255.
        shares: shape (N, CELLS, CELLS, CATEGORIES) float32, of each patch's area.
        clear: shape (N, CATEGORIES) float32: number of objects well seen.
        unclear: the same of those of which nothing can be said.
        corners: of windows of tiles: row and column of the first patch, shape (N, 2) int64; None
            for whole tiles.
    """

    tiles: torch.Tensor
    shares: torch.Tensor
    clear: torch.Tensor
    unclear: torch.Tensor
    corners: torch.Tensor | None = None


@dataclass(frozen=True)
class _Change:
    """What is done to each picture: shape (N,) bool and (N,) float32."""

    mirrored: NDArray[np.bool_]
    gain: NDArray[np.float32]

    @classmethod
    def by_chance(cls, size: int, rng: np.random.Generator) -> _Change:
        return cls(rng.random(size) < 0.5, rng.uniform(*_GAIN, size).astype(np.float32))

    @classmethod
    def none(cls, size: int) -> _Change:
        return cls(np.zeros(size, bool), np.ones(size, np.float32))

    def of(self, tiles: NDArray[np.uint8], shares: NDArray[np.uint8],
           device: torch.device) -> Batch:
        pixels = torch.from_numpy(tiles).to(device).float()
        areas = torch.from_numpy(shares).to(device).float() / 255
        mirrored = torch.from_numpy(self.mirrored).to(device)[:, None, None, None]
        gain = torch.from_numpy(self.gain).to(device)[:, None, None, None]
        pixels = (torch.where(mirrored, pixels.flip(2), pixels) * gain).clamp(max=255)
        areas = torch.where(mirrored, areas.flip(2), areas)
        nothing = torch.zeros(len(tiles), CATEGORIES, device=device)
        return Batch(pixels, areas, nothing, nothing)


class Views:
    """Drawn scenes to take batches from."""

    def __init__(self, blocks: Sequence[Arrays]) -> None:
        self._blocks = list(blocks)
        self._ends = np.cumsum([len(block["outdoor"]) for block in self._blocks])

    def __len__(self) -> int:
        """Number of scenes."""
        return int(self._ends[-1])

    def truth(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Objects well seen and unclear ones of every view, each (scenes x VIEWS, CATEGORIES)."""
        clear, unclear = (np.concatenate([block[name].reshape(-1, CATEGORIES)
                                          for block in self._blocks])
                          for name in ("clear", "unclear"))
        return torch.from_numpy(clear).float(), torch.from_numpy(unclear).float()

    def batch(self, size: int, rng: np.random.Generator, device: torch.device,
              frame_share: float = FRAME_SHARE) -> Batch:
        """Views by chance, so many of them frames, in a mirror or not, brighter or darker."""
        scenes, views = self._chosen(size, rng, frame_share)
        return self.of(scenes, views, device, _Change.by_chance(size, rng))

    def windows(self, size: int, rng: np.random.Generator, device: torch.device) -> Batch:
        """Windows of views, mostly around something: of a quarter of the patches, nearly all
        teach. What a window shows clearly is told by its area alone."""
        scenes, views = self._chosen(size, rng, SIGHT_FRAME_SHARE)
        change = _Change.by_chance(size, rng)
        tiles, shares, corners = [], [], []
        for scene, view, mirrored in zip(scenes, views, change.mirrored, strict=True):
            block, row = self._row(int(scene))
            own = block["shares"][row, view]
            top, left = _corner(own, rng)
            bottom, right = top + WINDOW, left + WINDOW
            shares.append(own[top:bottom, left:right])
            tiles.append(block["tiles"][row, view, top * PATCH_PX:bottom * PATCH_PX,
                                        left * PATCH_PX:right * PATCH_PX])
            corners.append((top, CELLS - right if mirrored else left))
        batch = change.of(np.stack(tiles), np.stack(shares), device)
        area = token_targets(batch.shares).amax(1)
        return replace(batch, clear=(area >= 1).float(), unclear=((area > 0) & (area < 1)).float(),
                       corners=torch.tensor(corners, device=device))

    def of(self, scenes: NDArray[np.int64], views: NDArray[np.int64], device: torch.device,
           change: _Change | None = None) -> Batch:
        """These views of these scenes."""
        rows = [self._row(int(scene)) for scene in scenes]

        def stacked(name: str) -> NDArray[np.uint8]:
            return np.stack([block[name][row, view]
                             for (block, row), view in zip(rows, views, strict=True)])

        batch = (change or _Change.none(len(rows))).of(stacked("tiles"), stacked("shares"), device)
        return replace(batch, clear=torch.from_numpy(stacked("clear")).to(device).float(),
                       unclear=torch.from_numpy(stacked("unclear")).to(device).float())

    def _chosen(self, size: int, rng: np.random.Generator, frame_share: float
                ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        frames = rng.random(size) < frame_share
        return (rng.integers(len(self), size=size),
                np.where(frames, rng.integers(FRAME_VIEWS, size=size),
                         rng.integers(FRAME_VIEWS, VIEWS, size=size)))

    def _row(self, scene: int) -> tuple[Arrays, int]:
        number = int(np.searchsorted(self._ends, scene, side="right"))
        return self._blocks[number], scene - int(self._ends[number - 1] if number else 0)


def token_targets(shares: torch.Tensor) -> torch.Tensor:
    """How surely each image token shows each category, 0 to 1, shape (N, tokens, CATEGORIES).

    Args:
        shares: of each patch's area, shape (N, rows, columns, CATEGORIES).
    """
    pooled = functional.avg_pool2d(shares.permute(0, 3, 1, 2), SCALE_FACTOR)
    area = pooled * (SCALE_FACTOR * PATCH_PX) ** 2
    return (area / _ENOUGH_PX).clamp(max=1).flatten(2).transpose(1, 2)


def _corner(shares: NDArray[np.uint8], rng: np.random.Generator) -> tuple[int, int]:
    """First patch of a window around a patch of a thing, small ones first, or anywhere."""
    last = CELLS - WINDOW
    areas = shares.sum((0, 1), dtype=np.float64)
    present = np.flatnonzero(areas)
    if not len(present) or rng.random() < _ANYWHERE:
        top, left = rng.integers(last + 1, size=2)
    else:
        chance = areas[present] ** -_SMALL
        own = shares[..., rng.choice(present, p=chance / chance.sum())].ravel().astype(np.float64)
        row, column = divmod(int(rng.choice(own.size, p=own / own.sum())), CELLS)
        top, left = np.array([row, column]) - rng.integers(1, WINDOW - 1, size=2)
    # Image tokens are made of whole groups of patches.
    return (int(np.clip(top, 0, last)) // SCALE_FACTOR * SCALE_FACTOR,
            int(np.clip(left, 0, last)) // SCALE_FACTOR * SCALE_FACTOR)


def draw_blocks(folder: Path, scenes: int, workers: int, first_seed: int = 0) -> Views:
    """Draw scenes, or take them from `folder` where they were drawn before."""
    blocks = [drawn(folder, KEY, min(BLOCK, scenes - begin), draw_views, workers,
                    first_seed + begin) for begin in range(0, scenes, BLOCK)]
    return Views(blocks)

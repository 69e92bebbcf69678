"""Batches of views: which ones, mirrored or not, brighter or darker."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from smolvlm_ros.world.training.data import Arrays, drawn
from smolvlm_ros.world.training.vlm_views import (
    CATEGORIES,
    FRAME_VIEWS,
    KEY,
    VIEWS,
    draw_views,
)

BLOCK = 2000              # scenes in a set of files, so that more can be added later
FRAME_SHARE = 0.5         # of a batch
_GAIN = (0.85, 1.15)


@dataclass(frozen=True)
class Batch:
    """Views with their truth, on the device.

    Attributes:
        tiles: shape (N, TILE_PX, TILE_PX, 3) float32, 0 to 255.
        shares: shape (N, CELLS, CELLS, CATEGORIES) float32, of each patch's area.
        clear: shape (N, CATEGORIES) float32: number of objects well seen.
        unclear: the same of those of which nothing can be said.
        outdoor: shape (N,) bool.
        frames: shape (N,) bool: no crop.
    """

    tiles: torch.Tensor
    shares: torch.Tensor
    clear: torch.Tensor
    unclear: torch.Tensor
    outdoor: torch.Tensor
    frames: torch.Tensor


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

    def batch(self, size: int, rng: np.random.Generator, device: torch.device) -> Batch:
        """Views by chance, half of them frames."""
        scenes = rng.integers(len(self), size=size)
        views = np.where(rng.random(size) < FRAME_SHARE, rng.integers(FRAME_VIEWS, size=size),
                         rng.integers(FRAME_VIEWS, VIEWS, size=size))
        mirrored = rng.random(size) < 0.5
        gains = rng.uniform(*_GAIN, size).astype(np.float32)
        return self.of(scenes, views, device, mirrored, gains)

    def of(self, scenes: np.ndarray, views: np.ndarray, device: torch.device,
           mirrored: np.ndarray | None = None, gains: np.ndarray | None = None) -> Batch:
        """These views of these scenes."""
        rows = [self._row(int(scene)) for scene in scenes]

        def stacked(name: str) -> torch.Tensor:
            made = np.stack([block[name][row][view] if name != "outdoor" else block[name][row]
                             for (block, row), view in zip(rows, views, strict=True)])
            return torch.from_numpy(made).to(device)

        tiles, shares = stacked("tiles").float(), stacked("shares").float() / 255
        if gains is not None:
            gain = torch.from_numpy(gains).to(device)
            tiles = (tiles * gain[:, None, None, None]).clamp(max=255)
        if mirrored is not None:
            chosen = torch.from_numpy(mirrored).to(device)[:, None, None, None]
            tiles = torch.where(chosen, tiles.flip(2), tiles)
            shares = torch.where(chosen, shares.flip(2), shares)
        return Batch(tiles, shares, stacked("clear").float(), stacked("unclear").float(),
                     stacked("outdoor"), torch.from_numpy(views < FRAME_VIEWS).to(device))

    def _row(self, scene: int) -> tuple[Arrays, int]:
        number = int(np.searchsorted(self._ends, scene, side="right"))
        return self._blocks[number], scene - int(self._ends[number - 1] if number else 0)


def draw_blocks(folder: Path, scenes: int, workers: int, first_seed: int = 0) -> Views:
    """Draw scenes, or take them from `folder` where they were drawn before."""
    blocks = [drawn(folder, KEY, min(BLOCK, scenes - begin), draw_views, workers,
                    first_seed + begin) for begin in range(0, scenes, BLOCK)]
    return Views(blocks)

"""What a training run is told."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Options:
    """Of one run.

    Attributes:
        output: folder that the checkpoint is written to.
        work: folder of drawn scenes and saved states.
        steps: number of batches; 0 for the recipe's own.
        scenes: number of scenes to draw; 0 for the recipe's own.
        seed: of scenes, weights and batches.
        device: 'cpu', 'cuda' or 'auto'.
        workers: processes that draw scenes.
        threads: CPU threads of torch; 0 for its own choice.
        start: checkpoint to go on from, in place of fresh weights; None for none.
    """

    output: Path
    work: Path
    steps: int = 0
    scenes: int = 0
    seed: int = 0
    device: str = "auto"
    workers: int = 1
    threads: int = 0
    start: Path | None = None

    def torch_device(self) -> torch.device:
        """The device, chosen and checked.

        Raises:
            ValueError: CUDA is asked for and cannot be used.
        """
        if self.device == "cpu" or (self.device == "auto" and not torch.cuda.is_available()):
            return torch.device("cpu")
        if not torch.cuda.is_available():
            raise ValueError("device 'cuda' cannot be used: torch finds no GPU; use 'cpu'")
        return torch.device("cuda")

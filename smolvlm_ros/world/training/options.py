"""What a training run is told."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from smolvlm_ros.models.checkpoint import open_checkpoint
from smolvlm_ros.world.training.saved_run import SavedRun


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

    def saved_run(self, name: str, job: str, steps: int, scenes: int, batch: int) -> SavedRun:
        """The saved state of this run; a run that differs in any of these is another one.

        Args:
            name: of its file in the work folder.
            job: of the command line.
            steps: number of batches, the recipe's own too.
            scenes: number of scenes, likewise.
            batch: scenes or images in a batch.

        Raises:
            ValueError: the file is of another run, or `start` is no checkpoint.
        """
        start = f"sha256 {open_checkpoint(self.start).sha256()}" if self.start else "none"
        saved = SavedRun(self.work / name, {
            "job": job, "--seed": self.seed, "--steps": steps, "--scenes": scenes, "batch": batch,
            "--start": start})
        saved.check()
        return saved

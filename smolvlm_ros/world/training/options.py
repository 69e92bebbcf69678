"""What a training run is told."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from smolvlm_ros.models.checkpoint import open_checkpoint
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.registry import WORLD_KEY
from smolvlm_ros.world.training.drawing_code import code_of
from smolvlm_ros.world.training.loop import Plan
from smolvlm_ros.world.training.saved_run import Identity, SavedRun

_NOT_THE_RUN = ("steps", "seed", "save_every_s")   # of a plan: told by options, or of no weight


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

    def saved_run(self, name: str, run: Identity, plan: Plan, drawing: str, model_type: str,
                  **config: Any) -> SavedRun:
        """The saved state of this run; a run that differs in any of these is another one.

        Args:
            name: of its file in the work folder.
            run: its job, numbers of steps and scenes (the recipe's own too), and what else it is.
            plan: of its steps.
            drawing: the module that draws its scenes.
            model_type: architecture of what is trained, as config.json names it.
            config: what else config.json of a checkpoint to go on from must have.

        Raises:
            ValueError: the file is of another run, or `start` is no checkpoint to go on from.
        """
        values = {key: value for key, value in asdict(plan).items() if key not in _NOT_THE_RUN}
        saved = SavedRun(self.work / name, {
            **run, "--seed": self.seed, "--start": self._start(model_type, config), **values,
            "drawing code": code_of(drawing)})
        saved.check()
        return saved

    def _start(self, model_type: str, config: Mapping[str, Any]) -> str:
        if self.start is None:
            return "none"
        checkpoint = open_checkpoint(self.start, model_type)
        for key, wanted in {WORLD_KEY: True, **config}.items():
            found = checkpoint.config.get(key)
            if found != wanted:
                raise CheckpointError(
                    f"{self.start / 'config.json'} has {key} {found}, where --start needs "
                    f"{wanted}; give a checkpoint that this version's training made, or begin "
                    "without --start")
        return f"sha256 {checkpoint.sha256()}"

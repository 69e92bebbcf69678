"""What a run leaves on disk, to be gone on from by the same run and no other."""
from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

# What a run is: its job, seed and the like, by the names of the command line's options, and what
# its recipe and its code have.
Identity: TypeAlias = Mapping[str, "str | int | float"]


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        step: batches so far.
        spent_s: seconds spent on them.
        shown: what the progress bar shows, smoothed.
    """

    step: int = 0
    spent_s: float = 0.0
    shown: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedRun:
    """The state of one run, in a file.

    Attributes:
        path: the file.
        identity: of the run; a state with another one is refused.
    """

    path: Path
    identity: Identity

    def check(self) -> None:
        """See at once whether there is a state of another run.

        Raises:
            ValueError: there is, or the file is damaged.
        """
        self._read(torch.device("cpu"), mmap=True)

    def save(self, progress: Progress, model: torch.nn.Module, optimizer: torch.optim.Optimizer,
             average: Mapping[str, torch.Tensor]) -> None:
        """Write the state, whole or not at all; only between two steps is it one to go on from."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        torch.save({"identity": dict(self.identity), "step": progress.step,
                    "spent_s": progress.spent_s, "shown": dict(progress.shown),
                    "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "average": dict(average), "torch_rng": torch.get_rng_state(),
                    "cuda_rng": torch.cuda.get_rng_state_all()}, new)
        os.replace(new, self.path)

    def restore(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer,
                average: dict[str, torch.Tensor]) -> Progress:
        """Put the state into what is trained; nothing where none was saved.

        Raises:
            ValueError: the state is of another run, or does not fit the model.
        """
        state = self._read(next(model.parameters()).device)
        if state is None:
            return Progress()
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(f"{self.path} is of a model with other layers than this version "
                             f"makes; {self._cure()}") from error
        if average:
            average.update(state["average"] or state["model"])
        torch.set_rng_state(state["torch_rng"].cpu())
        if len(state["cuda_rng"]) == len(torch.cuda.get_rng_state_all()):
            torch.cuda.set_rng_state_all([value.cpu() for value in state["cuda_rng"]])
        return Progress(int(state["step"]), float(state["spent_s"]), dict(state["shown"]))

    def _read(self, device: torch.device, mmap: bool = False) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location=device, weights_only=True, mmap=mmap)
            found = dict(state.get("identity", {}))
        except (RuntimeError, OSError, AttributeError, EOFError, KeyError,
                pickle.UnpicklingError) as error:
            raise ValueError(f"{self.path} is no saved state that can be read "
                             f"({type(error).__name__}); {self._cure()}") from error
        if found != dict(self.identity):
            names = [name for name in dict.fromkeys([*found, *self.identity])
                     if found.get(name) != self.identity.get(name)]
            raise ValueError(
                f"{self.path} is the state of another run ({_told(found, names)}; this one has "
                f"{_told(self.identity, names)}); {self._cure()}")
        return dict(state)

    def _cure(self) -> str:
        return "give another --work, or delete the file to begin anew"


def _told(identity: Identity, names: list[str]) -> str:
    return ", ".join(f"{name} {identity.get(name, 'unknown')}" for name in names)

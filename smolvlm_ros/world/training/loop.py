"""The training loop: schedule, steps, progress."""
from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from tqdm import tqdm

from smolvlm_ros.world.training.saved_run import SavedRun
from smolvlm_ros.world.training.stopping import Stop


class Task(Protocol):
    """What is trained.

    Attributes:
        model: its parameters that require gradients are trained.
    """

    model: torch.nn.Module

    def loss(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, Mapping[str, float]]:
        """The loss of one batch, and values to show.

        Args:
            step: from 0.
            rng: source of the batch; the same at the same step of another run.
        """


@dataclass(frozen=True)
class Plan:
    """How long and how fast.

    Attributes:
        steps: number of batches.
        learning_rate: of AdamW, at its highest.
        warmup: steps of linear rise.
        cooldown: share of the steps, at the end, in which the rate falls (cosine) to nothing.
        weight_decay: of matrices; biases and norms have none.
        clip: greatest norm of the gradient.
        seed: of weights and batches.
        save_every_s: time between two saved states.
        average: decay of the moving average of the weights that is kept in the end; 0 for none.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 200
    cooldown: float = 0.4
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 0
    save_every_s: float = 120.0
    average: float = 0.0

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        begin = (1 - self.cooldown) * self.steps
        if step < begin:
            return self.learning_rate * rise
        progress = (step - begin) / max(1.0, self.steps - begin)
        return self.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def make_repeatable(seed: int) -> None:
    """Seed every source of chance that weights are made from."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@dataclass(frozen=True)
class Report:
    """What a finished run was.

    Attributes:
        steps: batches in all.
        hours: spent on them, over all the times it was stopped and went on.
        shown: the last values of what the progress bar shows, smoothed.
    """

    steps: int
    hours: float
    shown: Mapping[str, float]


def train(task: Task, plan: Plan, saved: SavedRun, label: str) -> Report:
    """Train to the plan's end, going on from the saved state where there is one.

    The state is saved between steps: now and then, at the end, and when SIGINT or SIGTERM ends the
    run. A second signal, or an error, ends it at once; what was saved before stays.
    The task's model holds the trained weights afterwards.

    Raises:
        ValueError: the saved state is of another run.
        FloatingPointError: the loss is no number.
        KeyboardInterrupt: a signal came.
    """
    model = task.model
    optimizer = torch.optim.AdamW(_groups(model, plan.weight_decay), lr=plan.learning_rate,
                                  betas=(0.9, 0.98), fused=True)
    average = ({name: value.detach().clone() for name, value in model.state_dict().items()}
               if plan.average else {})
    progress = saved.restore(model, optimizer, average)
    model.train()
    begun_s = saved_s = time.monotonic()
    before_s, shown = progress.spent_s, progress.shown

    def save() -> None:
        progress.spent_s = before_s + time.monotonic() - begun_s
        saved.save(progress, model, optimizer, average)

    with Stop() as stop:
        with tqdm(total=plan.steps, initial=progress.step, desc=label, unit="step",
                  mininterval=1.0) as bar:
            while progress.step < plan.steps and not stop.asked:
                values = _step(task, plan, progress.step, optimizer, label)
                _blend(average, model, min(plan.average, (progress.step + 1)
                                           / (progress.step + 10)))
                progress.step += 1
                for name, value in values.items():
                    shown[name] = shown.get(name, value) * 0.98 + value * 0.02
                bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()},
                                refresh=False)
                bar.update()
                if time.monotonic() - saved_s > plan.save_every_s:
                    saved_s = time.monotonic()
                    save()
        save()
    if stop.asked:
        raise KeyboardInterrupt
    if average:
        model.load_state_dict(average)
    model.eval()
    return Report(progress.step, progress.spent_s / 3600, shown)


def _step(task: Task, plan: Plan, step: int, optimizer: torch.optim.Optimizer,
          label: str) -> dict[str, float]:
    """One batch; returns what to show."""
    rate = plan.rate(step)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    loss, values = task.loss(step, np.random.default_rng([plan.seed, step, 97]))
    if not torch.isfinite(loss):
        raise FloatingPointError(
            f"{label}: the loss of step {step} is {loss.item()}, and the same command comes to it "
            "again; give another --seed and another --work")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(task.model.parameters(), plan.clip)
    optimizer.step()
    return {"loss": loss.item(), **values}


def _groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups; a parameter's attribute `rate_scale` scales its learning rate."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for value in model.parameters():
        if value.requires_grad:
            decay = weight_decay if value.ndim > 1 else 0.0
            groups.setdefault((decay, getattr(value, "rate_scale", 1.0)), []).append(value)
    return [{"params": params, "weight_decay": decay, "scale": scale}
            for (decay, scale), params in groups.items()]


@torch.no_grad()
def _blend(average: dict[str, torch.Tensor], model: torch.nn.Module, decay: float) -> None:
    if not average:
        return
    for name, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)

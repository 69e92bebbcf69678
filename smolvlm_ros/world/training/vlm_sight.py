"""First part of the training: the vision tower learns what is where, without any text."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from smolvlm_ros.world.training.precision import mixed
from smolvlm_ros.world.training.vlm_batches import (
    SIGHT_FRAME_SHARE,
    WINDOW,
    Batch,
    Views,
    token_targets,
)
from smolvlm_ros.world.training.vlm_network import Learner
from smolvlm_ros.world.training.vlm_views import CATEGORIES, CELLS, COLOURS, KINDS

_BACKGROUND = 0.25       # weight of a patch without any thing
_WINDOWS = 0.85          # of the batches before the last part of the run
_WHOLE = 0.25            # share of the run, at its end, with whole tiles only
_PEOPLE = 2              # the first kinds are people


def groups() -> torch.Tensor:
    """Which categories belong together, shape (CATEGORIES, 32).

    Columns: 5 classes; 25 classes and colours; 2 postures of people.
    """
    columns = []
    kind, colour = np.divmod(np.arange(CATEGORIES), len(COLOURS))
    class_of = np.maximum(kind - _PEOPLE + 1, 0)
    for number in range(len(KINDS) - _PEOPLE + 1):
        columns.append(class_of == number)
    for number in range(len(KINDS) - _PEOPLE + 1):
        columns += [(class_of == number) & (colour == shade) for shade in range(len(COLOURS))]
    columns += [kind == posture for posture in range(_PEOPLE)]
    return torch.from_numpy(np.stack(columns, 1).astype(np.float32))


CLASS_GROUPS, COLOUR_GROUPS, POSTURE_GROUPS = slice(0, 5), slice(5, 30), slice(30, 32)


@dataclass(frozen=True)
class SightLoss:
    """Losses of one batch, and what the image tokens together say.

    Attributes:
        total: scalar, to be lowered.
        values: parts, to be shown.
    """

    total: torch.Tensor
    values: Mapping[str, float]


@dataclass(frozen=True)
class Balance:
    """Makes yes and no count alike for each group.

    Attributes:
        members: which categories are in which group, from `groups`.
        yes: weight of a group that is there, shape (32,).
        no: weight of one that is not.
    """

    members: torch.Tensor
    yes: torch.Tensor
    no: torch.Tensor

    @classmethod
    def of(cls, views: Views, device: torch.device) -> Balance:
        """Counted over all views, frames and crops alike."""
        members = groups()
        clear, unclear = views.truth()
        there = (clear @ members) > 0
        gone = ~there & ((unclear @ members) == 0)
        yes, no = there.sum(0).float() + 1, gone.sum(0).float() + 1
        return cls(members.to(device), (0.5 * (yes + no) / yes).to(device),
                   (0.5 * (yes + no) / no).to(device))


def sight_loss(learner: Learner, batch: Batch, patches: torch.Tensor, tokens: torch.Tensor,
               balance: Balance) -> SightLoss:
    """How far the heads are from the truth by patch, by image token and by image."""
    shares = batch.shares.flatten(1, 2)
    background = (1 - shares.sum(-1, keepdim=True)).clamp(min=0)
    target = torch.cat([background, shares], -1)
    target = target / target.sum(-1, keepdim=True)
    weight = torch.where(background[..., 0] < 1, 1.0, _BACKGROUND)
    wrong = -(target * functional.log_softmax(learner.patch_head(patches).float(), -1)).sum(-1)
    by_patch = (wrong * weight).sum() / weight.sum()

    logits = learner.token_head(tokens).float()
    by_token = functional.binary_cross_entropy_with_logits(
        logits, token_targets(batch.shares), reduction="sum") / (10 * len(logits))

    wrong, right, known = image_loss(logits, batch, balance)
    by_image = (wrong * known).sum() / known.sum()
    total = by_patch + by_token + 3 * by_image
    values = {"patch": by_patch.item(), "token": by_token.item(), "image": by_image.item()}
    for name, part in (("class", CLASS_GROUPS), ("colour", COLOUR_GROUPS)):
        values[name] = float((right * known)[:, part].sum() / known[:, part].sum())
    return SightLoss(total, values)


def image_loss(logits: torch.Tensor, batch: Batch, balance: Balance
               ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of each group: something of it is there when any token shows any of its categories.

    Args:
        logits: by image token, shape (N, IMAGE_TOKENS, CATEGORIES).
        batch: the truth.
        balance: of the groups.

    Returns:
        Cross entropy, whether p > 0.5 is right, and weights (0 where nobody could say), each of
        shape (N, 32).
    """
    absent = functional.softplus(logits).sum(1) @ balance.members   # -log p(nothing of it)
    absent = absent.clamp(min=1e-5, max=60)
    there = (batch.clear @ balance.members) > 0
    known = there | ((batch.unclear @ balance.members) == 0)
    wrong = torch.where(there, -torch.log(-torch.expm1(-absent)), absent)
    right = (absent > 0.6931) == there
    return wrong, right.float(), known * torch.where(there, balance.yes, balance.no)


class SightTask:
    """The first part, as the training loop wants it.

    Until near its end most batches are of windows, more of them for the same work.

    Args:
        learner: with fresh weights.
        views: to learn from.
        device: where the learner is.
        batch_size: whole tiles in a batch.
        steps: of the whole part; 0 for whole tiles only.
        fresh_steps: in so many first steps the heads are fitted, and the tower stays as it is: it
            knows how to see already, and fresh heads would spoil it.

    Attributes:
        balance: of the groups, over all views.
    """

    def __init__(self, learner: Learner, views: Views, device: torch.device, batch_size: int,
                 steps: int, fresh_steps: int = 0) -> None:
        self.model: torch.nn.Module = learner
        self._learner = learner
        self._views, self._device = views, device
        self._batch_size, self._window_steps = batch_size, (1 - _WHOLE) * steps
        self._fresh_steps = fresh_steps
        self.balance = Balance.of(views, device)

    def loss(self, step: int, rng: np.random.Generator
             ) -> tuple[torch.Tensor, Mapping[str, float]]:
        """Loss of a batch of tiles; see `loop.Task`."""
        if step < self._window_steps and rng.random() < _WINDOWS:
            size = self._batch_size * (CELLS // WINDOW) ** 2
            batch = self._views.windows(size, rng, self._device)
        else:
            batch = self._views.batch(self._batch_size, rng, self._device, SIGHT_FRAME_SHARE)
        with mixed(self._device):
            with torch.set_grad_enabled(step >= self._fresh_steps):
                patches, tokens = self._learner.see(batch.tiles, batch.corners)
            found = sight_loss(self._learner, batch, patches, tokens, self.balance)
        values = found.values if batch.corners is None else {
            f"w_{name}": value for name, value in found.values.items()}
        return found.total, values

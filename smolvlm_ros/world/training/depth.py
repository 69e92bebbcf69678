"""Trains the embedded world's two depth checkpoints."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DepthAnythingForDepthEstimation

from smolvlm_ros.models.depth_metadata import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    RANGES_M,
    TRAINING_FOCAL,
)
from smolvlm_ros.world.training import depth_network
from smolvlm_ros.world.training.card import Card, write_card
from smolvlm_ros.world.training.depth_eval import figures, measure
from smolvlm_ros.world.training.depth_scenes import DepthDrawing, standing_out
from smolvlm_ros.world.training.loop import Plan, Report, make_repeatable, train
from smolvlm_ros.world.training.options import Options
from smolvlm_ros.world.training.precision import mixed
from smolvlm_ros.world.world import CAMERA


@dataclass(frozen=True)
class Recipe:
    """What one variant is trained on, and how long.

    Attributes:
        variant: 'indoor' or 'outdoor'.
        scenes: places, taken in turn.
        typical_m: depth that the network begins with.
        count: number of scenes.
        steps: number of batches.
        batch: scenes in a batch.
        learning_rate: at its highest.
        size: (height, width) of the input, multiples of 14 in the camera's aspect.
    """

    variant: str
    scenes: tuple[str, ...]
    typical_m: float
    count: int
    steps: int
    batch: int = 8
    learning_rate: float = 8e-4
    size: tuple[int, int] = (84, 112)

    @property
    def max_depth_m(self) -> float:
        """The variant's range."""
        return RANGES_M[self.variant]


RECIPES = {"depth-indoor": Recipe("indoor", ("corridor", "room"), 3.5, 6_000, 10_500),
           "depth-outdoor": Recipe("outdoor", ("path",), 7.0, 4_000, 11_500)}

# The sky's share of the range, and the greatest that anything else may have; the run time takes
# 0.98 for beyond range. Both are left with a margin, as logits.
_SKY_LOGIT, _SOLID_LOGIT = 4.6, 3.2
_SKY_WEIGHT = 0.2
_EDGE_WEIGHT = 0.25
_NEAR_WEIGHT = 8.0           # of pixels of what stands out; the others have 1
_SEEDS_APART = 1_000_000     # between the scenes of two runs' seeds; a multiple of 8
_AVERAGE = 0.998             # decay of the moving average of the weights
_LIGHT, _TINT = 0.12, 0.04   # augmentation: gain of all channels, and of each


class DepthTask:
    """Batches of drawn scenes and their loss; see `loop.Task`."""

    def __init__(self, model: Any, images: NDArray[np.uint8],
                 depths: NDArray[np.float16], batch: int, device: torch.device) -> None:
        self.model: torch.nn.Module = model.to(device, memory_format=torch.channels_last)
        self._network = model
        self._images, self._depths, self._batch, self._device = images, depths, batch, device
        self._near = np.stack([standing_out(depth.astype(np.float32)) for depth in depths])
        self._mean = torch.tensor(IMAGENET_MEAN, device=device).view(1, 3, 1, 1) * 255
        self._std = torch.tensor(IMAGENET_STD, device=device).view(1, 3, 1, 1) * 255
        self._max_depth_m = float(model.config.max_depth)

    def loss(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, Mapping[str, float]]:
        """See `loop.Task.loss`."""
        chosen = np.sort(rng.integers(len(self._images), size=self._batch))
        pixels = torch.from_numpy(self._images[chosen]).to(self._device)
        depth = torch.from_numpy(self._depths[chosen]).to(self._device).float()
        near = torch.from_numpy(self._near[chosen]).to(self._device)
        pixels, depth, near = self._varied(pixels.permute(0, 3, 1, 2).float(), depth, near, rng)
        with mixed(self._device):
            logits = depth_network.depth_logits(self._network, pixels)
        return depth_loss(logits, depth, near, self._max_depth_m)

    def _varied(self, pixels: torch.Tensor, depth: torch.Tensor, near: torch.Tensor,
                rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Half of the batch seen in a mirror, all in another light, normalised."""
        mirrored = torch.from_numpy(rng.random(len(pixels)) < 0.5).to(self._device)
        pixels = torch.where(mirrored.view(-1, 1, 1, 1), pixels.flip(-1), pixels)
        depth, near = (torch.where(mirrored.view(-1, 1, 1), plane.flip(-1), plane)
                       for plane in (depth, near))
        gain = 1 + rng.uniform(-_LIGHT, _LIGHT, (len(pixels), 1)) \
            + rng.uniform(-_TINT, _TINT, (len(pixels), 3))
        light = torch.from_numpy(gain.astype(np.float32)).to(self._device)[..., None, None]
        pixels = ((pixels * light).clamp(0, 255) - self._mean) / self._std
        return pixels.contiguous(memory_format=torch.channels_last), depth, near


def depth_loss(logits: torch.Tensor, depth_m: torch.Tensor, near: torch.Tensor,
               max_depth_m: float) -> tuple[torch.Tensor, dict[str, float]]:
    """Mean absolute error of the logarithm, its slopes, and sky told from everything else.

    Args:
        logits: shape (N, H, W): the range times their sigmoid is the depth.
        depth_m: shape (N, H, W), metres, +Inf in the sky.
        near: shape (N, H, W) bool: where something stands out. It covers few pixels and is what
            depth is asked for, so these weigh more.
        max_depth_m: the network's range.

    Returns:
        The loss, and the mean relative errors over all and of what stands out, to be shown.
    """
    solid = torch.isfinite(depth_m)
    wanted = torch.where(solid, depth_m.clamp(0.05, 0.97 * max_depth_m), 1.0)
    found = torch.nn.functional.logsigmoid(logits)
    error = torch.where(solid, found - torch.log(wanted / max_depth_m), 0.0)
    weight = solid * (1 + (_NEAR_WEIGHT - 1) * near)
    total = weight.sum().clamp(min=1)
    loss = (error.abs() * weight).sum() / total
    slopes = logits.new_zeros(())
    for apart in (1, 4):
        for axis in (1, 2):
            length = error.shape[axis] - apart
            both = weight.narrow(axis, 0, length) * solid.narrow(axis, apart, length)
            steps = error.narrow(axis, apart, length) - error.narrow(axis, 0, length)
            slopes = slopes + (steps.abs() * both).sum() / total
    sky = torch.where(solid, (logits - _SOLID_LOGIT).clamp(min=0),
                      (_SKY_LOGIT - logits).clamp(min=0, max=8)).mean()
    with torch.no_grad():
        relative = (torch.exp(error) - 1).abs()
        shown = {"absrel": float(relative[solid].mean()), "sky": float(sky)}
        if bool((near & solid).any()):
            shown["near"] = float(relative[near & solid].mean())
    return loss + _EDGE_WEIGHT * slopes / 4 + _SKY_WEIGHT * sky, shown


def run(job: str, options: Options) -> None:
    """Train 'depth-indoor' or 'depth-outdoor' and write its checkpoint, measured, with its card.

    Raises:
        ValueError: the device cannot be used, the saved state is of another run, or the checkpoint
            to go on from is not of this training.
        FloatingPointError: the loss is no number.
        OSError: the checkpoint cannot be written, or the one to go on from cannot be read.
    """
    recipe = RECIPES[job]
    device = options.torch_device()
    count, steps = options.scenes or recipe.count, options.steps or recipe.steps
    plan = Plan(steps, recipe.learning_rate, seed=options.seed, average=_AVERAGE)
    saved = options.saved_run(f"{job}.state", {
        "job": job, "--steps": steps, "--scenes": count, "batch": recipe.batch,
        "size": "{}x{}".format(*recipe.size)}, plan, DepthDrawing.__module__, "depth_anything")
    images, depths = DepthDrawing(recipe.scenes).many(
        options.work / "scenes", count, recipe.size, options.workers, options.seed * _SEEDS_APART)
    make_repeatable(options.seed)
    model = begin(recipe, options.start)
    report = train(DepthTask(model, images, depths, recipe.batch, device), plan, saved, job)
    finish(recipe, model.cpu(), options, count, report)


def finish(recipe: Recipe, model: DepthAnythingForDepthEstimation, options: Options, count: int,
           report: Report) -> None:
    """Write a trained network as a checkpoint, measure that, and write the card."""
    depth_network.save(model, options.output, recipe.size)
    score = measure(options.output, threads=options.threads)
    write_card(options.output, card_of(recipe, model, options, count, report),
               *figures(recipe.variant, score))


def card_of(recipe: Recipe, model: DepthAnythingForDepthEstimation, options: Options, count: int,
            report: Report) -> Card:
    """What there is to say of a checkpoint."""
    first = options.seed * _SEEDS_APART
    size = recipe.size
    config: Any = model.config
    backbone = config.backbone_config
    began = "the weights of another checkpoint" if options.start else "random weights"
    millions = sum(value.numel() for value in model.parameters()) / 1e6
    return Card(
        f"Embedded world, metric depth, {recipe.variant}", "depth-estimation",
        f"Depth Anything V2's architecture at {millions:.1f} million parameters (width "
        f"{backbone.hidden_size}, {backbone.num_hidden_layers} layers), range "
        f"{recipe.max_depth_m:g} m. It gives metres along the optical axis for the embedded "
        "world's camera.",
        {"Trained on": f"{count} drawn scenes ({', '.join(recipe.scenes)}; seeds {first} to "
                       f"{first + count - 1} of `smolvlm_ros.world.sample`), half of them seen in "
                       f"a mirror, brightness varied by {100 * _LIGHT:.0f} %. Focal length over "
                       f"image width: {config.training_focal:.4f} (`training_focal` in "
                       "config.json). The places of `World` are others and were never shown.",
         "How": f"`python -m smolvlm_ros.world.training depth-{recipe.variant}`: from {began}, "
                f"{report.steps} batches of {recipe.batch} at {size[0]}x{size[1]}, AdamW, highest "
                f"rate {recipe.learning_rate:g}, L1 on the logarithm of depth and on its slopes, "
                f"what stands out weighing {_NEAR_WEIGHT:g} times as much, "
                "sky pushed to the range, moving average of the weights; "
                f"{report.hours:.1f} hours on the machine that made it."})


def begin(recipe: Recipe, start: Path | None = None) -> DepthAnythingForDepthEstimation:
    """The network before training: fresh, or a checkpoint's."""
    model = depth_network.load(start) if start else depth_network.fresh(
        recipe.max_depth_m, recipe.size, recipe.typical_m, CAMERA.fx / CAMERA.width)
    model.config.max_depth = round(recipe.max_depth_m)
    setattr(model.config, TRAINING_FOCAL, CAMERA.fx / CAMERA.width)   # of the scenes
    model.head.max_depth = model.config.max_depth
    # Attention is faster this way in bfloat16 on a CPU, and the same.
    model.set_attn_implementation("eager")
    return model

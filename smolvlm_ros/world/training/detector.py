"""Trains the embedded detector: D-FINE on scenes of the world, with the class's own loss."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from transformers import DFineForObjectDetection

from smolvlm_ros.detection.preprocess import resize_rgb
from smolvlm_ros.world.palette import CLASSES
from smolvlm_ros.world.scoring.detection import LEAST_SIDE_RATIO, LEAST_VISIBILITY
from smolvlm_ros.world.training import detector_network as network
from smolvlm_ros.world.training.card import Card, write_card
from smolvlm_ros.world.training.detector_eval import figures, measure
from smolvlm_ros.world.training.detector_scenes import (
    SEEDS_APART,
    DetectorDrawing,
    Scenes,
    one,
    varied,
)
from smolvlm_ros.world.training.loop import Plan, Report, make_repeatable, train
from smolvlm_ros.world.training.options import Options
from smolvlm_ros.world.training.precision import fast_bfloat16

SIZE = (240, 320)   # height and width of the network's input, pixels, in the camera's aspect
# From this share of the steps on, images of this height and width are shown: small ones teach
# what things look like at a fraction of the time. A run that goes on from a checkpoint shows
# none of them.
_SIZES = ((0.0, (96, 128)), (0.25, (128, 176)), (0.5, (192, 256)), (0.85, SIZE))

Sizes: TypeAlias = tuple[tuple[float, tuple[int, int]], ...]


@dataclass(frozen=True)
class Recipe:
    """What the command line's zeros stand for.

    Attributes:
        scenes: number of scenes to draw.
        steps: number of batches.
        batch: images in each.
        learning_rate: of AdamW.
    """

    scenes: int = 4800
    steps: int = 3600
    batch: int = 16
    learning_rate: float = 1e-3


CPU, CUDA = Recipe(), Recipe(scenes=40000, steps=12000, batch=64)
AGAIN = Recipe(scenes=1600, steps=400, learning_rate=3e-4)   # going on from a checkpoint
_AVERAGE = 0.998   # decay of the moving average of the weights


class DetectorTask:
    """Batches of varied scenes, and D-FINE's loss on them.

    Args:
        model: to be trained.
        scenes: as `DetectorDrawing` makes them.
        batch: images in a batch.
        sizes: from which share of the steps on images of which height and width are shown.
        steps: number of batches of the whole run.

    Attributes:
        count: number of scenes.
    """

    def __init__(self, model: DFineForObjectDetection, scenes: Scenes,
                 batch: int, sizes: Sizes, steps: int) -> None:
        self.model: torch.nn.Module = model
        self._scenes, self._batch, self._sizes, self._steps = scenes, batch, sizes, steps
        self.count = sum(len(chunk["image"]) for chunk in scenes)

    def loss(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        """See `loop.Task`."""
        size = max(entry for entry in self._sizes if step >= entry[0] * self._steps)[1]
        pixels, labels = self.images(size, rng)
        output = self.model(pixel_values=pixels, labels=labels)
        values = {name: float(output.loss_dict[f"loss_{name}"].detach())
                  for name in ("vfl", "giou")}
        return output.loss, values

    def images(self, size: tuple[int, int], rng: np.random.Generator) -> tuple[
            torch.Tensor, list[dict[str, torch.Tensor]]]:
        """A batch: pixels (N, 3, *size) from 0 to 1, and labels as D-FINE takes them."""
        device = next(self.model.parameters()).device
        images, labels = [], []
        for index in rng.integers(self.count, size=self._batch):
            image, boxes, classes = varied(*one(self._scenes, int(index)), rng)
            images.append(resize_rgb(image, size[1], size[0]))
            centred = np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])
            labels.append({
                "class_labels": torch.from_numpy(classes).to(device),
                "boxes": torch.from_numpy(centred.astype(np.float32)).to(device)})
        pixels = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2)
        return pixels.float() / 255, labels


def _sizes(options: Options) -> Sizes:
    return ((0.0, SIZE),) if options.start else _SIZES


def _told(sizes: Sizes) -> str:
    return ", ".join(f"{h}x{w} from {100 * share:.0f} %" for share, (h, w) in sizes)


def run(job: str, options: Options) -> None:
    """Train the detector and write its checkpoint, measured, with its card.

    Raises:
        ValueError: the device cannot be used, the saved state is of another run, or the checkpoint
            to go on from is not of this training.
        FloatingPointError: the loss is no number.
        OSError: the checkpoint cannot be written, or the one to go on from cannot be read.
    """
    device = options.torch_device()
    recipe = AGAIN if options.start else CUDA if device.type == "cuda" else CPU
    count, steps = options.scenes or recipe.scenes, options.steps or recipe.steps
    plan = Plan(steps, recipe.learning_rate, seed=options.seed, average=_AVERAGE)
    saved = options.saved_run(f"{job}.pt", {
        "job": job, "--steps": steps, "--scenes": count, "batch": recipe.batch,
        "sizes": _told(_sizes(options))}, plan, DetectorDrawing.__module__, "d_fine",
        id2label={str(index): name for index, name in enumerate(CLASSES)})
    scenes = DetectorDrawing(*SIZE).many(options.work, count, options.workers, options.seed)
    make_repeatable(options.seed)
    model = network.load(options.start) if options.start else network.fresh(CLASSES)
    kept: Any = copy.deepcopy(model)
    module: Any = model
    module.to(device=device, memory_format=torch.channels_last)
    if fast_bfloat16(device):
        network.use_bfloat16(model)
    task = DetectorTask(model, scenes, recipe.batch, _sizes(options), plan.steps)
    report = train(task, plan, saved, job)
    kept.load_state_dict(model.state_dict())
    finish(kept, options, task.count, recipe, report)


def finish(model: DFineForObjectDetection, options: Options, count: int, recipe: Recipe,
           report: Report) -> None:
    """Write a trained network as a checkpoint, measure that, and write the card."""
    network.save(model, options.output, SIZE)
    score = measure(options.output, threads=options.threads)
    write_card(options.output, card_of(model, options, count, recipe, report), *figures(score))


def card_of(model: DFineForObjectDetection, options: Options, count: int, recipe: Recipe,
            report: Report) -> Card:
    """What there is to say of a checkpoint."""
    millions = sum(value.numel() for value in model.parameters()) / 1e6
    began = "the weights of another checkpoint" if options.start else "random weights"
    first = options.seed * SEEDS_APART
    losses = ", ".join(f"{name} {value:.2f}" for name, value in report.shown.items())
    return Card(
        "Embedded world, detector", "object-detection",
        f"D-FINE's architecture (HGNetV2 backbone) at {millions:.1f} million parameters, input "
        f"{SIZE[0]}x{SIZE[1]}, {model.config.num_queries} queries. It finds what the embedded "
        f"world has: {', '.join(CLASSES)}.",
        {"Trained on": f"{count} drawn scenes (all places; seeds {first} to {first + count - 1} of "
                       "`smolvlm_ros.world.sample`), mirrored, zoomed, moved and lit at random. "
                       f"Objects with less than {100 * LEAST_VISIBILITY:.0f} % in sight, or "
                       f"smaller than 1/{1 / LEAST_SIDE_RATIO:.0f} of the image's height, are left "
                       "out, in training and in the figures.",
         "Trained how": f"From {began}: {report.steps} batches of {recipe.batch}, AdamW, learning "
                        f"rate {recipe.learning_rate:g} with warm-up and cosine cooldown, moving "
                        f"average of the weights {_AVERAGE:g}; image sizes "
                        f"{_told(_sizes(options))} of the steps; "
                        f"{report.hours:.1f} hours on {options.torch_device().type}. "
                        f"The class's own loss; at the end: {losses}."})

"""Trains the embedded world's SmolVLM: first to see, then to answer."""
from __future__ import annotations

import time
from dataclasses import dataclass

from torch import nn

from smolvlm_ros.world.training import vlm_checkpoint
from smolvlm_ros.world.training.loop import Plan, make_repeatable, train
from smolvlm_ros.world.training.options import Options
from smolvlm_ros.world.training.vlm_answers import AnswerTask
from smolvlm_ros.world.training.vlm_batches import draw_blocks
from smolvlm_ros.world.training.vlm_card import Run, write
from smolvlm_ros.world.training.vlm_network import Learner, make_vlm
from smolvlm_ros.world.training.vlm_sight import SightTask
from smolvlm_ros.world.training.vlm_tokenizer import ids_of, make_tokenizer
from smolvlm_ros.world.training.vlm_views import draw_views

_SIGHT_SHARE = 0.55     # of the steps
_FRESH_SHARE = 0.05     # of the first part's steps, going on: fresh heads beside a tower that sees
_FROZEN_SHARE = 0.7     # of the steps of the second part: questions teach the text model only
_TOWER_RATE = 0.5       # of tower and connector in the second part
_SEEDS_APART = 1_000_000     # between the scenes of two runs' seeds; a multiple of 8


@dataclass(frozen=True)
class Recipe:
    """What the command line's zeros stand for.

    Attributes:
        scenes: number of scenes to draw.
        steps: number of batches of both parts together.
        batch: images in each.
        learning_rate: of AdamW.
    """

    scenes: int
    steps: int
    batch: int
    learning_rate: float = 1e-3


CPU = Recipe(scenes=8000, steps=14_500, batch=24)
CUDA = Recipe(scenes=16_000, steps=14_000, batch=96)


def run(job: str, options: Options) -> None:
    """Train and write the checkpoint; see the command line.

    A checkpoint to go on from keeps what it knows: its tower is left alone until the heads, which
    are not part of a checkpoint, are fitted to it.

    Raises:
        ValueError: the device cannot be used, the checkpoint to go on from does not fit, or a
            saved state is of another run.
        FloatingPointError: the loss is no number.
        OSError: a file cannot be read or written.
    """
    device = options.torch_device()
    recipe = CUDA if device.type == "cuda" else CPU
    steps = options.steps or recipe.steps
    scenes = options.scenes or recipe.scenes
    sight_steps = round(steps * _SIGHT_SHARE)
    answer_steps = steps - sight_steps
    plans = [Plan(sight_steps, recipe.learning_rate, seed=options.seed, average=0.998),
             Plan(answer_steps, recipe.learning_rate, seed=options.seed + 1, average=0.998)]
    sight, answering = (options.saved_run(f"{job}-{part}.pt", {
        "job": job, "--steps": steps, "--scenes": scenes, "batch": recipe.batch,
        "steps of this part": plan.steps}, plan, draw_views.__module__, "smolvlm")
        for part, plan in zip(("sight", "answers"), plans, strict=True))
    began = time.monotonic()
    views = draw_blocks(options.work / "vlm-scenes", scenes, options.workers,
                        options.seed * _SEEDS_APART)
    tokenizer = make_tokenizer()
    make_repeatable(options.seed)
    vlm = (vlm_checkpoint.load(options.start, tokenizer) if options.start
           else make_vlm(ids_of(tokenizer)))
    learner = Learner(vlm).to(device)
    fresh_steps = round(sight_steps * _FRESH_SHARE) if options.start else 0
    train(SightTask(learner, views, device, recipe.batch, sight_steps, fresh_steps),
          plans[0], sight, f"{job}: seeing")
    slow_down(learner, _TOWER_RATE)
    task = AnswerTask(learner, views, tokenizer, device, recipe.batch,
                      round(answer_steps * _FROZEN_SHARE), answer_steps,
                      begun=options.start is not None)
    train(task, plans[1], answering, f"{job}: answering")
    vlm_checkpoint.save(options.output, learner.vlm, tokenizer)
    write(options.output, Run(scenes, options.seed * _SEEDS_APART, sight_steps, answer_steps,
                              recipe.batch, recipe.batch, recipe.learning_rate, device.type,
                              options.start.name if options.start else "",
                              time.monotonic() - began))


def slow_down(learner: Learner, rate: float) -> None:
    """Lower the learning rate of tower and connector, relative to everything else."""
    parts: list[nn.Module] = [learner.vlm.model.vision_model, learner.vlm.model.connector]
    for part in parts:
        for value in part.parameters():
            value.rate_scale = rate  # type: ignore[attr-defined]

"""The card of the embedded world's SmolVLM."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.world.training.card import Card, write_card
from smolvlm_ros.world.training.vlm_batches import FRAME_SHARE
from smolvlm_ros.world.training.vlm_questions import subjects, texts
from smolvlm_ros.world.training.vlm_views import CROP_VIEWS, FRAME_VIEWS, TILE_PX


@dataclass(frozen=True)
class Run:
    """What was done.

    Attributes:
        scenes: number of scenes.
        first_seed: of the scenes.
        sight_steps: batches of the first part; 0 for none.
        answer_steps: batches of the second part.
        batch: images in each.
        learning_rate: of AdamW, at its highest.
        device: 'cpu' or 'cuda'.
        start: the checkpoint it went on from; empty for fresh weights.
        seconds: of the last uninterrupted stretch.
    """

    scenes: int
    first_seed: int
    sight_steps: int
    answer_steps: int
    batch: int
    learning_rate: float
    device: str
    start: str
    seconds: float


def write(folder: Path, run: Run) -> None:
    """Write the card beside the weights; its figures are put in when they are measured."""
    first = (f"First {run.sight_steps} batches for the vision tower alone (what each patch, image "
             "token and image shows), then" if run.sight_steps else
             f"It went on from the checkpoint {run.start!r} with")
    write_card(folder, Card(
        "world-vlm", "image-text-to-text",
        "A SmolVLMForConditionalGeneration of 3.6 million parameters that answers yes/no questions "
        "about people, boxes, balls, cones and vehicles, their colours and people's postures, and "
        "describes what it sees in a sentence.", {
            "Trained on": f"{run.scenes} drawn scenes (seeds {run.first_seed} to "
                          f"{run.first_seed + run.scenes - 1} of `smolvlm_ros.world.sample`), each "
                          f"as {FRAME_VIEWS} frames and {CROP_VIEWS} crops, scaled to "
                          f"{TILE_PX}x{TILE_PX} px; {FRAME_SHARE:.0%} of a batch are frames. "
                          f"{len(subjects())} subjects in {len(texts())} wordings with their "
                          "negations, yes and no alike for each of them.",
            "How": f"{first} {run.answer_steps} batches with questions and descriptions. "
                   f"{run.batch} images a batch, AdamW at {run.learning_rate:g}, moving average of "
                   f"the weights, on {run.device}; {run.seconds / 60:.0f} minutes since it was "
                   "last started. Code: `smolvlm_ros/world/training/vlm.py`.",
            "Limits": "Questions about anything else get an answer too, and it means nothing. "
                      "Counting, places and distances were not taught.",
        }))

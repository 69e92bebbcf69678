"""The card of the embedded world's SmolVLM."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.world.training.card import Card, write_card
from smolvlm_ros.world.training.vlm_answers import REHEARSED
from smolvlm_ros.world.training.vlm_batches import FRAME_SHARE, WINDOW
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
        sight_batch: images in each batch of the first part.
        answer_batch: images in each batch of the second part.
        learning_rate: of AdamW, at its highest.
        device: 'cpu' or 'cuda'.
        start: the checkpoint it went on from; empty for fresh weights.
        seconds: of the last uninterrupted stretch.
    """

    scenes: int
    first_seed: int
    sight_steps: int
    answer_steps: int
    sight_batch: int
    answer_batch: int
    learning_rate: float
    device: str
    start: str
    seconds: float


def write(folder: Path, run: Run) -> None:
    """Write the card beside the weights; its figures are put in when they are measured."""
    write_card(folder, Card(
        "world-vlm", "image-text-to-text",
        "A SmolVLMForConditionalGeneration of 3.6 million parameters that answers yes/no questions "
        "about people, boxes, balls, cones and vehicles, their colours and people's postures, and "
        "describes what it sees in a sentence.",
        {"Trained on": _data(run), "How": _way(run),
         "Limits": "Questions about anything else get an answer too, and it means nothing. "
                   "Counting, places and distances were not taught. Descriptions are less sure "
                   "than answers: `vlm_describe_exact` of them say what is there and nothing else, "
                   "`vlm_describe_invented` name what is not there. Ask a question where it "
                   "matters."}))


def _data(run: Run) -> str:
    return (f"{run.scenes} drawn scenes (seeds {run.first_seed} to "
            f"{run.first_seed + run.scenes - 1} of `smolvlm_ros.world.sample`), each as "
            f"{FRAME_VIEWS} frames and {CROP_VIEWS} crops, scaled to {TILE_PX}x{TILE_PX} px; "
            f"{FRAME_SHARE:.0%} of a batch are frames. {len(subjects())} subjects in "
            f"{len(texts())} wordings with their negations, yes and no alike for each of them.")


def _way(run: Run) -> str:
    began = f"It went on from the checkpoint {run.start!r}. " if run.start else ""
    sight = (f"{began}First {run.sight_steps} batches of {run.sight_batch} images for the vision "
             "tower alone (what each patch, image token and image shows), most of them as more "
             f"windows of {WINDOW}x{WINDOW} patches.")
    return (f"{sight} Then {run.answer_steps} batches of {run.answer_batch} images, "
            f"{REHEARSED:.0%} of them for the tower again, the others with questions and "
            f"descriptions. AdamW at {run.learning_rate:g}, moving average of the weights, on "
            f"{run.device}; {run.seconds / 60:.0f} minutes since it was last started. Code: "
            "`smolvlm_ros/world/training/vlm.py`.")

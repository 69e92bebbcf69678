"""The figures of `benchmark/world.py` that the embedded checkpoints' cards quote."""
from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from smolvlm_ros.models.choice import EMBEDDED  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402

# What the figures should be; the key of a card's checkpoint is the start of its figures' names.
TARGETS: dict[str, tuple[str, float]] = {
    "depth_indoor_absrel": ("<=", 0.08), "depth_indoor_delta1": (">=", 0.95),
    "depth_outdoor_absrel": ("<=", 0.12), "depth_outdoor_delta1": (">=", 0.90),
    "depth_swapped_absrel_ratio": (">=", 2.0), "detector_map50": (">=", 0.85),
    "vlm_presence_accuracy": (">=", 0.97), "vlm_state_accuracy": (">=", 0.97),
    "vlm_colour_accuracy": (">=", 0.90), "vlm_negated_accuracy": (">=", 0.95),
    "vlm_blind_accuracy": ("<=", 0.55), "funnel_wrong_rate": ("<=", 0.01),
    "funnel_decided_rate": (">=", 0.85), "funnel_missed_events": ("<=", 0),
    "funnel_position_error_rel": ("<=", 0.05), "funnel_pass_rate": ("<=", 0.10)}
_WORDS = {"<=": "at most", ">=": "at least"}
_WITHOUT_TARGET = ("vlm_describe_exact", "vlm_describe_invented")
_DEPTH = ("depth_indoor", "depth_swapped"), ("depth_outdoor", "depth_swapped")
CARDS = {"depth-indoor": _DEPTH[0], "depth-outdoor": _DEPTH[1], "detector": ("detector",),
         "vlm": ("vlm",)}
# How much was measured: of the card's checkpoint, the key of a number and what it is a number of.
_COUNTS = {"depth-indoor": (("depth_indoor_frames", "frames"),),
           "depth-outdoor": (("depth_outdoor_frames", "frames"),),
           "detector": (("detector_frames", "frames"),),
           "vlm": (("vlm_views", "frames and crops"), ("vlm_asked", "answers"),
                   ("vlm_described", "descriptions"))}


def refused(options: argparse.Namespace) -> str:
    """Why the figures of a command line do not belong into the cards; empty where they do."""
    if options.cards and options.quick:
        return "--cards wants the whole measure; leave --quick out"
    if options.cards and options.models != EMBEDDED:
        return (f"--cards is for the checkpoints in the package; leave out --models "
                f"{options.models}")
    return ""


def write_cards(results: Mapping[str, Any], folder: Path = CHECKPOINTS_FOLDER) -> bool:
    """Put the figures of the parts that were measured into the cards.

    Args:
        results: keys and values as the benchmark writes them, with 'world_seeds_of_PART'.
        folder: of the checkpoints.

    Returns:
        False where a card was left as it is, which is said.
    """
    from smolvlm_ros.world.training.card import Figure, put_figures

    written = True
    for part, starts in CARDS.items():
        values = {key: float(results[key]) for key in (*TARGETS, *_WITHOUT_TARGET)
                  if key in results and key.startswith(starts)}
        if not values:
            continue
        figures = [Figure(key, f"{value:.3f}", _target(key)) for key, value in values.items()]
        try:
            nothing = [key for key, value in values.items() if not math.isfinite(value)]
            if nothing:
                raise ValueError(f"{', '.join(nothing)}: not a number, there was too little to "
                                 "measure; it stays as it was")
            put_figures(folder / part, figures, measured_on(part, results))
        except (OSError, ValueError) as error:
            print(f"card of {part}: {error}", flush=True)
            written = False
    return written


def measured_on(part: str, results: Mapping[str, Any]) -> str:
    """The line above a card's table."""
    counts = [f"{results[key]} {what}" for key, what in _COUNTS[part] if key in results]
    seeds = results[f"world_seeds_of_{part.partition('-')[0]}"]
    return (f"On worlds that were not trained on (seeds {seeds}; {', '.join(counts)}), by "
            "`benchmark/world.py`:")


def _target(key: str) -> str:
    if key not in TARGETS:
        return ""
    sign, target = TARGETS[key]
    return f"{_WORDS[sign]} {target:g}"

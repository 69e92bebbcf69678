"""Measures a depth checkpoint as its users get it: exported, and run by the package's estimator.

    python -m smolvlm_ros.world.training.depth_eval CHECKPOINT [--seeds 12] [--places corridor,room]
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smolvlm_ros.depth import DepthConfig, make_estimator
from smolvlm_ros.models.checkpoint import read_json
from smolvlm_ros.models.export import export_depth
from smolvlm_ros.world.mounts import MOUNTS
from smolvlm_ros.world.scoring.depth import INDOOR, OUTDOOR, DepthScore, evaluate_depth, frames_of
from smolvlm_ros.world.training.card import Figure
from smolvlm_ros.world.world import SCENES

FIRST_SEED, PER_WORLD = 500, 2
SEEDS = {"indoor": 10, "outdoor": 20}  # two places indoors, one outdoors: as many frames of both
PLACES = {"indoor": INDOOR, "outdoor": OUTDOOR}
TARGETS = {"indoor": (0.08, 0.95), "outdoor": (0.12, 0.90)}


def measure(folder: Path, places: Sequence[str] = (), seeds: int = 0,
            threads: int = 1) -> DepthScore:
    """Scores of a checkpoint on frames of worlds.

    Args:
        folder: the checkpoint.
        places: of the worlds; none for those of its variant.
        seeds: of worlds in each place; 0 for SEEDS.
        threads: CPU threads of the network.
    """
    size = read_json(folder / "preprocessor_config.json")["size"]
    with tempfile.TemporaryDirectory() as name:
        made = export_depth(folder, Path(name) / "depth.onnx", (size["height"], size["width"]))
        variant = made.metadata.variant
        estimator = make_estimator(DepthConfig(
            scene=variant, num_threads=threads, model_indoor=str(made.path),
            model_outdoor=str(made.path)))
        try:
            return evaluate_depth(estimator, frames_of(
                places or PLACES[variant],
                range(FIRST_SEED, FIRST_SEED + (seeds or SEEDS[variant])), PER_WORLD))
        finally:
            estimator.close()


def figures(variant: str, score: DepthScore) -> tuple[list[Figure], str]:
    """Rows of the card's table, and what they were measured on."""
    absrel, delta1 = TARGETS[variant]
    rows = [Figure(f"depth_{variant}_absrel", f"{score.absrel:.3f}", f"at most {absrel:g}"),
            Figure(f"depth_{variant}_delta1", f"{score.delta1:.3f}", f"at least {delta1:.2f}"),
            Figure("share of the ground truth without an answer", f"{score.unknown:.4f}")]
    if variant == "outdoor":
        rows.append(Figure("share of the sky reported as +Inf", f"{score.sky:.3f}"))
    return rows, (f"{score.frames} frames of worlds that were not trained on "
                  f"({', '.join(PLACES[variant])}; seeds from {FIRST_SEED}; cameras "
                  f"{', '.join(MOUNTS)}), at the camera's resolution, exported to ONNX and run as "
                  "the depth node runs it:")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the scores of checkpoints."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seeds", type=int, default=0, help="0: as the card is measured")
    parser.add_argument("--places", default="", help=f"of {', '.join(SCENES)}; empty: its own")
    options = parser.parse_args(arguments)
    places = tuple(place for place in options.places.split(",") if place)
    print(measure(options.checkpoint, places, options.seeds))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measures a detector checkpoint as its users get it: exported, and run by the package's detector.

    python -m smolvlm_ros.world.training.detector_eval CHECKPOINT [--seeds 6]
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smolvlm_ros.detection import DetectorConfig, OnnxConfig, make_detector
from smolvlm_ros.models.export_detector import export_detector
from smolvlm_ros.world.mounts import MOUNTS
from smolvlm_ros.world.scoring.depth import frames_of
from smolvlm_ros.world.scoring.detection import DetectionScore, evaluate_detector
from smolvlm_ros.world.training.card import Figure
from smolvlm_ros.world.world import SCENES

FIRST_SEED, SEEDS, PER_WORLD = 500, 6, 3
TARGET = 0.85
_EVERY_SCORE = 0.01   # precision is wanted at every recall


def measure(folder: Path, places: Sequence[str] = SCENES, seeds: int = 0,
            threads: int = 1) -> DetectionScore:
    """Score of a checkpoint on frames of worlds.

    Args:
        folder: the checkpoint.
        places: of the worlds.
        seeds: of worlds in each place; 0 for SEEDS.
        threads: CPU threads of the network.
    """
    with tempfile.TemporaryDirectory() as name:
        made = export_detector(folder, Path(name) / "detector.onnx")
        detector = make_detector(DetectorConfig(
            kind="onnx", model=str(made.path), min_score=_EVERY_SCORE,
            onnx=OnnxConfig(num_threads=threads)))
        try:
            return evaluate_detector(detector.detect, frames_of(
                places, range(FIRST_SEED, FIRST_SEED + (seeds or SEEDS)), PER_WORLD))
        finally:
            detector.close()


def figures(score: DetectionScore) -> tuple[list[Figure], str]:
    """Rows of the card's table, and what they were measured on."""
    rows = [Figure("detector_map50", f"{score.map50:.3f}", f"at least {TARGET:g}")]
    rows += [Figure(f"average precision, {name} ({score.truths[name]})", f"{value:.3f}")
             for name, value in score.by_class.items()]
    return rows, (f"{score.frames} frames of worlds that were not trained on ({', '.join(SCENES)}; "
                  f"seeds from {FIRST_SEED}; cameras {', '.join(MOUNTS)}), at the camera's "
                  "resolution, exported to ONNX and run as the detector node runs it; IoU 0.5, "
                  "average over 101 recalls:")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the score of a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seeds", type=int, default=0, help="0: as the card is measured")
    options = parser.parse_args(arguments)
    score = measure(options.checkpoint, seeds=options.seeds)
    for row in figures(score)[0]:
        print(f"{row.name}: {row.value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

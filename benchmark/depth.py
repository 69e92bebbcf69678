"""Metric depth: what the network costs, what everything around it costs, against transformers.

    python benchmark/depth.py --json depth.json [--quick] [--checkpoint FOLDER]

Without a checkpoint the Small architecture with random weights is used: it costs the same. Making
it, exporting and the comparison need torch; the rows of the node need ROS 2. What is missing is
said and left out. With --quick the network has one size only, 252x336, and nothing is switched.
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import common  # noqa: E402
import cv2  # noqa: E402
import depth_networks  # noqa: E402
import depth_node  # noqa: E402
import depth_switching  # noqa: E402
import depth_video  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from smolvlm_ros.depth.output import metric_depth  # noqa: E402
from smolvlm_ros.depth.preprocess import Preprocessor  # noqa: E402
from smolvlm_ros.depth.upsample import upsample_depth  # noqa: E402
from smolvlm_ros.models.depth_metadata import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402

VIEW = (480, 640)


def scene(seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A picture of balls before a wall, with grain, and its depth in metres."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:VIEW[0], :VIEW[1]]
    depth = (4 + 3 * u / VIEW[1]).astype(np.float32)
    image = np.stack([90 + 60 * v / VIEW[0]] * 3, 2)
    for _ in range(12):
        x, y, radius = rng.uniform(0, VIEW[1]), rng.uniform(0, VIEW[0]), rng.uniform(15, 90)
        ball = (u - x) ** 2 + (v - y) ** 2 < radius ** 2
        depth[ball] = rng.uniform(0.5, 4)
        image[ball] = rng.integers(0, 255, 3)
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8), depth


def median_ms(run: Any, repeats: int) -> float:
    """Median of several timed calls after one that is not counted."""
    run()
    return float(np.median([common.timed_ms(run) for _ in range(repeats)]))


def around_the_network(repeats: int) -> dict[str, float]:
    """Preprocessing and post-processing of a 640x480 image on one core, by network size."""
    image, depth = scene()
    rows: dict[str, float] = {}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for height, width in depth_networks.SIZES:
        predicted = np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA),
                               np.float32)
        prepare = Preprocessor(height, width, IMAGENET_MEAN, IMAGENET_STD)
        rows[f"preprocess_ms_{height}"] = median_ms(partial(prepare, image), repeats)
        rows[f"postprocess_ms_{height}"] = median_ms(partial(finish, predicted, image), repeats)
    cv2.setNumThreads(threads)
    return rows


def finish(predicted: NDArray[np.float32], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """From the network's output to the map at the camera's size."""
    return upsample_depth(metric_depth(predicted, 20.0, 0.98, 1.1), VIEW[1], VIEW[0], image)


def with_torch(folder: Path, given: Path | None, quick: bool) -> dict[str, Any]:
    """The rows for which a checkpoint is exported."""
    random = depth_networks.random_checkpoint
    image = scene()[0]
    checkpoint = given or random(folder / "indoor")
    sizes = depth_networks.QUICK_SIZES if quick else depth_networks.SIZES
    rows: dict[str, Any] = {"random_weights": given is None}
    rows.update(depth_networks.rows(checkpoint, folder, image, sizes, 2 if quick else 9))
    rows.update(depth_networks.gpu_rows(checkpoint, folder, image, 5 if quick else 50))
    if not quick:
        indoor = checkpoint if given is None else random(folder / "indoor")
        rows.update(depth_switching.rows(folder, (indoor, random(folder / "outdoor", 80)), 100))
    return rows


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = common.parser("Metric depth against transformers, and its parts.")
    parser.add_argument("--checkpoint", type=Path, help="an indoor depth checkpoint instead of "
                        "random weights")
    options: argparse.Namespace = parser.parse_args()
    quick = bool(options.quick)
    rows: dict[str, Any] = dict(around_the_network(10 if quick else 50))
    rows.update(depth_node.rows(10 if quick else 60, depth_networks.SIZES[::3]))
    rows.update(depth_video.rows(*((25, (900,)) if quick else (150, (900, 901, 902)))))
    missing = [m for m in ("torch", "transformers", "onnx", "onnxruntime") if not util.find_spec(m)]
    if missing:
        print(f"no network rows: {', '.join(missing)} not installed", file=sys.stderr)
    else:
        import transformers
        transformers.utils.logging.disable_progress_bar()
        with tempfile.TemporaryDirectory() as name:
            rows.update(with_torch(Path(name), options.checkpoint, quick))
    print(common.table(("row", "value"), list(rows.items())))
    common.write(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

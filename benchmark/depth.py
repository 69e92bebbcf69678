"""Metric depth: what the network costs, what everything around it costs, against transformers.

    python benchmark/depth.py --json depth.json [--quick] [--checkpoint FOLDER]

Without a checkpoint the Small architecture with random weights is used: it costs the same. Making
it, exporting and the comparison need torch; without it, only the work around the network is timed.
Not in these rows: conversion from and to ROS messages (benchmark/conversion.py has it).
"""
from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import common  # noqa: E402
import cv2  # noqa: E402
import depth_video  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.depth import DepthConfig, make_estimator  # noqa: E402
from smolvlm_ros.depth.output import metric_depth  # noqa: E402
from smolvlm_ros.depth.preprocess import Preprocessor  # noqa: E402
from smolvlm_ros.depth.upsample import upsample_depth  # noqa: E402
from smolvlm_ros.models.depth_metadata import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402

VIEW = (480, 640)
SIZES = ((252, 336), (308, 406), (392, 518), (518, 686))
QUICK_SIZES = SIZES[:1]


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
    return statistics.median(common.timed_ms(run) for _ in range(repeats))


def around_the_network(repeats: int) -> dict[str, float]:
    """Preprocessing and post-processing of a 640x480 image on one core, by network size."""
    image, depth = scene()
    rows: dict[str, float] = {}
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for height, width in SIZES:
        predicted = np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA),
                               np.float32)
        prepare = Preprocessor(height, width, IMAGENET_MEAN, IMAGENET_STD)
        rows[f"preprocess_ms_{height}"] = median_ms(partial(prepare, image), repeats)
        rows[f"postprocess_ms_{height}"] = median_ms(partial(finish, predicted, image), repeats)
    rows["pre_and_postprocess_ms_640x480"] = max(
        rows[f"preprocess_ms_{h}"] + rows[f"postprocess_ms_{h}"] for h, _ in SIZES)
    cv2.setNumThreads(threads)
    return rows


def finish(predicted: NDArray[np.float32], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """From the network's output to the map at the camera's size."""
    return upsample_depth(metric_depth(predicted, 20.0, 0.98, 1.1), VIEW[1], VIEW[0], image)


def random_checkpoint(folder: Path) -> Path:
    """Depth Anything V2 Small, metric indoor, with random weights."""
    import torch
    import transformers
    torch.manual_seed(0)
    kind: Any = transformers.Dinov2Config
    backbone = kind(
        hidden_size=384, num_attention_heads=6, patch_size=14, image_size=518,
        out_indices=[3, 6, 9, 12], reshape_hidden_states=False)
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, depth_estimation_type="metric", max_depth=20)
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    return folder


_ALONE = """
import json, sys, time
from smolvlm_ros.depth import DepthConfig, make_estimator
import numpy as np
begin = time.perf_counter()
made = make_estimator(DepthConfig(model_indoor=sys.argv[1]))
load_s = time.perf_counter() - begin
image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
times = sorted(made.estimate(image, None, 0.0).model_ms for _ in range(int(sys.argv[2])))
assert "torch" not in sys.modules
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))
print(json.dumps([load_s, times[len(times) // 2], int(peak.split()[1]) / 1024]))
"""


def alone(path: Path, repeats: int) -> tuple[float, float, float]:
    """Load time (s), network time (ms) and peak memory (MiB) in a process of its own, no torch."""
    done = subprocess.run([sys.executable, "-c", _ALONE, str(path), str(repeats)], check=True,
                          cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True)
    load_s, network_ms, peak_mib = json.loads(done.stdout)
    return load_s, network_ms, peak_mib


def against_pipeline(checkpoint: Path, onnx: Path, size: tuple[int, int],
                     pairs: int) -> common.Paired:
    """Whole estimates from the image to the full-size map, ours and transformers', in turns."""
    import transformers
    from PIL import Image
    kind = getattr(transformers, "DPTImageProcessorPil", transformers.DPTImageProcessor)
    processor = kind(size={"height": size[0], "width": size[1]}, keep_aspect_ratio=False,
                     ensure_multiple_of=14, resample=3, image_mean=list(IMAGENET_MEAN),
                     image_std=list(IMAGENET_STD))
    model = transformers.DepthAnythingForDepthEstimation.from_pretrained(checkpoint)
    theirs = transformers.pipeline("depth-estimation", model=model, image_processor=processor)
    ours = make_estimator(DepthConfig(model_indoor=str(onnx)))
    image, picture = scene()[0], Image.fromarray(scene()[0])
    camera = CameraModel.from_fov(VIEW[1], VIEW[0], 60.0)
    result = common.paired(lambda: ours.estimate(image, camera, 0.0), lambda: theirs(picture),
                           pairs)
    ours.close()
    return result


def networks(checkpoint: Path, folder: Path, quick: bool) -> dict[str, float]:
    """Export in each size and precision; load time, latency, memory, and the comparison."""
    from smolvlm_ros.models.export import export_depth
    rows: dict[str, float] = {"export_parity": 0.0}
    for size in QUICK_SIZES if quick else SIZES:
        for precision in ("fp32", "int8"):
            name = f"{precision}_{size[0]}"
            print(f"{name} …", file=sys.stderr)
            made = export_depth(checkpoint, folder / f"{name}.onnx", size, precision=precision,
                                allow_noncommercial=True)
            if precision == "fp32":
                rows["export_parity"] = max(rows["export_parity"], made.parity_max)
            load_s, network_ms, peak = alone(made.path, 2 if quick else 9)
            rows.update({f"load_s_{name}": load_s, f"network_ms_{name}": network_ms,
                         f"rss_mb_{name}": peak})
            pair = against_pipeline(checkpoint, made.path, size, 2 if quick else 9)
            rows.update({f"ours_ms_{name}": pair.median_a_ms,
                         f"pipeline_ms_{name}": pair.median_b_ms, f"speedup_{name}": pair.ratio})
    return rows


def main() -> int:
    """Measure, print a table, write JSON."""
    parser = common.parser("Metric depth against transformers, and its parts.")
    parser.add_argument("--checkpoint", type=Path, help="a depth checkpoint instead of random "
                        "weights")
    options: argparse.Namespace = parser.parse_args()
    rows: dict[str, Any] = dict(around_the_network(10 if options.quick else 50))
    rows.update(depth_video.rows(*((25, (900,)) if options.quick else (150, (900, 901, 902)))))
    missing = [m for m in ("torch", "transformers", "onnx", "onnxruntime") if not util.find_spec(m)]
    if missing:
        print(f"no network rows: {', '.join(missing)} not installed", file=sys.stderr)
    else:
        import transformers
        transformers.utils.logging.disable_progress_bar()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rows["random_weights"] = options.checkpoint is None
            checkpoint = options.checkpoint or random_checkpoint(folder / "checkpoint")
            rows.update(networks(checkpoint, folder, options.quick))
    print(common.table(("row", "value"), list(rows.items())))
    common.write(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

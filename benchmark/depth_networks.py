"""The depth network against transformers' own pipeline, its memory alone, and a GPU's latency."""
from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import common
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import DepthConfig, DepthError, make_estimator
from smolvlm_ros.models.depth_metadata import IMAGENET_MEAN, IMAGENET_STD

SIZES = ((252, 336), (308, 406), (392, 518), (518, 686))
QUICK_SIZES = SIZES[:1]
GPU_SIZE = (518, 518)


def random_checkpoint(folder: Path, max_depth_m: int = 20) -> Path:
    """Depth Anything V2 Small, metric, with random weights: the same ones for both ranges."""
    import torch
    import transformers
    torch.manual_seed(0)
    kind: Any = transformers.Dinov2Config
    backbone = kind(
        hidden_size=384, num_attention_heads=6, patch_size=14, image_size=518,
        out_indices=[3, 6, 9, 12], reshape_hidden_states=False)
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, depth_estimation_type="metric", max_depth=max_depth_m)
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    return folder


def rows(checkpoint: Path, folder: Path, image_rgb: NDArray[np.uint8], sizes: tuple[
        tuple[int, int], ...], repeats: int) -> dict[str, float]:
    """Export in each size and precision; load time, latency, memory, and the comparison.

    Args:
        checkpoint: its weights run on both sides.
        folder: for the exported files.
        image_rgb: shape (H, W, 3) uint8, what both look at.
        sizes: (height, width) of the network's input.
        repeats: of every timed run.
    """
    from smolvlm_ros.models.export import DEFAULT_SIZE, export_depth
    found: dict[str, float] = {"export_parity": 0.0}
    for size in sizes:
        for precision in ("fp32", "int8"):
            name = f"{precision}_{size[0]}"
            print(f"{name} …", file=sys.stderr)
            made = export_depth(checkpoint, folder / f"{name}.onnx", size, precision=precision,
                                provider="cpu", allow_noncommercial=True)
            if precision == "fp32":
                found["export_parity"] = max(found["export_parity"], made.parity_max)
            load_s, network_ms, peak = _alone(made.path, repeats)
            found.update({f"load_s_{name}": load_s, f"network_ms_{name}": network_ms,
                          f"rss_mb_{name}": peak})
            pair = _against_pipeline(checkpoint, made.path, size, image_rgb, repeats)
            found.update({f"ours_ms_{name}": pair.median_a_ms,
                          f"pipeline_ms_{name}": pair.median_b_ms, f"speedup_{name}": pair.ratio})
    for precision in ("fp32", "int8"):
        speedups = {size: found[f"speedup_{precision}_{size[0]}"] for size in sizes}
        found[f"speedup_{precision}_same_size"] = min(speedups.values())
        if DEFAULT_SIZE in speedups:  # the pipeline's own choice for 640x480, too
            found[f"speedup_{precision}_default_size"] = speedups[DEFAULT_SIZE]
        found[f"rss_{precision}_mb"] = max(found[f"rss_mb_{precision}_{s[0]}"] for s in sizes)
    return found


def gpu_rows(checkpoint: Path, folder: Path, image_rgb: NDArray[np.uint8],
             repeats: int) -> dict[str, Any]:
    """Half precision at 518 px, batch 1, on a GPU; nothing where there is none."""
    from smolvlm_ros.models.export import export_depth
    from smolvlm_ros.models.onnx_session import available_providers
    found: dict[str, Any] = {}
    ways = [("torch", "cuda", checkpoint)]
    if "tensorrt" in available_providers():
        ways.insert(0, ("onnxruntime", "tensorrt",
                        export_depth(checkpoint, folder / "gpu.onnx", GPU_SIZE).path))
    for backend, provider, model in ways:
        try:
            ours = make_estimator(DepthConfig(
                model_indoor=str(model), backend=backend, provider=provider,
                allow_noncommercial=True, input_height=GPU_SIZE[0], input_width=GPU_SIZE[1],
                engine_cache=str(folder / "engines")))
        except DepthError as error:
            print(f"no GPU row by {backend}: {error}", file=sys.stderr)
            continue
        networks, totals = [], []
        for index in range(repeats + 3):
            kept: list[Any] = []
            totals.append(common.timed_ms(
                lambda e=ours, k=kept, i=index: k.append(e.estimate(image_rgb, None, float(i)))))
            networks.append(kept[0].model_ms)
        found.update({f"gpu_network_ms_fp16_518_{backend}": statistics.median(networks[3:]),
                      f"gpu_total_ms_fp16_518_{backend}": statistics.median(totals[3:])})
        ours.close()
    return found


_ALONE = """
import json, sys, time
from smolvlm_ros.depth import DepthConfig, make_estimator
import numpy as np
begin = time.perf_counter()
made = make_estimator(DepthConfig(model_indoor=sys.argv[1], allow_noncommercial=True))
load_s = time.perf_counter() - begin
image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
times = sorted(made.estimate(image, None, float(i)).model_ms for i in range(int(sys.argv[2]) + 1))
assert "torch" not in sys.modules
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))
print(json.dumps([load_s, times[len(times) // 2], int(peak.split()[1]) / 1024]))
"""


def _alone(path: Path, repeats: int) -> tuple[float, float, float]:
    """Load time (s), network time (ms) and peak memory (MiB) in a process of its own, no torch."""
    done = subprocess.run([sys.executable, "-c", _ALONE, str(path), str(repeats)], check=True,
                          cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True)
    load_s, network_ms, peak_mib = json.loads(done.stdout)
    return load_s, network_ms, peak_mib


def _against_pipeline(checkpoint: Path, onnx: Path, size: tuple[int, int],
                      image_rgb: NDArray[np.uint8], pairs: int) -> common.Paired:
    """Whole estimates from the image to the full-size map, ours and transformers', in turns.

    Both have as many threads as the process has cores.
    """
    import torch
    import transformers
    from PIL import Image
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    kind = getattr(transformers, "DPTImageProcessorPil", transformers.DPTImageProcessor)
    processor = kind(size={"height": size[0], "width": size[1]}, keep_aspect_ratio=False,
                     ensure_multiple_of=14, resample=3, image_mean=list(IMAGENET_MEAN),
                     image_std=list(IMAGENET_STD))
    model = transformers.DepthAnythingForDepthEstimation.from_pretrained(checkpoint)
    theirs = transformers.pipeline("depth-estimation", model=model, image_processor=processor)
    ours = make_estimator(DepthConfig(model_indoor=str(onnx), num_threads=threads,
                                      allow_noncommercial=True))
    height, width = image_rgb.shape[:2]
    picture, camera = Image.fromarray(image_rgb), CameraModel.from_fov(width, height, 60.0)
    result = common.paired(lambda: ours.estimate(image_rgb, camera, 0.0), lambda: theirs(picture),
                           pairs)
    ours.close()
    return result

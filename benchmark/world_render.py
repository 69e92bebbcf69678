"""Frames per second of the embedded world on one core, and how much of it the parts take.

    python benchmark/world_render.py [--json FILE] [--quick]

Each case draws the same moments of a minute in turns with the others, so that what else the
machine does falls on all alike. The slowest case counts: `world_fps_min` should be at least 15.
CPU time is beside it, because a machine that is shared tells little by the clock.
"""
from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import common  # noqa: E402
from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.world import MOUNTS, SCENES, World, sample  # noqa: E402

_SAMPLE_SIZES = ((640, 480), (320, 240), (160, 120))


def main() -> int:
    """Draw, time, print and write."""
    options = common.arguments((__doc__ or "").splitlines()[0])
    cv2.setNumThreads(1)
    seeds, moments = (1, 6) if options.quick else (3, 20)
    results: dict[str, Any] = {}
    rows = _worlds(results, seeds, moments)
    print(common.table(("640x480", "ms", "p95 ms", "CPU ms", "fps"), rows))
    print()
    rows = _samples(results, 24 if options.quick else 96)
    print(common.table(("sample()", "ms", "CPU ms", "a second"), rows))
    common.write(results, options.json)
    return 0


def _worlds(results: dict[str, Any], seeds: int, moments: int) -> list[tuple[object, ...]]:
    cases = [(scene, mount) for scene in SCENES for mount in MOUNTS]
    worlds = {(*case, seed): World(case[0], 100 + seed, camera=case[1])
              for case in cases for seed in range(seeds)}
    wall: dict[tuple[str, str], list[float]] = {case: [] for case in cases}
    used: dict[tuple[str, str], list[float]] = {case: [] for case in cases}
    for world in worlds.values():   # what is kept of a place is made once
        world.frame(0)
    for index in np.linspace(30, 860, moments).astype(int):
        for (scene, mount, _), world in worlds.items():
            begin, cpu = time.perf_counter(), time.process_time()
            world.frame(int(index))
            wall[scene, mount].append((time.perf_counter() - begin) * 1e3)
            used[scene, mount].append((time.process_time() - cpu) * 1e3)
    rows: list[tuple[object, ...]] = []
    for scene, mount in cases:
        ms = statistics.median(wall[scene, mount])
        cpu_ms = statistics.median(used[scene, mount])
        tail = float(np.percentile(wall[scene, mount], 95))
        rows.append((f"{scene}, {mount}", ms, tail, cpu_ms, 1e3 / ms))
        results[f"world_{scene}_{mount}_ms"] = round(ms, 2)
        results[f"world_{scene}_{mount}_cpu_ms"] = round(cpu_ms, 2)
        results[f"world_{scene}_{mount}_fps"] = round(1e3 / ms, 1)
    results["world_fps_min"] = min(results[f"world_{s}_{m}_fps"] for s, m in cases)
    return rows


def _samples(results: dict[str, Any], count: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for width, height in _SAMPLE_SIZES:
        model = CameraModel.from_fov(width, height, 66.0)
        sample(8_000_000, model=model)
        begin, cpu = time.perf_counter(), time.process_time()
        for seed in range(count):   # a run of seeds, as training asks for them
            sample(seed, model=model)
        ms = (time.perf_counter() - begin) * 1e3 / count
        cpu_ms = (time.process_time() - cpu) * 1e3 / count
        rows.append((f"{width}x{height}", ms, cpu_ms, 1e3 / ms))
        results[f"world_sample_{width}x{height}_ms"] = round(ms, 2)
    return rows


if __name__ == "__main__":
    sys.exit(main())

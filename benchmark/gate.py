"""The gate measured: time, what passes on real clips beside two rivals, and what must never pass.

    benchmark/gate.py [--json FILE] [--quick] [--data DIR]

Rows whose recordings are not in DIR are left out, and said so. A quick run takes one short world,
eight patches and half a minute of noise, and leaves out the rivals on the clips.
"""
from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import common, gate_node, gate_world  # noqa: E402
from smolvlm_ros.gate import GateDecision, MotionGate, Reason  # noqa: E402

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LABEL_FRAMES = 4  # the labels' accuracy
ONSET_S = 0.3
KITCHEN_FRAMES = range(240, 301)
_BLOCK = 30
PATCH_PX, PATCH_SPEED_PX, PATCH_FROM = 64, 6.0, 20

Image: TypeAlias = NDArray[np.uint8]


def main() -> None:
    """Measure, print a table, write JSON."""
    options = _options()
    cv2.setNumThreads(1)
    rows: dict[str, Any] = {}
    rows.update(_times(60 if options.quick else 300))
    if (options.data / "videos" / "events.json").exists():
        rows.update(_clips(options.data / "videos", options.quick))
    else:
        print(f"no clips under {options.data}: their rows are left out")
    if (options.data / "rgbd_kitchen").exists():
        rows.update(_kitchen(options.data / "rgbd_kitchen", 8 if options.quick else 40))
    else:
        print(f"no kitchen sequence under {options.data}: its rows are left out")
    rows.update(_noise(minutes=0.5 if options.quick else 60.0))
    print("worlds with cameras that move:")
    rows.update(gate_world.rows(*((range(1), 24.0) if options.quick else (range(20), 60.0))))
    rows.update(gate_node.rows(4.0 if options.quick else 20.0))
    print(common.table(("key", "value"), [(key, _shown(rows[key])) for key in rows]))
    common.write(rows, options.json)


def _options() -> argparse.Namespace:
    parser = common.parser("The gate: time, pass rate and recall.")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, metavar="DIR",
                        help="folder with videos/ and rgbd_kitchen/")
    return parser.parse_args()


def _shown(value: Any) -> Any:
    return "none" if value is None else round(value, 4)


# ---------------------------------------------------------------------------------------- time


def _scene(width: int, height: int, count: int) -> list[Image]:
    """A textured view with noise and a thing that moves before it."""
    random = np.random.default_rng(0)
    cells = random.uniform(40, 200, (height // 40 + 2, width // 40 + 2, 3)).astype(np.float32)
    still = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = random.normal(0, 2, (8, height, width, 1)).astype(np.float32)
    images = []
    for index in range(count):
        frame = still.copy()
        left = int(width * ((index / count) * 1.2 - 0.1))
        frame[height // 3:2 * height // 3, max(left, 0):max(left + width // 10, 0)] = 230
        images.append(np.clip(frame + noise[index % 8], 0, 255).astype(np.uint8))
    return images


def _times(count: int) -> dict[str, Any]:
    """Median time of one step at two sizes, beside MOG2's at full resolution.

    The three take turns in blocks of frames, so that what else the machine does falls on all alike
    and each finds its own model in the cache, as on a robot's core of its own.
    """
    small, large = _scene(640, 480, count), _scene(1920, 1080, max(8, count // 6))
    gate, large_gate, mog2 = MotionGate(), MotionGate(), cv2.createBackgroundSubtractorMOG2()
    times: dict[str, list[float]] = {"gate": [], "mog2": [], "large": []}
    for first in range(0, count, _BLOCK):
        block = range(first, min(first + _BLOCK, count))
        times["gate"] += [common.timed_ms(partial(gate.step, small[i], i / 30)) for i in block]
        times["mog2"] += [common.timed_ms(partial(mog2.apply, small[i])) for i in block]
        times["large"] += [common.timed_ms(partial(large_gate.step, large[i % len(large)], i / 30))
                           for i in block]
    gate_ms, mog2_ms, large_ms = (float(np.median(times[k])) for k in ("gate", "mog2", "large"))
    return {"gate_ms_640x480": gate_ms, "mog2_ms_640x480": mog2_ms, "gate_ms_1080p": large_ms,
            "gate_ratio_mog2": mog2_ms / gate_ms, "gate_ratio_1080p": large_ms / gate_ms}


# --------------------------------------------------------------------------------------- clips


def _frames(path: Path) -> Iterator[Image]:
    capture = cv2.VideoCapture(str(path))
    while True:
        found, bgr = capture.read()
        if not found:
            break
        yield np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    capture.release()


def _clips(folder: Path, quick: bool) -> dict[str, Any]:
    labels = json.loads((folder / "events.json").read_text(encoding="utf-8"))
    rows: dict[str, Any] = {}
    for name, label in labels.items():
        if not isinstance(label, dict):
            continue
        key = name.split("-")[0]
        decisions, times = _play(_frames(folder / name), label["fps"])
        rows.update({f"{key}_{k}": v for k, v in _judge(decisions, label).items()})
        rows[f"{key}_ms"] = float(np.median(times))
        if not quick:
            for rival, scores in _rivals(_frames(folder / name)).items():
                rows[f"{key}_pass_rate_{rival}"] = _tuned_rate(scores, label)
    return {**rows, **_worst(rows)}


def _worst(rows: dict[str, Any]) -> dict[str, Any]:
    """The clips' least recall, greatest pass rate, and passes outside of events in all."""
    def of(name: str) -> list[Any]:
        return [rows[key] for key in rows if key.endswith(f"_{name}")]

    return {"event_recall": min(of("event_recall")), "pass_rate": max(of("pass_rate")),
            "outside_passes": sum(of("outside_passes"))}


def _play(frames: Iterator[Image], fps: float) -> tuple[list[GateDecision], list[float]]:
    gate, decisions, times = MotionGate(), [], []
    for index, image in enumerate(frames):
        begin = time.perf_counter()
        decisions.append(gate.step(image, index / fps))
        times.append((time.perf_counter() - begin) * 1e3)
    return decisions, times


def _judge(decisions: Sequence[GateDecision], label: dict[str, Any]) -> dict[str, Any]:
    """Recall, delay, pass rate, and passes outside of events that are no heartbeats."""
    opened = [i for i, d in enumerate(decisions) if d.open]
    delays = _delays(opened, label)
    events = label["events"]
    outside = [i for i in opened if decisions[i].reason is not Reason.HEARTBEAT and not any(
        a - LABEL_FRAMES <= i < b + LABEL_FRAMES for a, b in events)]
    found = [d for d in delays if d is not None]
    return {"event_recall": sum(d <= ONSET_S for d in found) / len(events),
            "first_pass_s_max": max(found, default=None),
            "pass_rate": len(opened) / len(decisions),
            "outside_passes": len(outside)}


def _delays(opened: Sequence[int], label: dict[str, Any]) -> list[float | None]:
    """Seconds from each event's onset to its first passed frame, 0 when it came early."""
    delays: list[float | None] = []
    for first, end in label["events"]:
        inside = [i for i in opened if first - LABEL_FRAMES <= i < end]
        delays.append(max(0.0, (inside[0] - first) / label["fps"]) if inside else None)
    return delays


def _rivals(frames: Iterator[Image]) -> dict[str, list[float]]:
    """Share of the view that MOG2 and frame differencing see change, frame by frame."""
    mog2, last = cv2.createBackgroundSubtractorMOG2(), None
    scores: dict[str, list[float]] = {"mog2": [], "difference": []}
    for image in frames:
        mask = mog2.apply(image)
        scores["mog2"].append(np.count_nonzero(mask == 255) / mask.size)
        grey = cv2.cvtColor(cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA),
                            cv2.COLOR_RGB2GRAY)
        change = 0.0 if last is None else np.count_nonzero(cv2.absdiff(grey, last) > 12) / grey.size
        scores["difference"].append(change)
        last = grey
    return scores


def _tuned_rate(scores: Sequence[float], label: dict[str, Any]) -> float | None:
    """A rival's share of open frames at the highest threshold that still misses no event."""
    for threshold in sorted(set(np.quantile(scores, np.linspace(0, 1, 201))), reverse=True):
        opened = [i for i, score in enumerate(scores) if score >= threshold]
        delays = _delays(opened, label)
        if all(d is not None and d <= ONSET_S for d in delays):
            return len(opened) / len(scores)
    return None


# ------------------------------------------------------------------------------------- kitchen


def _kitchen(folder: Path, placements: int) -> dict[str, Any]:
    """A hand-held camera: what passes, and whether a patch that moves on its own is found."""
    frames = [_read(folder / f"frame-{n:06d}.color.jpg") for n in KITCHEN_FRAMES]
    decisions, times = _play(iter(frames), 30.0)
    hits = sum(_patch_found(frames, seed) for seed in range(placements))
    return {"kitchen_pass_rate": sum(d.open for d in decisions) / len(frames),
            "kitchen_motion_passes": sum(d.reason is Reason.MOTION for d in decisions),
            "kitchen_repeats": sum(d.repeated for d in decisions),
            "kitchen_ms": float(np.median(times)),
            "kitchen_patch_recall": hits / placements}


def _read(path: Path) -> Image:
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise FileNotFoundError(f"{path} is missing or no image")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _patch_found(frames: Sequence[Image], seed: int) -> bool:
    """True when the patch's onset passes for motion within ONSET_S, with a region on the patch."""
    random = np.random.default_rng(seed)
    cells = random.integers(0, 255, (PATCH_PX // 8, PATCH_PX // 8, 3)).astype(np.uint8)
    patch = cv2.resize(cells, (PATCH_PX, PATCH_PX), interpolation=cv2.INTER_CUBIC)
    height, width = frames[0].shape[:2]
    start = random.uniform((60, 60), (width - 60 - PATCH_PX, height - 60 - PATCH_PX))
    angle = random.uniform(0, 2 * np.pi)
    velocity = PATCH_SPEED_PX * np.array([np.cos(angle), np.sin(angle)])
    gate = MotionGate()
    for index, frame in enumerate(frames[:PATCH_FROM + round(ONSET_S * 30) + 1]):
        at = start + velocity * (index - PATCH_FROM)
        shown = frame if index < PATCH_FROM else _pasted(frame, patch, at)
        decision = gate.step(shown, index / 30)
        if index >= PATCH_FROM and decision.reason is Reason.MOTION:
            middle = at + PATCH_PX / 2
            if any(_holds(region.xyxy, middle) for region in decision.regions):
                return True
    return False


def _pasted(frame: Image, patch: NDArray[Any], at: NDArray[np.float64]) -> Image:
    x, y = (int(v) for v in np.clip(at, 0, np.array(frame.shape[1::-1]) - PATCH_PX))
    shown = frame.copy()
    shown[y:y + PATCH_PX, x:x + PATCH_PX] = patch
    return shown


def _holds(xyxy: tuple[float, float, float, float], point: NDArray[np.float64]) -> bool:
    margin = PATCH_PX / 2
    return bool(xyxy[0] - margin <= point[0] <= xyxy[2] + margin
                and xyxy[1] - margin <= point[1] <= xyxy[3] + margin)


# --------------------------------------------------------------------------------------- noise


def _noise(minutes: float) -> dict[str, Any]:
    """Noise, exposure steps and flicker before a view in which nothing moves.

    Memory's growth is that from a quarter of the time to the end, as a share.
    """
    random = np.random.default_rng(1)
    cells = random.uniform(40, 180, (9, 11)).astype(np.float32)
    still = cv2.resize(cells, (320, 240), interpolation=cv2.INTER_CUBIC)
    noise = random.normal(0, 3, (241, 320 * 240)).astype(np.float32)
    light: Callable[[int], float] = lambda i: (  # noqa: E731
        (0.6, 1.0, 1.3, 0.8)[i // 600 % 4] * (1 + 0.05 * np.sin(2.1 * i)))
    gate, opens, fps = MotionGate(), 0, 10.0
    count = round(minutes * 60 * fps)
    early_mb = 0.0
    for index in range(count):
        if index == count // 4:
            early_mb = common.resident_mb()
        grain = np.roll(noise[index % 241], 7 * index).reshape(still.shape)
        image = np.clip(still * light(index) + grain, 0, 255).astype(np.uint8)
        decision = gate.step(image, index / fps)
        opens += decision.open and decision.reason is not Reason.HEARTBEAT
    return {"noise_minutes": minutes, "noise_false_opens": int(opens),
            "noise_memory_growth": common.resident_mb() / early_mb - 1}


if __name__ == "__main__":
    main()

"""The embedded checkpoints and the whole funnel against the embedded world's truth.

    python benchmark/world.py --json world.json [--quick] [--cards] [--models embedded]

Depth, detector and scene QA are measured as the nodes run them, on frames of worlds that were not
trained on; then the real nodes are led over DDS through timelines of a minute each, with static
and moving cameras, on simulated time (`benchmark/lockstep.py`). `--first-seed` takes other worlds,
at which nobody has looked while the checkpoints were made.
"""
from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from multiprocessing import get_context
from operator import add
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from benchmark import common  # noqa: E402
from benchmark.lockstep import (  # noqa: E402
    FIRST_SEED,
    TIMELINES,
    TRUTH,
    Minute,
    Played,
    play,
    timelines,
)
from benchmark.world_cards import TARGETS, refused, write_cards  # noqa: E402
from benchmark.world_frames import world_frames  # noqa: E402
from smolvlm_ros.models.choice import AUTO, EMBEDDED, HELP, parameters  # noqa: E402
from smolvlm_ros.models.errors import ModelError  # noqa: E402
from smolvlm_ros.world.scoring.funnel_score import FunnelScore  # noqa: E402
from smolvlm_ros.world.scoring.vlm import View, score, views_of, worlds_of  # noqa: E402

PARTS = ("depth", "detector", "vlm", "funnel")


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        seeds, frames: worlds of each place and camera, and frames of each, for depth and detector.
        worlds: for scene QA; each gives as many frames as crops.
        described: how many of these are described, twice each.
        minutes, duration_s: timelines of the funnel, and how long each is.
    """

    seeds: int = 8
    frames: int = 4
    worlds: int = 108
    described: int = 300
    minutes: int = TIMELINES
    duration_s: float = 60.0

    def worlds_of(self) -> dict[str, int]:
        """Number of seeds by part."""
        return {"depth": self.seeds, "detector": self.seeds, "vlm": self.worlds,
                "funnel": self.minutes}


QUICK = Extent(1, 1, 2, 6, 1, 20.0)


def main() -> int:
    """Measure, print and write; 1 when a part could not be measured."""
    options = _options()
    extent = QUICK if options.quick else Extent()
    if options.minutes:
        extent = replace(extent, minutes=options.minutes)
    cv2.setNumThreads(1)
    results: dict[str, Any] = {"world_models": options.models}
    results |= {f"world_seeds_of_{part}": f"{options.first_seed} to {options.first_seed + n - 1}"
                for part, n in extent.worlds_of().items() if part in options.parts}
    failed = False
    for part in options.parts:
        begin = time.monotonic()
        try:
            measured = _MEASURES[part](options, extent)
        except ModelError as error:
            print(f"{part}: not measured: {error}\n", flush=True)
            failed = True
            continue
        seconds = round(time.monotonic() - begin, 1)
        print(common.table((f"{part}, {seconds:g} s", "value", "target", ""),
                           [_row(key, value) for key, value in measured.items()
                            if isinstance(value, (int, float))]) + "\n", flush=True)
        results.update(measured)
        results[f"world_{part}_s"] = seconds
        failed |= bool(measured.get("funnel_failed_timelines"))
    common.write(_plain(results), options.json)
    if options.cards:
        failed |= not write_cards(results)
    return int(failed)


def _options() -> argparse.Namespace:
    parser = common.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default=EMBEDDED, help=HELP + "; truth gives fusion exact "
                        "boxes and depth (default %(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
                        help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--minutes", type=int, default=0, metavar="N",
                        help="timelines of the funnel (default 20; quick: one of 20 s)")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 3),
                        metavar="N", help="timelines at once (default %(default)s)")
    parser.add_argument("--first-seed", type=_seed, default=FIRST_SEED, metavar="N",
                        help="of the worlds; the others follow (default %(default)s)")
    parser.add_argument("--cards", action="store_true", help="put the figures into the embedded "
                        "checkpoints' cards; not with --quick or other models")
    parser.add_argument("--keep", type=Path, metavar="FOLDER",
                        help="keep parameters and logs of each timeline there")
    options = parser.parse_args()
    if refused(options):
        parser.error(refused(options))
    if options.models == TRUTH and options.parts == list(PARTS):
        options.parts = ["funnel"]
    return options


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


# The parts ---------------------------------------------------------------------------------

def depth(options: argparse.Namespace, extent: Extent) -> dict[str, Any]:
    """Both variants on their places, and each on the other's."""
    from smolvlm_ros.depth import DepthConfig, make_estimator
    from smolvlm_ros.world.scoring.depth import INDOOR, OUTDOOR, evaluate_depth
    from smolvlm_ros.world.scoring.object_depth import ObjectDepths

    chosen = parameters(options.models).get("depth", {})
    if chosen.get("estimator") != "depth_anything_v2":
        raise ModelError(f"models {options.models!r} have no depth network")
    rows: dict[str, Any] = {}
    absrel: dict[tuple[str, str], float] = {}
    for variant in ("indoor", "outdoor"):
        estimator = make_estimator(DepthConfig(scene=variant, **chosen))
        try:
            for place, scenes in (("indoor", INDOOR), ("outdoor", OUTDOOR)):
                # A third of the frames is enough to see that it is the wrong one.
                seeds = extent.seeds if place == variant else math.ceil(extent.seeds / 3)
                watched = ObjectDepths(estimator)
                score = evaluate_depth(watched, watched.noting(
                    world_frames(options.first_seed, seeds, extent.frames, scenes)))
                absrel[variant, place] = score.absrel
                if place == variant:
                    rows.update({f"depth_{place}_absrel": score.absrel,
                                 f"depth_{place}_delta1": score.delta1,
                                 f"depth_{place}_unknown": score.unknown,
                                 f"depth_{place}_frames": score.frames,
                                 **{f"depth_{place}_on_{kind.replace(' ', '_')}": error
                                    for kind, error in watched.median_errors().items()}})
                    if place == "outdoor":
                        rows["depth_outdoor_sky"] = score.sky
        finally:
            estimator.close()
    rows["depth_swapped_absrel_ratio"] = min(
        absrel["outdoor", "indoor"] / absrel["indoor", "indoor"],
        absrel["indoor", "outdoor"] / absrel["outdoor", "outdoor"])
    return rows


def detector(options: argparse.Namespace, extent: Extent) -> dict[str, Any]:
    """Average precision on all places."""
    from smolvlm_ros.detection import DetectorConfig, make_detector
    from smolvlm_ros.settings import SettingError
    from smolvlm_ros.world.scoring.detection import evaluate_detector

    try:
        config = DetectorConfig.from_flat({**parameters(options.models).get("detector", {}),
                                           "min_score": 0.01})
    except SettingError as error:
        raise ModelError(str(error)) from error
    made = make_detector(config)
    try:
        score = evaluate_detector(made.detect, world_frames(
            options.first_seed, extent.seeds, extent.frames))
    finally:
        made.close()
    return {"detector_map50": score.map50, "detector_frames": score.frames,
            **{f"detector_ap50_{name}": value for name, value in score.by_class.items()}}


def vlm(options: argparse.Namespace, extent: Extent) -> dict[str, Any]:
    """Balanced questions on frames and crops, and descriptions of some of them."""
    from smolvlm_ros.qa.engine import EngineConfig, EngineError, NoEngine, make_engine

    try:
        engine = make_engine(EngineConfig.from_flat(
            {name.partition(".")[2]: value
             for name, value in parameters(options.models).get("scene_qa", {}).items()}))
    except EngineError as error:
        raise ModelError(str(error)) from error
    if isinstance(engine, NoEngine):
        raise ModelError(engine.reason)
    rng = np.random.default_rng(options.first_seed)
    try:
        views = views_of(worlds_of(
            range(options.first_seed, options.first_seed + extent.worlds)), rng)
        found = score(engine, views, rng)
        described = descriptions(engine, views, extent.described, rng)
    finally:
        engine.close()
    return {**found.accuracy, **described, "vlm_views": len(views),
            "vlm_asked": sum(found.asked.values()),
            **{f"vlm_{name.replace(', ', '_')}": value for name, value in found.by_view.items()}}


def descriptions(engine: Any, views: Sequence[View], count: int,
                 rng: np.random.Generator) -> dict[str, Any]:
    """Some of the views by chance, described with the node's prompt and with those of training."""
    from smolvlm_ros.ros.qa_settings import SceneQaSettings
    from smolvlm_ros.world.scoring.descriptions import score_descriptions
    from smolvlm_ros.world.training.vlm_questions import DESCRIBE

    default = SceneQaSettings().describe_prompt
    chosen = [views[int(number)] for number in sorted(rng.permutation(len(views))[:count])]
    score = score_descriptions(engine, chosen, default, [p for p in DESCRIBE if p != default])
    return {**score.rows, "vlm_described": score.described}


def funnel(options: argparse.Namespace, extent: Extent) -> dict[str, Any]:
    """The real nodes over DDS, through whole timelines."""
    # Where an embedded checkpoint is missing the others are measured all the same.
    models = AUTO if options.models == EMBEDDED else options.models
    minutes = timelines(extent.minutes, options.first_seed, extent.duration_s, models)
    total, told, failed = FunnelScore(), [], 0
    for minute, outcome in zip(minutes, _at_once(minutes, options), strict=True):
        if isinstance(outcome, str):
            failed += 1
            print(f"{minute.source}: failed: {outcome}", flush=True)
            continue
        total = reduce(add, (total, outcome.score))
        told.append(_told(outcome))
        print(_line(outcome), flush=True)
    return {**total.rows(), "funnel_timelines": len(told), "funnel_failed_timelines": failed,
            "funnel_by_timeline": told}


_MEASURES: dict[str, Callable[[argparse.Namespace, Extent], dict[str, Any]]] = {
    "depth": depth, "detector": detector, "vlm": vlm, "funnel": funnel}


def _at_once(minutes: Sequence[Minute], options: argparse.Namespace) -> Iterator[Played | str]:
    """The outcomes in order; several minutes are played at the same time."""
    threads = ThreadPoolExecutor(options.jobs)
    try:
        yield from threads.map(lambda minute: _alone(minute, options.keep), minutes)
    finally:
        # After ctrl-C no further minute is begun.
        threads.shutdown(cancel_futures=True)


def _alone(minute: Minute, keep: Path | None) -> Played | str:
    """Play in a process of its own; what went wrong in words."""
    folder = keep / f"{minute.scene}_{minute.seed}_{minute.camera}" if keep else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(play, minute, folder).result()
        except (RuntimeError, ValueError, OSError) as error:
            return str(error)


# What is said ------------------------------------------------------------------------------

def _row(key: str, value: float) -> tuple[object, ...]:
    if key not in TARGETS:
        return key, value, "", ""
    sign, target = TARGETS[key]
    met = value <= target if sign == "<=" else value >= target
    said = "nothing to measure" if math.isnan(value) else "met" if met else "MISSED"
    return key, value, f"{sign} {target:g}", said


def _line(played: Played) -> str:
    rows, faults = played.score.rows(), played.score.faults
    return "\n".join([
        f"{played.minute.source}: {played.score.decided} of {played.score.questions} decided, "
        f"{played.score.wrong} wrong, {rows['funnel_missed_events']:g} events missed, "
        f"{played.score.false_events} false, {played.score.stray} stray verdicts, "
        f"passed {rows['funnel_pass_rate']:.3f}, position "
        f"{rows['funnel_position_error_rel']:.3f}, {played.wall_s:.0f} s",
        *(f"    {fault}" for fault in faults)])


def _told(played: Played) -> dict[str, Any]:
    return {"source": played.minute.source, "wall_s": round(played.wall_s, 1),
            **{key: value for key, value in played.score.rows().items()},
            "faults": list(played.score.faults)}


def _plain(value: Any) -> Any:
    """Numbers rounded, and null where there was nothing to measure."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    sys.exit(main())

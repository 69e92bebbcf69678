"""Scene QA: what its questions cost, and what its verdict policy is worth.

    python benchmark/qa.py --json qa.json [--quick] [--parts cost policy guard clients]

- cost: SmolVLM2 at the real sizes with random weights, in pairs with plain transformers
  `generate()` of one token in the same number format;
- policy: a model of the embedded world on 1,000 seeded questions, a tenth of the frames corrupted,
  asked as scene_qa asks about objects: on crops;
- guard: the geometry guard on questions kept apart from its rules;
- clients: ten clients that ask a scene_qa node at once for ten minutes; late is what comes more
  than a second after its time: of a question its own, of a description the node's timeout_s.

`--answers FILE` writes the policy's answers with the right ones, for `smolvlm_ros calibrate`;
`--calibration FILE` applies what that made.
"""
from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from benchmark import common  # noqa: E402
from smolvlm_ros.qa.calibration import read_calibrations  # noqa: E402
from smolvlm_ros.qa.crops import CropConfig  # noqa: E402
from smolvlm_ros.qa.engine import EngineConfig, NoEngine, make_engine  # noqa: E402

# What the figures should be.
TARGETS: dict[str, tuple[str, float]] = {
    "four_pass_cost_ratio": ("<=", 0.6), "eight_questions_ratio": ("<=", 1.6),
    "policy_wrong_over_single": ("<=", 0.2), "policy_decided_rate": (">=", 0.75),
    "geometry_guard_accuracy": (">=", 0.98), "clients_lost": ("<=", 0), "clients_late": ("<=", 0),
    "clients_memory_growth_mib": ("<=", 16)}
_DTYPES = ("float32", "bfloat16", "int8")
_SEED = 900        # of the first world; places for timelines are never trained on
_QUESTIONS, _QUICK_QUESTIONS = 1000, 80
_QUICK_CLIENTS_S = 10.0
_A_WORLD = 13      # questions that a world gives, about


def main() -> int:
    """Measure, print and write."""
    options = _options()
    cv2.setNumThreads(1)
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    results: dict[str, Any] = {}
    for part in options.parts:
        measured = _PARTS[part](options)
        print(common.table((part, "value", "target", ""),
                           [_row(k, v) for k, v in measured.items()]) + "\n", flush=True)
        results.update(measured)
    common.write({key: _plain(value) for key, value in results.items()}, options.json)
    return 0


def cost(options: argparse.Namespace) -> dict[str, Any]:
    """Ratios (the worse one of the sizes) and a row for each size and number format."""
    from benchmark.qa_architectures import SIZES, write_checkpoint
    from benchmark.qa_cost import cost as measured

    rows: dict[str, Any] = {}
    worst: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="qa_") as top:
        for size in SIZES[:1] if options.quick else SIZES:
            folder = write_checkpoint(Path(top) / size, size)
            for dtype in _DTYPES[:1] if options.quick else _DTYPES:
                found = measured(folder, dtype, 1 if options.quick else 5, options.threads)
                for key, value in found.items():
                    rows[f"qa_{size}_{dtype}_{key}"] = value
                    if key in TARGETS and dtype == "float32":
                        worst[key] = max(worst.get(key, 0.0), value)
    return {**worst, **rows}


def policy(options: argparse.Namespace) -> dict[str, Any]:
    """One pass, two frames and the whole policy, on crops or on whole frames."""
    engine = make_engine(dataclasses.replace(EngineConfig(), model=options.model,
                                             num_threads=options.threads))
    if isinstance(engine, NoEngine):
        print(f"policy: not measured: {engine.reason}")
        return {}
    try:
        return _policy(options, engine)
    finally:
        engine.close()


def guard(_: argparse.Namespace) -> dict[str, Any]:
    """Share of the questions kept apart from the guard's rules that go where they belong."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test" / "qa"))
    from guard_questions import HELD_OUT

    from smolvlm_ros.qa.guard import QuestionKind, classify

    right = {kind: [classify(q) is kind for _, belongs, q in HELD_OUT if belongs is kind]
             for kind in QuestionKind}
    asked = sum(right.values(), [])
    return {"geometry_guard_accuracy": float(np.mean(asked)), "geometry_guard_asked": len(asked),
            "geometry_guard_caught": float(np.mean(right[QuestionKind.GEOMETRY])),
            "geometry_guard_let_through": float(np.mean(right[QuestionKind.ORDINARY]))}


def clients(options: argparse.Namespace) -> dict[str, Any]:
    """Ten clients at once: nothing lost, nothing late, memory flat."""
    from benchmark.qa_clients import rows

    return rows(options.model, _QUICK_CLIENTS_S if options.quick else options.minutes * 60,
                options.threads)


_PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "cost": cost, "policy": policy, "guard": guard, "clients": clients}


def _policy(options: argparse.Namespace, engine: Any) -> dict[str, Any]:
    from smolvlm_ros.world.scoring.moments import pairs_of
    from smolvlm_ros.world.scoring.policy import chosen_questions, score_policy
    from smolvlm_ros.world.scoring.vlm import worlds_of

    wanted = _QUICK_QUESTIONS if options.quick else _QUESTIONS
    seeds = range(options.seed, options.seed + math.ceil(wanted / _A_WORLD))
    rng = np.random.default_rng(options.seed)
    pairs = list(pairs_of(worlds_of(seeds), rng, None if options.frames else CropConfig()))
    asked = chosen_questions(pairs, wanted, rng)
    score = score_policy(engine, pairs, asked,
                         calibrations=read_calibrations(str(options.calibration or "")))
    if options.answers:
        options.answers.write_text("".join(json.dumps(dataclasses.asdict(answer)) + "\n"
                                           for answer in score.answers), encoding="utf-8")
    return score.rows("frames_" if options.frames else "")


def _options() -> argparse.Namespace:
    parser = common.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(_PARTS), metavar="PART",
                        help=f"of {', '.join(_PARTS)} (default: all; with --quick all but the "
                        "clients, who take half a minute then)")
    parser.add_argument("--model", default="world-vlm",
                        help="for the policy and the clients (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N",
                        help="that the clients ask (default %(default)g)")
    parser.add_argument("--seed", type=int, default=_SEED, help="of the policy's first world")
    parser.add_argument("--frames", action="store_true", help="ask the policy's questions on whole "
                        "frames, as a planner does (keys frames_...), not on crops; takes 2 GB")
    parser.add_argument("--threads", type=int, default=0, metavar="N",
                        help="of the models; 0 leaves the library's choice")
    parser.add_argument("--answers", type=Path, metavar="FILE",
                        help="write the policy's answers on clean views, with the right ones")
    parser.add_argument("--calibration", type=Path, metavar="FILE",
                        help="of presence, colour and state, as smolvlm_ros calibrate writes it")
    options = parser.parse_args()
    options.parts = options.parts or [p for p in _PARTS if not (options.quick and p == "clients")]
    return options


def _row(key: str, value: float) -> tuple[object, ...]:
    if key not in TARGETS:
        return key, value, "", ""
    sign, target = TARGETS[key]
    met = value <= target if sign == "<=" else value >= target
    return key, value, f"{sign} {target:g}", "met" if met else "MISSED"


def _plain(value: Any) -> Any:
    """Numbers rounded, and null where there was nothing to measure."""
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    sys.exit(main())

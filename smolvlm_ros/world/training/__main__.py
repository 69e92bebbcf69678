"""The command line of training."""
from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from smolvlm_ros.models.pip_packages import TRAIN, install

JOBS = {"depth-indoor": "depth", "depth-outdoor": "depth", "detector": "detector", "vlm": "vlm"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train one checkpoint.

    Returns:
        The exit code: 1 where the loss is no number, 2 for a wrong command line, files that cannot
        be used or a saved state of another run, 130 for ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        import torch
        import tqdm  # noqa: F401
        import transformers  # noqa: F401

        from smolvlm_ros.world.training.options import Options
    except ImportError as error:
        print(f"training: {error}; {install(TRAIN)}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    if options.threads:
        torch.set_num_threads(options.threads)
    job = importlib.import_module(f"smolvlm_ros.world.training.{JOBS[options.job]}")
    try:
        job.run(options.job, Options(
            options.output or Path("checkpoints") / options.job, options.work, options.steps,
            options.scenes, options.seed, options.device, options.workers, options.threads,
            options.start))
    except (ValueError, OSError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("training: stopped; the same command goes on from the saved state", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m smolvlm_ros.world.training",
                                     description=__doc__)
    parser.add_argument("job", choices=sorted(JOBS))
    parser.add_argument("--output", type=Path, help="folder of the checkpoint "
                        "(default checkpoints/JOB)")
    parser.add_argument("--work", type=Path, default=Path("training_work"),
                        help="folder of drawn scenes and saved states (default %(default)s)")
    parser.add_argument("--steps", type=_count, default=0, help="batches; 0: the recipe's own")
    parser.add_argument("--scenes", type=_count, default=0, help="scenes; 0: the recipe's own")
    parser.add_argument("--seed", type=_count, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--workers", type=_count, default=os.cpu_count() or 1,
                        help="processes that draw scenes (default: one for each core)")
    parser.add_argument("--threads", type=_count, default=0, help="CPU threads of torch")
    parser.add_argument("--start", type=Path, help="checkpoint of this job to go on "
                        "from, as this training writes them")
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value


if __name__ == "__main__":
    sys.exit(main())

"""The command `smolvlm_ros`: demo, moments, forget, cover, calibrate, fetch, export, audit."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

DEMO_QUESTION = "Is there a person?"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command; returns its exit code, 2 for a wrong command line or input."""
    parser = argparse.ArgumentParser(prog="smolvlm_ros", description=(
        "Camera frames to answers a robot can act on: gate, metric depth, fusion and scene QA."))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands.add_parser(
        "demo", help="play a video through the whole funnel and sum it up"))
    _add_memory(commands)
    _add_qa(commands)
    _add_models(commands)
    options = parser.parse_args(arguments)
    result: int = options.run(options)
    return result


def _add_memory(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from smolvlm_ros.memory import commands as memory
    from smolvlm_ros.recording import covering

    moments = commands.add_parser("moments", help="search what the robot remembers")
    memory.add_moments_arguments(moments)
    moments.set_defaults(run=memory.run_moments)
    forget = commands.add_parser("forget", help="delete a period from what the robot remembers, "
                                 "for good")
    memory.add_forget_arguments(forget)
    forget.set_defaults(run=memory.run_forget)
    cover = commands.add_parser("cover", help="write a recording anew, with faces and plates "
                                "covered in its images", description=covering.DESCRIPTION)
    covering.add_arguments(cover)
    cover.set_defaults(run=covering.run)


def _add_qa(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from smolvlm_ros.qa import labelled

    calibrate = commands.add_parser(
        "calibrate", help="fit how far scene_qa's probabilities can be trusted, from labelled "
        "answers")
    labelled.add_arguments(calibrate)
    calibrate.set_defaults(run=labelled.run)


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from smolvlm_ros.models import commands as models
    from smolvlm_ros.models import fetching

    fetch = commands.add_parser("fetch", help="fetch checkpoints from the hub, and note hashes")
    fetching.add_arguments(fetch)
    fetch.set_defaults(run=fetching.run)
    export = commands.add_parser("export", help="write a checkpoint as ONNX, with a parity check")
    models.add_export_arguments(export)
    export.set_defaults(run=models.run_export)
    audit = commands.add_parser("audit", help="list checkpoints with licence, source and hash")
    models.add_audit_arguments(audit)
    audit.set_defaults(run=models.run_audit)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    from smolvlm_ros.demo.world import DEMO_SOURCE
    from smolvlm_ros.models import choice

    parser.add_argument("--source", default=DEMO_SOURCE, help="video, folder, RGB-D folder, "
                        "rosbag2 or MCAP recording, camera; a minute of the embedded world ('world"
                        ":path?seed=3&camera=drone', default %(default)s); 'demo', a drawn room")
    parser.add_argument("--models", default=choice.AUTO, help=f"{choice.HELP} (default "
                        "%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("demo_output"),
                        help="folder for the results")
    parser.add_argument("--params-file", type=Path, help="parameters in place of config/demo.yaml")
    parser.add_argument("-p", "--param", action="append", default=[], metavar="NODE:NAME:=VALUE",
                        help="one parameter, as in fusion:target_frame:=odom; may be repeated")
    parser.add_argument("--height", type=float, metavar="M",
                        help="the camera's height above the ground")
    parser.add_argument("--pitch", type=float, metavar="DEG", help="its tilt, positive looks down")
    parser.add_argument("--fov", type=float, metavar="DEG", help="its horizontal field of view")
    parser.add_argument("--question", default=DEMO_QUESTION,
                        help="asked of the running funnel; empty for none")
    parser.add_argument("--duration", type=float, default=0.0, metavar="S",
                        help="stop after so long")
    parser.add_argument("--loop", action="store_true", help="play again and again")
    parser.add_argument("--no-film", action="store_true", help="write no annotated.mp4")
    parser.add_argument("--no-record", action="store_true", help="write no recording; it holds the "
                        "source's pictures as they are, faces too (see the command cover)")
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from smolvlm_ros.demo.runner import DemoOptions, run_demo

    try:
        overrides = [_override(text) for text in options.param]
        for value, name in ((options.height, "mount.height_m"), (options.pitch, "mount.pitch_deg"),
                            (options.fov, "horizontal_fov_deg")):
            if value is not None:
                overrides.append(("video_source", name, str(float(value))))
        return run_demo(DemoOptions(
            options.source, options.output, options.params_file, options.models, tuple(overrides),
            options.question, options.duration, options.loop, not options.no_film,
            not options.no_record))
    except (OSError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


def _override(text: str) -> tuple[str, str, str]:
    """'node:name:=value' in its three parts.

    Raises:
        ValueError: showing the form.
    """
    left, separator, value = text.partition(":=")
    node, colon, name = left.partition(":")
    if not (separator and colon and node and name):
        raise ValueError(f"parameter {text!r} is not of the form NODE:NAME:=VALUE, as in "
                         "gate:heartbeat_s:=5.0")
    return node, name, value


if __name__ == "__main__":
    sys.exit(main())

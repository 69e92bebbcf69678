"""The command line of checkpoints: `smolvlm_ros export` and `smolvlm_ros audit`."""
from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from smolvlm_ros.models.audit import AuditRow, audit, listed
from smolvlm_ros.models.configured import models_in_parameters
from smolvlm_ros.models.errors import ModelError
from smolvlm_ros.models.export import PRECISIONS, export_depth
from smolvlm_ros.models.export_detector import export_detector
from smolvlm_ros.models.onnx_session import PROVIDERS
from smolvlm_ros.models.registry import CHECKPOINTS
from smolvlm_ros.models.stated_licence import is_agpl

OK, REFUSED, FAILED = 0, 1, 2


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `smolvlm_ros export`."""
    parser.add_argument("task", choices=tuple(_EXPORTS), help="what the checkpoint is for: depth "
                        "(Depth Anything V2) or detector (D-FINE, RT-DETR)")
    parser.add_argument("source", help="folder with config.json and model.safetensors, a hub id, "
                        "or a name that 'smolvlm_ros audit' lists")
    parser.add_argument("output", help="the ONNX file to write")
    parser.add_argument("--size", type=_size, metavar="HxW",
                        help="input size, in the camera's aspect: for depth multiples of 14 "
                        "(default 518x686; 252x336 takes a fifth of the time), for a detector of "
                        "32 (default: the checkpoint's own, or 640x640)")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32",
                        help="int8: depth only, quicker on a CPU, a little less exact "
                        "(default fp32)")
    parser.add_argument("--provider", choices=PROVIDERS, default="",
                        help="depth only: what will run it. cpu: quicker there (nine tenths of the "
                        "time at 518x686), and not for TensorRT (default: a file for all)")
    parser.add_argument("--licence", default="", metavar="SPDX",
                        help="licence of a checkpoint of your own")
    parser.add_argument("--allow-noncommercial", action="store_true",
                        help="export weights whose licence forbids commercial use")


def run_export(args: argparse.Namespace) -> int:
    """Export a checkpoint; progress goes to stderr, the result to stdout.

    Returns:
        The exit code: 0 when the file was written, 2 with a line on stderr otherwise.
    """
    progress = _Progress()
    try:
        text = _EXPORTS[args.task](args, progress)
    except (ModelError, OSError) as error:
        progress.close()
        print(f"export: {error}", file=sys.stderr)
        return FAILED
    progress.close()
    print(text)
    return OK


def _export_depth(args: argparse.Namespace, progress: _Progress) -> str:
    size = {"size": args.size} if args.size else {}
    result = export_depth(args.source, args.output, **size, precision=args.precision,
                          provider=args.provider, licence=args.licence,
                          allow_noncommercial=args.allow_noncommercial, report=progress)
    meta = result.metadata
    return (f"{result.path}: {meta.variant}, range {meta.max_depth_m:g} m, input "
            f"{meta.height}x{meta.width}, {meta.precision}, licence {meta.licence}; differs from "
            f"torch by {result.parity_max:.1e} of the range at most, {result.parity_mean:.1e} on "
            "average")


def _export_detector(args: argparse.Namespace, progress: _Progress) -> str:
    if args.precision != "fp32" or args.provider:
        raise ModelError(f"precision {args.precision!r} and provider {args.provider!r} are for "
                         "depth only; leave them out")
    result = export_detector(args.source, args.output, args.size, licence=args.licence,
                             allow_noncommercial=args.allow_noncommercial, report=progress)
    meta = result.metadata
    return (f"{result.path}: {meta.architecture}, {len(meta.classes)} classes, input "
            f"{meta.height}x{meta.width}, licence {meta.licence}; gives "
            f"{100 * (1 - result.unmatched):.4g} % of torch's detections")


_EXPORTS = {"depth": _export_depth, "detector": _export_detector}


def add_audit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `smolvlm_ros audit`."""
    parser.add_argument("items", nargs="*", help="ONNX files, folders of them, checkpoint "
                        "folders, hub ids, names, or 'auto' for what scene_qa takes by itself; "
                        "with none, and no parameter file, the known checkpoints are listed")
    parser.add_argument("--params-file", action="append", default=[], metavar="YAML",
                        help="audit the models that a ROS parameter file sets (may be repeated)")
    parser.add_argument("--strict", action="store_true",
                        help="exit code 1 also for an unknown licence, and for weights that are "
                        "not on this machine")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_audit(args: argparse.Namespace) -> int:
    """List checkpoints with licence, source and hash.

    Returns:
        The exit code: 1 when one in use is non-commercial or under the AGPL (with --strict: or
        unknown, or not on this machine), 2 when one cannot be looked at, 0 otherwise and for the
        plain list of known ones.
    """
    try:
        items = list(args.items)
        for path in args.params_file:
            items += [i for i in models_in_parameters(path) if i not in items]
    except ModelError as error:
        print(f"audit: {error}", file=sys.stderr)
        return FAILED
    listing = not (args.items or args.params_file)
    rows = [listed(known) for known in CHECKPOINTS] if listing else []
    failed = False
    for item in items:
        try:
            rows += audit(item)
        except (ModelError, OSError) as error:
            print(f"audit: {error}", file=sys.stderr)
            failed = True
    print(json.dumps([dataclasses.asdict(r) for r in rows], indent=2) if args.json
          else _table(rows))
    if failed:
        return FAILED
    refused = [r for r in rows if r.commercial is False
               or (args.strict and (r.commercial is None or not r.sha256))]
    return REFUSED if refused and not listing else OK


def _table(rows: list[AuditRow]) -> str:
    cells = [("name", "licence", "use", "source", "sha256")]
    cells += [(r.name, r.licence, _use(r), r.source or r.item, r.sha256[:16] or "-")
              for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
                     for row in cells)


def _use(row: AuditRow) -> str:
    if is_agpl(row.licence):
        return "COPYLEFT"
    return {True: "commercial", False: "NON-COMMERCIAL", None: "UNKNOWN"}[row.commercial]


def _size(text: str) -> tuple[int, int]:
    height, cross, width = text.lower().partition("x")
    if not cross or not height.isdigit() or not width.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write HEIGHTxWIDTH, as 518x686")
    return int(height), int(width)


class _Progress:
    """A bar on stderr by tqdm, which comes with transformers; a line per step without it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, steps: int, text: str) -> None:
        try:
            from tqdm import tqdm
        except ImportError:
            print(f"[{done}/{steps}] {text}", file=sys.stderr)
            return
        if self._bar is None:
            self._bar = tqdm(total=steps, file=sys.stderr, bar_format="{l_bar}{bar}| {postfix[0]}",
                             postfix=[text])
        self._bar.postfix[0] = text
        self._bar.update(done - self._bar.n)
        self._bar.refresh()

    def close(self) -> None:
        """End the bar's line; may be called when none was drawn."""
        if self._bar is not None:
            self._bar.close()

"""What every benchmark shares: its options, the machine it ran on, paired timing, tables and JSON.

    options = common.arguments("Image conversion against cv_bridge.")
    pair = common.paired(ours, theirs, repeats=50)
    print(common.table(("case", "ours ms", "theirs ms", "faster"), [("rgb8", …)]))
    common.write({"rgb8_vga_ours_ms": pair.median_a_ms}, options.json)
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

_VERSIONS = ("numpy", "opencv-python-headless", "opencv-python", "onnxruntime", "onnxruntime-gpu",
             "torch", "transformers")


@dataclass(frozen=True)
class Paired:
    """Two ways of doing the same, timed in turns in the same run.

    Attributes:
        median_a_ms: median time of the first, milliseconds.
        median_b_ms: median time of the second, milliseconds.
        ratio: median over the pairs of (second / first): above 1, the first is the faster.
    """

    median_a_ms: float
    median_b_ms: float
    ratio: float


def parser(description: str) -> argparse.ArgumentParser:
    """The options all benchmarks have, for those that add their own."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    made.add_argument("--quick", action="store_true", help="fewer repeats, done within a minute")
    return made


def arguments(description: str) -> argparse.Namespace:
    """The command line: `json` (Path or None) and `quick` (bool)."""
    return parser(description).parse_args()


def machine() -> dict[str, Any]:
    """Flat facts about the machine and its software, for the head of a result file."""
    facts: dict[str, Any] = {
        "machine_cpu": _cpu(),
        "machine_cores": len(os.sched_getaffinity(0)),
        "machine_load_1min": round(os.getloadavg()[0], 2),
        "machine_architecture": platform.machine(),
        "machine_system": platform.platform(),
        "python": platform.python_version(),
    }
    for name in _VERSIONS:
        try:
            facts[name.replace("-", "_")] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return facts


def resident_mb() -> float:
    """Memory of this process that is resident now, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed_ms(run: Callable[[], object]) -> float:
    """Wall-clock milliseconds of one call."""
    begin = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - begin) / 1e6


def paired(a: Callable[[], object], b: Callable[[], object], repeats: int) -> Paired:
    """Time two functions in turns, so that what else the machine does falls on both alike.

    Each pair starts with the other one, because the second of a pair finds warmer caches. One call
    of each comes before and is not counted.

    Args:
        a, b: functions without arguments.
        repeats: number of pairs, at least 1.
    """
    a(), b()
    times: list[tuple[float, float]] = []
    for index in range(max(1, repeats)):
        if index % 2:
            b_ms = timed_ms(b)
            times.append((timed_ms(a), b_ms))
        else:
            a_ms = timed_ms(a)
            times.append((a_ms, timed_ms(b)))
    return Paired(statistics.median(t[0] for t in times), statistics.median(t[1] for t in times),
                  statistics.median(t[1] / max(t[0], 1e-9) for t in times))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under a header in aligned columns; numbers with three digits after the point."""
    cells = [[f"{c:.3f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in [list(header), *cells]) for i in range(len(header))]
    lines = []
    for line in [list(header), ["-" * width for width in widths], *cells]:
        padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        padded[0] = line[0].ljust(widths[0])
        lines.append("  ".join(padded))
    return "\n".join(lines)


def write(rows: Mapping[str, Any], json_path: Path | None) -> None:
    """Write flat results with `machine()` before them as JSON; nothing where the path is None.

    The file appears whole or not at all.
    """
    if json_path is None:
        return
    part = json_path.with_name(json_path.name + ".part")
    part.write_text(json.dumps({**machine(), **rows}, indent=2) + "\n", encoding="utf-8")
    part.replace(json_path)


def _cpu() -> str:
    """The CPU's name; on boards the kernel names the board instead (device tree)."""
    board = Path("/proc/device-tree/model")
    try:
        if board.exists():
            return board.read_text(encoding="ascii").strip("\0 \n")
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except (OSError, UnicodeDecodeError):
        pass
    return platform.processor() or "unknown"

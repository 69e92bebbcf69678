"""The live table: the journal as lines of text."""
from __future__ import annotations

import math
import sys
import time
from typing import TextIO

from smolvlm_ros.demo.journal import Journal

_LEVELS = ("ok", "WARN", "ERROR", "STALE")


def render(journal: Journal, elapsed_s: float, width: int = 100) -> list[str]:
    """The table's lines: frames, objects, zone events, verdicts, latency and health."""
    with journal.lock:
        dropped = journal.frames_in - journal.frames_passed
        rate = 100 * journal.frames_passed / max(1, journal.frames_in)
        lines = [
            f"smolvlm_ros on {journal.source}   {elapsed_s:6.1f} s",
            f"frames     in {journal.frames_in:6d}   passed {journal.frames_passed:5d} "
            f"({rate:4.1f} %)   dropped {dropped:6d}   {_counts(journal.reasons)}",
            f"objects    sightings {journal.objects_seen:5d}   {_tracks(journal)}",
        ]
        lines += [f"zone       {e.stamp_s:7.1f} s  {e.kind:5s}  {e.zone}: "
                  f"{e.class_name} {e.track_id}{_metres(e.distance_m)}"
                  for e in journal.zone_events[-3:]] or ["zone       no events yet"]
        lines += [f"verdict    {v.answer:6s} {v.question}  ({v.reason})"
                  for v in journal.verdicts[-2:]] or ["verdict    none yet"]
        lines += [f"asked      {_at(c.stamp_s)}  {c.service}: {c.asked} -> {c.said} in "
                  f"{c.latency_ms:.0f} ms"
                  for c in journal.calls[-2:]]
        lines.append("latency    " + "   ".join(
            f"{name} {v['p50']:.0f}/{v['p95']:.0f}/{v['p99']:.0f}"
            for name, v in journal.latency_ms.items()) + "   ms p50/p95/p99")
        worst = [f"{name} {_LEVELS[level]}: {text}"
                 for name, (level, text) in journal.health.items() if level]
        lines.append("health     " + ("; ".join(worst) or "ok"))
    return [line if len(line) <= width else line[:width - 1] + "…" for line in lines]


class Screen:
    """Draws the table in place on a terminal, or prints a line now and then elsewhere."""

    def __init__(self, journal: Journal, out: TextIO | None = None, every_s: float = 5.0) -> None:
        self._journal = journal
        self._out = out or sys.stdout
        self._every_s = every_s
        self._begin = time.monotonic()
        self._drawn = 0
        self._last = -every_s

    def draw(self, final: bool = False) -> None:
        """Draw the table as it is now."""
        elapsed_s = time.monotonic() - self._begin
        lines = render(self._journal, elapsed_s, 140)
        if self._out.isatty():
            up = f"\x1b[{self._drawn}F" if self._drawn else ""
            self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines) + "\x1b[0J")
            self._drawn = len(lines)
        elif final or elapsed_s - self._last >= self._every_s:
            self._last = elapsed_s
            self._out.write("\n".join(lines if final else [lines[0] + "   " + lines[1]]) + "\n")
        self._out.flush()


def _metres(distance_m: float) -> str:
    return "" if math.isnan(distance_m) else f", {distance_m:.1f} m"


def _at(stamp_s: float) -> str:
    return " no frame" if math.isnan(stamp_s) else f"{stamp_s:7.1f} s"


def _counts(reasons: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in reasons.items())


def _tracks(journal: Journal) -> str:
    classes: dict[str, int] = {}
    for seen in journal.tracks.values():
        classes[seen.class_name] = classes.get(seen.class_name, 0) + 1
    near = [s for s in journal.tracks.values() if not math.isnan(s.distance_m)]
    newest = max(near, key=lambda s: s.last_s, default=None)
    last = f"   last: {newest.class_name} at {newest.distance_m:.1f} m" if newest else ""
    return "tracks " + (_counts(classes) or "none") + last

"""The demo's contact sheet: for each moment the frame, its depth, boxes and zone, and verdict."""
from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.demo.journal import CallEntry, Journal, Moment
from smolvlm_ros.drawing import Panel, contact_sheet, depth_panel, text_panel
from smolvlm_ros.drawing.text import GREY, MAYBE, PAPER

_ROWS = 4


def write_sheet(journal: Journal, path: Path) -> bool:
    """Draw the sheet as a PNG; False when there was no moment to draw.

    Raises:
        OSError: when the file cannot be written.
    """
    moments = [m for m in journal.moments if m.image_rgb is not None]
    if not moments:
        return False
    chosen = [moments[round(i)] for i in np.linspace(0, len(moments) - 1, min(_ROWS, len(moments)))]
    panels = [panel for moment in chosen for panel in _row(moment, journal)]
    sheet = contact_sheet(panels, columns=4, title=f"smolvlm_ros: {Path(journal.source).name}",
                          footer=[_asked(call) for call in journal.calls])
    if not cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise OSError(f"{path} cannot be written; is the folder there and the disk not full?")
    return True


def _row(moment: Moment, journal: Journal) -> list[Panel]:
    image = moment.image_rgb
    assert image is not None
    height, width = image.shape[:2]
    panels = [Panel(image, f"{moment.stamp_s:.1f} s: passed the gate", moment.title)]
    if moment.depth_m is not None:
        near, far = _limits(moment.depth_m)
        panels.append(Panel(depth_panel(moment.depth_m, near, far), "metric depth"))
    else:
        nothing = text_panel([("no depth for this frame", GREY)], width, height)
        panels.append(Panel(nothing, "metric depth"))
    drawn = moment.annotated_rgb if moment.annotated_rgb is not None else image
    panels.append(Panel(drawn, "objects in 3D, zone", moment.title))
    said = moment.verdict
    answer = next((word for word in ("YES", "NO", "UNSURE") if f" {word}:" in said), "NOT ASKED")
    lines = [(said or "no question was raised here", PAPER)]
    words = text_panel(lines, width, height, headline=answer, headline_colour=MAYBE)
    panels.append(Panel(words, "verdict"))
    return panels


def _asked(call: CallEntry) -> str:
    """What was asked from outside: not about a row's picture, so with its own time."""
    when = "" if math.isnan(call.stamp_s) else f"at {call.stamp_s:.1f} s, "
    return f"{when}asked by service: {call.asked} {call.said}"


def _limits(depth_m: NDArray[np.float32]) -> tuple[float, float]:
    """Round limits that hold most of the depth."""
    known = depth_m[np.isfinite(depth_m)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, (2, 90))
    return float(np.floor(low)), float(max(np.ceil(high), np.floor(low) + 1))

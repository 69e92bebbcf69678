"""What of a crop leaves the robot: what the question is about, never most of a frame."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from smolvlm_ros.qa.crops import tightened
from smolvlm_ros.remote.records import Evidence
from smolvlm_ros.settings import Settings, setting


class NotACrop(ValueError):  # noqa: N818 - nothing has failed
    """Evidence that may not leave: the text says why."""


@dataclass(frozen=True)
class LeavingConfig(Settings):
    """What of a crop leaves the robot."""

    margin: float = setting(
        0.1, "What is left round the object or zone in what is sent, on each side, as a share of "
        "its box; the crop of the robot's own model shows more.", ge=0.0, le=1.0, runtime=True)
    max_share: float = setting(
        0.5, "Share of the camera's image that is sent at most; a case in which the object or "
        "zone fills more of it is not sent.", ge=0.01, le=0.95, runtime=True)


def leaving(evidence: Sequence[Evidence], config: LeavingConfig) -> tuple[Evidence, ...]:
    """The evidence as it may leave: each crop cut down to what it was cut round.

    Raises:
        NotACrop: there is none, or one is a whole frame, or too much of one.
    """
    if not evidence:
        raise NotACrop("there is no crop to send")
    return tuple(_closer(one, config) for one in evidence)


def _closer(evidence: Evidence, config: LeavingConfig) -> Evidence:
    crop = evidence.crop
    if crop.region is None or crop.cut is None:
        raise NotACrop("whole frames do not leave the robot; give crops round the objects in "
                       "question")
    close = tightened(crop, config.margin)
    assert close.region is not None
    left, top, right, bottom = close.region
    share = (right - left) * (bottom - top) / (crop.cut.width * crop.cut.height)
    if share > config.max_share:
        raise NotACrop(f"what the question is about fills {100 * share:.0f} % of the frame, more "
                       f"than escalation.crop.max_share = {config.max_share:g}, and whole frames "
                       "do not leave the robot; ask when it is farther off, or raise that")
    # The columns and rows that were cut off, in the crop's own pixels.
    x, y = (int((close.region[i] - crop.region[i]) * crop.scale) for i in (0, 1))
    height, width = close.image_rgb.shape[:2]
    boxes = ((x0 - x, y0 - y, x1 - x, y1 - y) for x0, y0, x1, y1 in evidence.person_boxes)
    shown = (box for box in boxes
             if (box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0)
             or not all(map(math.isfinite, box)))  # that is refused where it is to be covered
    return dataclasses.replace(evidence, crop=close, person_boxes=tuple(shown))

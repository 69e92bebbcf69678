"""Parts of a frame as they are asked about: around one object, or of an empty place."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smolvlm_ros.world.facts import Box
from smolvlm_ros.world.truth import WorldObject

LEAST_PX = 96             # edge of a crop
ENLARGED = (1.3, 2.5)     # edge of a crop over the longer edge of the object's box
_JITTER = 0.15            # of the crop's edge, by which the object is off its middle
_ASPECT = 0.15            # by which a crop differs from a square
_LEAST_OBJECT_PX = 77     # pixels of an object that a detector would find
_EMPTY = (96, 240)        # edge of an empty place, pixels


def crop_by_chance(objects: Sequence[WorldObject], width: int, height: int,
                   rng: np.random.Generator, empty_share: float = 0.15) -> Box:
    """A nearly square box around one of the objects in sight, or anywhere.

    Args:
        objects: of the frame.
        width: of the frame, pixels.
        height: of the frame, pixels.
        rng: source of the choice.
        empty_share: how often the place is taken without regard to any object.

    Returns:
        Left, top, right and bottom in whole pixels inside the frame, the last two excluded.
    """
    boxes = [item.visible_xyxy for item in objects
             if item.visible_xyxy is not None and item.visible_pixels >= _LEAST_OBJECT_PX]
    if not boxes or rng.random() < empty_share:
        edge = rng.uniform(*_EMPTY)
        middle = rng.uniform((0, 0), (width, height))
    else:
        box = boxes[int(rng.integers(len(boxes)))]
        edge = rng.uniform(*ENLARGED) * float(max(box[2] - box[0], box[3] - box[1]))
        middle = (box[:2] + box[2:]) / 2 + rng.uniform(-_JITTER, _JITTER, 2) * edge
    stretch = float(rng.uniform(1 - _ASPECT, 1 + _ASPECT))
    left, right = _span(float(middle[0]), edge * stretch, width)
    top, bottom = _span(float(middle[1]), edge / stretch, height)
    return left, top, right, bottom


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    """First and last pixel (excluded) of a stretch, moved into the image."""
    whole = min(max(round(length), LEAST_PX), limit)
    begin = min(max(round(middle - whole / 2), 0), limit - whole)
    return begin, begin + whole

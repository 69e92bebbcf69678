"""What the small SmolVLM is trained on: tiles of frames and of crops, and what they show."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.tile import Tile
from smolvlm_ros.world import palette
from smolvlm_ros.world.facts import Box, sighted
from smolvlm_ros.world.sampling import sample
from smolvlm_ros.world.scoring.vlm_crops import crop_by_chance
from smolvlm_ros.world.truth import WorldFrame, WorldObject

TILE_PX = 448
PATCH_PX = 16
CELLS = TILE_PX // PATCH_PX
SCALE_FACTOR = 2        # patches to an image token along each edge

COLOURS = tuple(palette.COLOURS)
# A category is a kind and a colour, numbered kind by kind.
UPRIGHT, LYING = f"{palette.PERSON} upright", f"{palette.PERSON} lying"
KINDS = (UPRIGHT, LYING, palette.BOX, palette.BALL, palette.CONE, palette.VEHICLE)
CATEGORIES = len(KINDS) * len(COLOURS)

FRAME_VIEWS, CROP_VIEWS = 2, 2   # of a scene; the first is the frame, the second most of it
VIEWS = FRAME_VIEWS + CROP_VIEWS
_REACH = 1.5          # worlds have boxes 13 m away; such things were missed most
KEY = (f"vlm tile={TILE_PX} patch={PATCH_PX} views={FRAME_VIEWS}+{CROP_VIEWS} 640x480 "
       f"reach={_REACH}")

_STREAM = 31
_WIDE = (0.5, 0.95)   # edges of the second view over those of the frame


def category(item: WorldObject) -> int:
    """The number of an object's kind and colour."""
    kind = item.class_name
    if kind == palette.PERSON:
        kind = LYING if item.state == palette.LYING else UPRIGHT
    return KINDS.index(kind) * len(COLOURS) + COLOURS.index(item.colour)


def draw_views(seed: int) -> dict[str, NDArray[Any]]:
    """The views of one scene.

    Returns:
        tiles: shape (VIEWS, TILE_PX, TILE_PX, 3) uint8, RGB.
        shares: shape (VIEWS, CELLS, CELLS, CATEGORIES) uint8: of each patch's area, 255 is all.
        clear: shape (VIEWS, CATEGORIES) uint8: number of objects well seen.
        unclear: the same of those of which nothing can be said.
        outdoor: shape () bool.
    """
    frame = sample(seed, reach=_REACH)
    rng = np.random.default_rng([seed, _STREAM])
    height, width = frame.mask.shape
    boxes: list[Box] = [(0, 0, width, height), _wide_part(width, height, rng)]
    boxes += [crop_by_chance(frame.objects, width, height, rng) for _ in range(CROP_VIEWS)]
    made = [view_of(frame, box) for box in boxes]
    views = {name: np.stack([view[name] for view in made]) for name in made[0]}
    return {**views, "outdoor": np.asarray(frame.outdoor)}


def view_of(frame: WorldFrame, box: Box) -> dict[str, NDArray[Any]]:
    """Tile and truth of a part of a frame; see `draw_views`."""
    left, top, right, bottom = box
    mask = frame.mask[top:bottom, left:right]
    shares = np.zeros((CELLS, CELLS, CATEGORIES), np.float32)
    for item in frame.objects:
        part = (mask == item.track_id).astype(np.float32)
        if part.any():
            shares[..., category(item)] += cv2.resize(part, (CELLS, CELLS),
                                                      interpolation=cv2.INTER_AREA)
    seen = sighted(frame.objects, frame.mask, box)
    counts = []
    for items in (seen.clear, seen.unclear):
        numbers = [category(item) for item in items]
        counts.append(np.bincount(numbers, minlength=CATEGORIES).astype(np.uint8))
    return {"tiles": tile_of(frame.image_rgb[top:bottom, left:right]),
            # A thing of a few pixels must not be rounded away.
            "shares": np.ceil(np.minimum(shares, 1) * 255 - 1e-3).astype(np.uint8),
            "clear": counts[0], "unclear": counts[1]}


def tile_of(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels that the engine's tile would have, before normalisation."""
    plain = Tile(TILE_PX, 0, mean=(0.0,) * 3, std=(1.0,) * 3, scale=1.0).pixels(image_rgb)
    return np.ascontiguousarray(plain.transpose(1, 2, 0)).astype(np.uint8)


def _wide_part(width: int, height: int, rng: np.random.Generator) -> Box:
    wide = round(width * rng.uniform(*_WIDE))
    high = round(height * wide / width * rng.uniform(0.9, 1.1))
    high = min(high, height)
    left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1))
    return left, top, left + wide, top + high

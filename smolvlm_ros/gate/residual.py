"""What moves by itself before a camera that moves: two frames a moment apart, laid on each other.

The model of the scene holds for a camera that stands or turns. One that travels sees depth: near
things slide over far ones, and the model wears out faster than it is learnt. Over a tenth or two
of a second this parallax stays below a pixel or two of the work image, while a person does not.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.camera_motion import corner_shift, frame_motion
from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.frame import KNOWN_MIN
from smolvlm_ros.gate.light import fit_light
from smolvlm_ros.gate.regions import Blob

_LONGEST_S = 0.28
_FARTHEST_PX = 1.5     # of the camera's own motion between the two frames, work pixels
_CONTRAST = 11.0       # levels on top of `min_contrast`
_AREA_SHARE = 0.5      # of `min_area`: only an outline differs
_KERNEL = np.ones((3, 3), np.uint8)
_MARGIN = np.ones((5, 5), np.uint8)
_JOIN = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class _Past:
    stamp_s: float
    grey: NDArray[np.float32]
    colour: NDArray[np.float32]


class ResidualMotion:
    """Keeps the frames of the last moments and finds what moved against the rest."""

    def __init__(self) -> None:
        self._past: deque[_Past] = deque()
        self._speed_px_s = 0.0

    def find(self, grey: NDArray[np.float32], colour: NDArray[np.uint8], stamp_s: float,
             config: GateConfig) -> list[Blob]:
        """Patches of a frame that moved against the frame a moment before it.

        Args:
            grey: shape (H, W) float32 brightness, UNKNOWN where nothing counts; not copied.
            colour: shape (H, W, 3) or (H, W), the same frame.
            stamp_s: its time, seconds; later than that of the call before.
            config: the limits.
        """
        while self._past and stamp_s - self._past[0].stamp_s > _LONGEST_S:
            self._past.popleft()
        past, now = self._choose(stamp_s), _Past(stamp_s, grey, colour.astype(np.float32))
        self._past.append(now)
        if past is None:
            return []
        motion = frame_motion(past.grey, grey)
        if motion is None:
            return []
        height, width = grey.shape
        elapsed_s = max(stamp_s - past.stamp_s, 1e-3)
        self._speed_px_s = corner_shift(motion, width, height) / elapsed_s
        return _blobs(_differs(past, now, motion, config), config)

    def forget(self) -> None:
        """Begin anew."""
        self._past.clear()

    def _choose(self, stamp_s: float) -> _Past | None:
        """The oldest frame from which the camera has moved little; at least the last one."""
        longest_s = _FARTHEST_PX / max(self._speed_px_s, 1e-3)
        near = [past for past in self._past if stamp_s - past.stamp_s <= longest_s]
        return near[0] if near else (self._past[-1] if self._past else None)


def _differs(past: _Past, now: _Past, motion: NDArray[np.float64],
             config: GateConfig) -> NDArray[np.uint8]:
    """Where neither frame has, within a pixel, a colour that the other shows."""
    size = now.grey.shape[::-1]
    moved = cv2.warpPerspective(past.grey, motion, size, borderValue=(2 * KNOWN_MIN - 1,))
    known = (moved > KNOWN_MIN) & (now.grey > KNOWN_MIN)
    known = cv2.erode(known.view(np.uint8), _MARGIN, borderType=cv2.BORDER_CONSTANT,
                      borderValue=(0,)).view(bool)
    light = fit_light(moved, now.grey, known)
    old = light.flat().apply(cv2.warpPerspective(past.colour, motion, size,
                                                 borderMode=cv2.BORDER_REPLICATE))
    new = now.colour
    if light.rows is not None:
        new = new / light.rows.reshape(-1, *[1] * (new.ndim - 1))
    gone = np.maximum(new - cv2.dilate(old, _KERNEL), cv2.erode(old, _KERNEL) - new)
    come = np.maximum(old - cv2.dilate(new, _KERNEL), cv2.erode(new, _KERNEL) - old)
    differs = np.maximum(gone, come) > config.min_contrast + _CONTRAST
    if differs.ndim == 3:
        differs = differs.any(2)
    return np.asarray(cv2.medianBlur((differs & known).view(np.uint8), 3), np.uint8)


def _blobs(solid: NDArray[np.uint8], config: GateConfig) -> list[Blob]:
    least = _AREA_SHARE * config.min_area * solid.size
    if np.count_nonzero(solid) < least:
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(solid, _JOIN))
    areas = np.bincount(labels[solid > 0], minlength=count)
    blobs = []
    for index in range(1, count):
        if areas[index] >= least:
            left, top, width, height = (float(v) for v in stats[index, :4])
            area = int(areas[index])
            blobs.append(Blob((left, top, left + width, top + height), area, area))
    return blobs

"""What moves by itself before a camera that moves: two frames a moment apart, laid on each other.

The model of the scene holds for a camera that stands or turns. One that travels sees depth: near
things slide over far ones, and the model wears out faster than it is learnt. Over a tenth of a
second this parallax stays below a pixel or two of the work image, while a person does not. Where no
depth shows, as the camera only turns, frames farther apart tell the slower ones too.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.camera_motion import FrameMotion, frame_motion
from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.frame import KNOWN_MIN
from smolvlm_ros.gate.light import fit_light
from smolvlm_ros.gate.regions import Blob

_SHORT_S, _LONG_S = 0.28, 1.0
_SHORT_PX = 1.5        # work pixels of the camera's own motion where depth shows
_LONG_PX = 4.0         # where it does not
_MOVES_PX = 1.0        # least that is no error of the measurement
_FIT = 0.8             # least `FrameMotion.fit` of a view in which no depth shows
_CONTRAST = 11.0       # levels on top of `min_contrast`
_AREA_SHARE = 0.5      # of `min_area`: only an outline differs
_KERNEL = np.ones((3, 3), np.uint8)
_MARGIN = np.ones((5, 5), np.uint8)
_JOIN = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class _Past:
    stamp_s: float
    grey: NDArray[np.float32]
    colour: NDArray[np.uint8]


class ResidualMotion:
    """Keeps the frames of the last moments and finds what moved against the rest.

    Attributes:
        camera_moves: the frames compared last show the camera's own motion beyond doubt.
    """

    def __init__(self) -> None:
        self.camera_moves = False
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
        while self._past and stamp_s - self._past[0].stamp_s > _LONG_S:
            self._past.popleft()
        now = _Past(stamp_s, grey, colour)
        blobs = self._compare(now, config)
        self._past.append(now)
        return blobs

    def forget(self) -> None:
        """Begin anew."""
        self._past.clear()
        self.camera_moves = False

    def _compare(self, now: _Past, config: GateConfig) -> list[Blob]:
        """What moved against the best of the kept frames; at most two are tried."""
        past = self._oldest(now.stamp_s, _SHORT_S, _LONG_PX)
        motion = self._motion(past, now)
        if motion is not None and not _turned(motion):
            near = self._oldest(now.stamp_s, _SHORT_S, _SHORT_PX)
            if near is not past:
                past, motion = near, self._motion(near, now)
            return _moved(past, now, motion, config)
        blobs = _moved(past, now, motion, config)
        before = self._oldest(now.stamp_s, _LONG_S, _LONG_PX)
        if blobs or before is past:
            return blobs
        motion = self._motion(before, now)  # what creeps needs longer
        return _moved(before, now, motion, config) if motion and _turned(motion) else []

    def _oldest(self, stamp_s: float, within_s: float, within_px: float) -> _Past | None:
        """The oldest frame from which the camera has moved that little; at least the last one."""
        longest_s = min(within_s, within_px / max(self._speed_px_s, 1e-3))
        near = [past for past in self._past if stamp_s - past.stamp_s <= longest_s]
        return near[0] if near else (self._past[-1] if self._past else None)

    def _motion(self, past: _Past | None, now: _Past) -> FrameMotion | None:
        motion = None if past is None else frame_motion(past.grey, now.grey)
        self.camera_moves = (motion is not None and motion.fit >= _FIT
                             and motion.shift_px >= _MOVES_PX)
        if past is not None and motion is not None:
            self._speed_px_s = motion.shift_px / max(now.stamp_s - past.stamp_s, 1e-3)
        return motion


def _turned(motion: FrameMotion) -> bool:
    """True for a camera that turned a little: the whole view followed, near and far alike."""
    return motion.fit >= _FIT and motion.shift_px <= _LONG_PX


def _moved(past: _Past | None, now: _Past, motion: FrameMotion | None, config: GateConfig
           ) -> list[Blob]:
    if past is None or motion is None:
        return []
    return _blobs(_differs(past, now, motion.homography, config), config)


def _differs(past: _Past, now: _Past, motion: NDArray[np.float64],
             config: GateConfig) -> NDArray[np.uint8]:
    """Where neither frame has, within a pixel, a colour that the other shows."""
    size = now.grey.shape[::-1]
    moved = cv2.warpPerspective(past.grey, motion, size, borderValue=(2 * KNOWN_MIN - 1,))
    known = (moved > KNOWN_MIN) & (now.grey > KNOWN_MIN)
    known = cv2.erode(known.view(np.uint8), _MARGIN, borderType=cv2.BORDER_CONSTANT,
                      borderValue=(0,)).view(bool)
    light = fit_light(moved, now.grey, known)
    old = light.flat().apply(cv2.warpPerspective(past.colour.astype(np.float32), motion, size,
                                                 borderMode=cv2.BORDER_REPLICATE))
    new = now.colour.astype(np.float32)
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

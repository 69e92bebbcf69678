"""Things that stand out from the scene: found in one frame, followed over many."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.config import GateConfig

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_JOIN = np.ones((5, 5), np.uint8)
_NEAR_PX = 4.0
_SHARP = 1.0
_RECENT_S = 2.0
_BLINK_S = 0.3
_PART = 0.4   # what is so much smaller than a new thing is not what that is a part of


@dataclass(frozen=True)
class Blob:
    """A patch of pixels that differ from the scene.

    Attributes:
        box: left, top, right, bottom in work pixels, right and bottom excluded.
        area: pixels that differ.
        active: pixels that also still change.
    """

    box: Box
    area: int
    active: int


@dataclass
class Track:
    """A blob followed over time; boxes in the scene's work pixels, times in seconds."""

    track_id: int
    box: Box
    born_s: float
    seen_s: float
    moved_s: float
    hits: int = 0
    confirmed: bool = False
    moving: bool = False


def find_blobs(differs: NDArray[np.bool_], active: NDArray[np.bool_],
               sharp: NDArray[np.bool_], min_area_px: float
               ) -> tuple[list[Blob], NDArray[np.bool_]]:
    """Patches of differing pixels, speckle left out and near ones joined.

    Args:
        differs: shape (H, W).
        active: shape (H, W), the part of it that still changes.
        sharp: shape (H, W), the part of it that lies on an edge; a patch that has too few of them
            around it is a soft shadow.
        min_area_px: least number of differing pixels.

    Returns:
        the blobs, and a mask (H, W) of the pixels they cover, joined ones filled up.
    """
    solid = cv2.medianBlur(differs.view(np.uint8), 3)
    covered = np.zeros(differs.shape, bool)
    if np.count_nonzero(solid) < min_area_px:
        return [], covered
    joined = cv2.dilate(solid, _JOIN)
    count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        joined, 8, cv2.CV_32S, cv2.CCL_GRANA)
    areas = np.bincount(labels[solid > 0], minlength=count)
    moving = np.bincount(labels[active & (solid > 0)], minlength=count)
    edges = np.bincount(labels[sharp], minlength=count)
    big = (areas >= min_area_px) & (edges >= _SHARP * np.sqrt(areas))
    big[0] = False
    blobs = []
    for index in np.flatnonzero(big):
        left, top, width, height = (float(v) for v in stats[index, :4])
        box = (min(left + 2, left + width / 2), min(top + 2, top + height / 2),
               max(left + width - 2, left + width / 2), max(top + height - 2, top + height / 2))
        blobs.append(Blob(box, int(areas[index]), int(moving[index])))
    covered = np.take(big, np.asarray(labels, np.int32))
    return blobs, covered


class Tracker:
    """Follows blobs by overlap, with hysteresis on what counts as moving."""

    def __init__(self, numbers: Iterator[int], linger_s: float = 0.0) -> None:
        """Begin without tracks.

        Args:
            numbers: gives each new track its `track_id`.
            linger_s: how long a confirmed track waits for its thing to be seen again.
        """
        self.tracks: list[Track] = []
        self._numbers = numbers
        self._linger_s = linger_s

    def movers(self, stamp_s: float) -> list[Box]:
        """Boxes of what was seen moving lately."""
        return [t.box for t in self.tracks if t.confirmed and stamp_s - t.moved_s <= _RECENT_S]

    def update(self, blobs: Sequence[Blob], min_area_px: float, stamp_s: float, config: GateConfig,
               others: Sequence[Box] = ()) -> list[Track]:
        """Take the blobs of one frame.

        Args:
            blobs: of the frame.
            min_area_px: least number of differing pixels.
            stamp_s: its time, seconds.
            config: the limits.
            others: boxes of movers that are known already from elsewhere.

        Returns:
            tracks that began to count as moving with this frame and stand apart from all that
            counted before: the onsets.
        """
        movers = [*self.movers(stamp_s), *others]
        onsets: list[Track] = []
        free = list(self.tracks)
        updated: list[Track] = []
        for blob in sorted(blobs, key=lambda b: -b.area):
            track = max(free, key=lambda t: overlap(t.box, blob.box), default=None)
            if track is None or not near(track.box, blob.box):
                track = Track(next(self._numbers), blob.box, stamp_s, stamp_s, stamp_s)
            else:
                free.remove(track)
            if self._note(track, blob, min_area_px, stamp_s, config) and not any(
                    near(box, blob.box, _reach(box)) and extent(box) >= _PART * extent(blob.box)
                    for box in movers):
                onsets.append(track)
            updated.append(track)
        for track in free:
            unseen_s = stamp_s - track.seen_s
            if track.confirmed and unseen_s <= self._linger_s:
                track.moving = track.moving and unseen_s <= _BLINK_S
                updated.append(track)
        self.tracks = updated
        return onsets

    def _note(self, track: Track, blob: Blob, min_area_px: float, stamp_s: float,
              config: GateConfig) -> bool:
        """Update one track; True when it has just been confirmed."""
        ratio = config.release_ratio if track.confirmed else 1.0
        track.moving = blob.active >= ratio * max(0.5 * min_area_px, 0.03 * blob.area)
        track.box, track.seen_s = blob.box, stamp_s
        track.hits = track.hits + 1 if track.moving or track.confirmed else 0
        if track.moving:
            track.moved_s = stamp_s
        if track.confirmed or track.hits < config.confirm_frames:
            return False
        track.confirmed = True
        return True

    def transform(self, matrix: NDArray[np.float64]) -> None:
        """Move all tracks to another view's pixels."""
        for track in self.tracks:
            track.box = moved_box(track.box, matrix)


def extent(box: Box) -> float:
    """Area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """How well two boxes fit: intersection over union, below zero by their gap when apart."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return min(width, 0.0) + min(height, 0.0)
    both = width * height
    return both / (extent(a) + extent(b) - both)


def near(a: Box, b: Box,
         reach_px: float = _NEAR_PX) -> bool:
    """True when two boxes overlap or are less than a few work pixels apart."""
    return (a[0] - reach_px < b[2] and b[0] - reach_px < a[2]
            and a[1] - reach_px < b[3] and b[1] - reach_px < a[3])


def _reach(box: Box) -> float:
    """How far around a mover its own parts and its wake may show, work pixels."""
    return max(_NEAR_PX, 0.5 * max(box[2] - box[0], box[3] - box[1]))


def moved_box(box: Box, matrix: NDArray[np.float64]
              ) -> Box:
    """The upright box around a box whose corners a homography has moved."""
    left, top, right, bottom = box
    corners = np.array([[[left, top]], [[right, top]], [[right, bottom]], [[left, bottom]]])
    moved = cv2.perspectiveTransform(corners, matrix)[:, 0]
    low, high = moved.min(0), moved.max(0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])

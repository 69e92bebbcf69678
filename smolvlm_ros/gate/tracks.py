"""Things that stand out from the scene, followed over many frames."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.regions import NEAR_PX, Blob, Box, extent, moved_box, near, overlap

_RECENT_S = 2.0
_BORDER_PX = 2.0
_BLINK_S = 0.3
_PART = 0.4   # what is so much smaller than a new thing is not what that is a part of
_GROWN = 2.0  # times as wide or as high as any passed frame has shown it
_GROWN_LEAST_PX = 8.0


@dataclass
class Track:
    """A blob followed over time; boxes in the scene's work pixels, times in seconds.

    Attributes:
        shown_px: largest width and height that a passed frame has shown of it, work pixels.
    """

    track_id: int
    box: Box
    born_s: float
    seen_s: float
    moved_s: float
    hits: int = 0
    confirmed: bool = False
    moving: bool = False
    shown_px: tuple[float, float] = (0.0, 0.0)

    def show(self) -> None:
        """A passed frame shows it as it is now."""
        left, top, right, bottom = self.box
        self.shown_px = max(self.shown_px[0], right - left), max(self.shown_px[1], bottom - top)

    @property
    def grown(self) -> bool:
        """True when much more of it is in sight than any passed frame shows."""
        left, top, right, bottom = self.box
        return any(now >= _GROWN * max(shown, _GROWN_LEAST_PX) for now, shown in
                   zip((right - left, bottom - top), self.shown_px, strict=True))


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
               others: Sequence[Box] = (), view: tuple[int, int] | None = None) -> list[Track]:
        """Take the blobs of one frame.

        Args:
            blobs: of the frame.
            min_area_px: least number of differing pixels.
            stamp_s: its time, seconds.
            config: the limits.
            others: boxes of movers that are known already from elsewhere.
            view: width and height of the frame, where boxes are in its pixels: what is last seen
                at its border has left and is not waited for.

        Returns:
            the onsets: tracks that began to count as moving with this frame and stand apart from
            all that counted before, and those of which much more has come into sight since.
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
            if self._note(track, blob, min_area_px, stamp_s, config):
                track.show()
                if not any(near(box, blob.box, _reach(box))
                           and extent(box) >= _PART * extent(blob.box) for box in movers):
                    onsets.append(track)
            elif track.confirmed and track.moving and track.grown:
                track.show()
                onsets.append(track)
            updated.append(track)
        for track in free:
            unseen_s = stamp_s - track.seen_s
            left = view is not None and at_border(track.box, view)
            if track.confirmed and unseen_s <= (_BLINK_S if left else self._linger_s):
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

    def mark(self) -> None:
        """A frame has passed that shows all tracks as they are now."""
        for track in self.tracks:
            if track.confirmed:
                track.show()

    def transform(self, matrix: NDArray[np.float64]) -> None:
        """Move all tracks to another view's pixels."""
        for track in self.tracks:
            track.box = moved_box(track.box, matrix)


def at_border(box: Box, view: tuple[int, int]) -> bool:
    """True when a box touches the border of a view of that width and height."""
    return (box[0] < _BORDER_PX or box[1] < _BORDER_PX
            or box[2] > view[0] - _BORDER_PX or box[3] > view[1] - _BORDER_PX)


def _reach(box: Box) -> float:
    """How far around a mover its own parts and its wake may show, work pixels."""
    return max(NEAR_PX, 0.5 * max(box[2] - box[0], box[3] - box[1]))

"""Watches one camera's view: where the camera has moved to, and what moves before the scene."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.camera_motion import corner_shift, estimate_transform, view_change
from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.decision import Region
from smolvlm_ros.gate.frame import UNKNOWN
from smolvlm_ros.gate.regions import Tracker, find_blobs, moved_box
from smolvlm_ros.gate.scene import Comparison, Scene

_MISMATCH = 0.12
_LOST = 0.5
_REANCHOR_CHANGE = 0.15
_TRAVEL_S = 1.0
_TRAVEL_LEARN_S = 0.1
_COVERED_MARGIN = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Observation:
    """What one frame shows.

    Attributes:
        onset: something new began to move.
        moving: something moves against the scene.
        present: something stands that is not part of the scene.
        motion_fraction: share of the view that moves, 0 to 1.
        novelty: share of the view without counterpart in the last marked frame, 0 to 1.
    """

    onset: bool
    moving: bool
    present: bool
    motion_fraction: float
    novelty: float


class SceneWatch:
    """The scene, where the camera looks at it from, and the things before it.

    The scene is kept in the pixels of a reference view; `transform` maps them to the present
    frame's. A camera that shakes leaves the reference alone, one that travels takes it along.
    """

    def __init__(self) -> None:
        self._scene: Scene | None = None
        self._tracker = Tracker()
        self._covered: NDArray[np.bool_] = np.zeros((0, 0), bool)
        self._transform = np.eye(3)
        self._key: NDArray[np.float64] | None = None
        self._travelled_s = float("-inf")

    def observe(self, image: NDArray[np.float32], dt_s: float, stamp_s: float, config: GateConfig
                ) -> Observation:
        """Take one frame.

        Args:
            image: shape (H, W) float32 brightness, UNKNOWN where nothing counts.
            dt_s: time since the last frame, seconds.
            stamp_s: its time, seconds.
            config: the limits.
        """
        if self._scene is None or self._scene.mean.shape != image.shape:
            self._start(image)
            return Observation(False, False, False, 0.0, self.novelty())
        seen = self._locate(self._scene, image, stamp_s, config)
        if seen is None:
            self._start(image)
            return Observation(False, False, False, 0.0, self.novelty())
        return self._find(self._scene, seen, image, dt_s, stamp_s, config)

    def novelty(self) -> float:
        """Share of the view without counterpart in the last marked frame; 1 when there is none."""
        if self._key is None:
            return 1.0
        height, width = self._covered.shape
        return view_change(self._transform @ self._key, width, height)

    def mark(self) -> None:
        """Measure novelty from the present frame on."""
        self._key = np.asarray(np.linalg.inv(self._transform), np.float64)

    def regions(self, scale: tuple[float, float], stamp_s: float) -> tuple[Region, ...]:
        """The things before the scene, in full-resolution pixels.

        Args:
            scale: full-resolution pixels in one work pixel, along x and y.
            stamp_s: the time now, seconds.
        """
        height, width = self._covered.shape
        found = []
        for track in self._tracker.tracks:
            if not track.confirmed:
                continue
            left, top, right, bottom = moved_box(track.box, self._transform)
            box = (max(left, 0.0) * scale[0], max(top, 0.0) * scale[1],
                   min(right, width) * scale[0], min(bottom, height) * scale[1])
            if box[2] > box[0] and box[3] > box[1]:
                found.append(Region(box, track.track_id, stamp_s - track.born_s, track.moving))
        return tuple(found)

    def _start(self, image: NDArray[np.float32]) -> None:
        self._scene = Scene(image)
        self._tracker = Tracker()
        self._covered = np.zeros(image.shape, bool)
        self._transform = np.eye(3)
        self._key = None

    def _locate(self, scene: Scene, image: NDArray[np.float32], stamp_s: float, config: GateConfig
                ) -> Comparison | None:
        """Find where the camera looks now; None when the view has nothing in common any more."""
        seen = self._compare(scene, image, self._transform, config)
        if seen.mismatch < _MISMATCH:
            return seen
        found = estimate_transform(scene.mean, image, (scene.age > 0) & ~self._covered,
                                   self._transform)
        if found is not None:
            other = self._compare(scene, image, found, config)
            if other.mismatch < 0.8 * seen.mismatch:
                height, width = image.shape
                step = found @ np.linalg.inv(self._transform)
                self._transform = found
                if view_change(found, width, height) > _REANCHOR_CHANGE:
                    return self._reanchor(image, stamp_s, config)
                if corner_shift(step, width, height) > 0.02 * width:
                    self._travelled_s = stamp_s
                return other
        return None if found is None and seen.mismatch > _LOST else seen

    def _compare(self, scene: Scene, image: NDArray[np.float32], transform: NDArray[np.float64],
                 config: GateConfig) -> Comparison:
        at_rest = np.array_equal(transform, np.eye(3))
        warped = image if at_rest else cv2.warpPerspective(
            image, transform, image.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(UNKNOWN,))
        return scene.compare(np.asarray(warped, np.float32), self._covered, not at_rest, config)

    def _reanchor(self, image: NDArray[np.float32], stamp_s: float, config: GateConfig
                  ) -> Comparison:
        """Take the scene along to the present view."""
        assert self._scene is not None
        step = self._transform
        self._scene = self._scene.warped(step, image)
        self._covered = cv2.warpPerspective(self._covered.view(np.uint8), step,
                                            image.shape[::-1]) > 0
        self._tracker.transform(step)
        if self._key is not None:
            self._key = step @ self._key
        self._transform = np.eye(3)
        self._travelled_s = stamp_s
        return self._scene.compare(image, self._covered, True, config)

    def _find(self, scene: Scene, seen: Comparison, image: NDArray[np.float32], dt_s: float,
              stamp_s: float, config: GateConfig) -> Observation:
        known_px = max(int(np.count_nonzero(seen.known)), 1)
        min_area_px = config.min_area * image.size
        blobs, covered = find_blobs(seen.differs, seen.active, min_area_px)
        onsets = self._tracker.update(blobs, min_area_px, stamp_s, config)
        tracks = [t for t in self._tracker.tracks if t.confirmed]
        self._absorb(scene, seen, covered, stamp_s, config)
        travelling = stamp_s - self._travelled_s < _TRAVEL_S
        keep = np.zeros_like(covered) if travelling else covered
        scene.learn(seen, keep, dt_s, _TRAVEL_LEARN_S if travelling else config.background_s)
        self._covered = cv2.dilate(keep.view(np.uint8), _COVERED_MARGIN).view(bool)
        fraction = np.count_nonzero(seen.active & covered) / known_px
        return Observation(bool(onsets), any(t.moving for t in tracks), bool(tracks),
                           min(fraction, 1.0), self.novelty())

    def _absorb(self, scene: Scene, seen: Comparison, covered: NDArray[np.bool_], stamp_s: float,
                config: GateConfig) -> None:
        """Take what has stood long enough into the scene."""
        for track in self._tracker.tracks:
            if stamp_s - track.moved_s >= config.absorb_s:
                left, top, right, bottom = (int(v) for v in track.box)
                part = np.zeros_like(covered)
                part[top:bottom + 1, left:right + 1] = True
                scene.absorb(seen.image, part & covered)
                covered &= ~part

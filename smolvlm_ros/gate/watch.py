"""Watches one camera's view: where the camera has moved to, and what moves before the scene."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.camera_motion import Reference
from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.decision import Region
from smolvlm_ros.gate.frame import UNKNOWN
from smolvlm_ros.gate.homography import corner_shift, is_identity, view_change
from smolvlm_ros.gate.light import Light
from smolvlm_ros.gate.regions import find_blobs, moved_box, near
from smolvlm_ros.gate.residual import ResidualMotion
from smolvlm_ros.gate.scene import Comparison, Scene
from smolvlm_ros.gate.tracks import Tracker

_STILL_PX = 0.3
_SNAP_PX = 0.4
_OUTLIERS = 0.15
_LOST = 0.45
_WORN = 0.25
_WORN_S = 0.2
_BETTER = 0.8
_NEAR_PX = 1.0
_SEARCH_S = 0.3
_TOO_MUCH = 0.6
_LATELY_S = 10.0
_STALE_S, _STALE, _STALE_LEVELS = 1.0, 0.15, 8.0
_DOUBT_S = 1.0
_OUTLINE = 0.5
_LINGER_S = 2.0
_REFRESH_S = 5.0
_REANCHOR_CHANGE = 0.15
_TRAVEL_S = 1.0
_CREEP_S = 3.0  # after which a camera that has seemed to stand does stand
_TRAVEL_LEARN_S = 0.1
_COVERED_MARGIN = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Observation:
    """What one frame shows.

    Attributes:
        onset: something new began to move, or much more of it has come into sight.
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

    Args:
        numbers: gives each thing its `track_id`.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._started = self._worn = False
        self._scene: Scene
        self._reference: Reference
        self._last = Observation(False, False, False, 0.0, 1.0)
        self._observed_s = self._located_s = self._referenced_s = float("-inf")
        self._numbers = numbers
        self._tracker = Tracker(self._numbers)
        self._residual = ResidualMotion()
        self._movers = Tracker(self._numbers, _LINGER_S)
        self._covered: NDArray[np.bool_] = np.zeros((0, 0), bool)
        self._transform = np.eye(3)
        self._key: NDArray[np.float64] | None = None
        self._moved_s = self._travelled_s = float("-inf")

    def observe(self, image: NDArray[np.float32], dt_s: float, stamp_s: float, config: GateConfig,
                colour: Callable[[], NDArray[np.uint8]]) -> Observation:
        """Take one frame.

        Args:
            image: shape (H, W) float32 brightness, UNKNOWN where nothing counts.
            dt_s: time since the last frame, seconds.
            stamp_s: its time, seconds.
            config: the limits.
            colour: gives the frame in colour at the same size; asked while the camera moves.
        """
        self._observed_s = stamp_s
        if not self._started:
            return self._start(image, stamp_s)
        seen = self._before_scene(image, dt_s, stamp_s, config)
        if self._moving(stamp_s, _CREEP_S):
            blobs = self._residual.find(image, colour(), stamp_s, config)
            if self._residual.camera_moves:  # though the view may still fit its reference
                self._moved_s = stamp_s
            known = [moved_box(box, self._transform) for box in self._tracker.movers(stamp_s)]
            onsets = self._movers.update(blobs, _OUTLINE * config.min_area * image.size, stamp_s,
                                         config, known, (image.shape[1], image.shape[0]))
            moving = any(t.confirmed and t.moving for t in self._movers.tracks)
            seen = replace(seen, onset=seen.onset or bool(onsets), moving=seen.moving or moving)
        else:
            self._movers = Tracker(self._numbers, _LINGER_S)
            self._residual.forget()
        return seen

    def _before_scene(self, image: NDArray[np.float32], dt_s: float, stamp_s: float,
                      config: GateConfig) -> Observation:
        """What stands out from the model of the scene."""
        located = self._locate(image, stamp_s)
        if located is None:
            if stamp_s - self._located_s > _SEARCH_S:
                return self._start(image, stamp_s)
            return replace(self._last, onset=False, novelty=self.novelty())
        self._located_s = stamp_s
        seen = self._scene.compare(*located, self._moving(stamp_s), config)
        if self._worn:  # a view that had to be given up tells little of what moves in it
            self._worn = False
            self._scene.learn(seen, np.zeros_like(self._covered), dt_s, _TRAVEL_LEARN_S)
            self._scene.absorb(seen.image, seen.differs)
            return replace(self._last, onset=False, novelty=self.novelty())
        self._last = self._find(seen, dt_s, stamp_s, config)
        return self._last

    def novelty(self) -> float:
        """Share of the view without counterpart in the last marked frame; 1 when there is none."""
        if self._key is None:
            return 1.0
        height, width = self._covered.shape
        return view_change(self._transform @ self._key, width, height)

    def mark(self) -> None:
        """The present frame has passed: novelty and growth are measured from it on."""
        self._tracker.mark()
        self._movers.mark()
        self._key = np.asarray(np.linalg.inv(self._transform), np.float64)

    def regions(self, scale: tuple[float, float], stamp_s: float) -> tuple[Region, ...]:
        """The things before the scene, in full-resolution pixels.

        Args:
            scale: full-resolution pixels in one work pixel, along x and y.
            stamp_s: the time now, seconds: of the frame observed last, or of one that repeats it.
        """
        height, width = self._covered.shape
        boxes = [(t, moved_box(t.box, self._transform)) for t in self._tracker.tracks
                 if t.confirmed]
        seen_now = [t for t in self._movers.tracks if t.confirmed and t.seen_s == self._observed_s]
        boxes += [(t, t.box) for t in seen_now if not any(near(t.box, box) for _, box in boxes)]
        found = []
        for track, (left, top, right, bottom) in boxes:
            box = (max(left, 0.0) * scale[0], max(top, 0.0) * scale[1],
                   min(right, width) * scale[0], min(bottom, height) * scale[1])
            if box[2] > box[0] and box[3] > box[1]:
                found.append(Region(box, track.track_id, stamp_s - track.born_s, track.moving))
        return tuple(found)

    def _start(self, image: NDArray[np.float32], stamp_s: float) -> Observation:
        self._started, self._worn, self._located_s = True, False, stamp_s
        self._scene = Scene(image)
        self._tracker = Tracker(self._numbers)
        self._covered = np.zeros(image.shape, bool)
        self._reference, self._referenced_s = Reference(image, self._covered), stamp_s
        self._transform = np.eye(3)
        self._key = None
        self._last = Observation(False, False, False, 0.0, 1.0)
        return self._last

    def _locate(self, image: NDArray[np.float32], stamp_s: float
                ) -> tuple[NDArray[np.float32], Light] | None:
        """Find where the camera looks now, and in what light.

        Returns:
            the frame in the scene's pixels, and its light; None when it cannot be told.
        """
        if np.count_nonzero(self._covered) > _TOO_MUCH * self._covered.size:
            self._covered = np.zeros_like(self._covered)  # no thing, but a scene that lies askew
        warped = _warp(image, self._transform)
        noise = cv2.mean(self._scene.noise)[0]
        light = self._scene.light(warped, self._covered)
        drift = self._reference.drift(light.without_rows(warped), self._covered, noise)
        if drift.shift_px < _STILL_PX and drift.outliers < _OUTLIERS:
            return warped, light
        # The reference fits no longer: the scene's depth shows, or it was never right.
        stale = (stamp_s - max(self._moved_s, self._travelled_s) < _LATELY_S
                 and stamp_s - self._referenced_s > _STALE_S and drift.outliers > _STALE
                 and drift.error > _STALE_LEVELS)
        found = self._reference.find(image, self._covered, self._transform)
        if found is None:
            if self._reference.textured and drift.outliers > _LOST:
                return None
            return self._begin_view(image, stamp_s) if stale else (warped, light)
        height, width = image.shape
        if corner_shift(found, width, height) < _SNAP_PX:
            found = np.eye(3)
        other = _warp(image, found)
        other_light = self._scene.light(other, self._covered)
        after = self._reference.drift(other_light.without_rows(other), self._covered, noise)
        step_px = corner_shift(found @ np.linalg.inv(self._transform), width, height)
        old = stamp_s - self._referenced_s > _WORN_S
        if after.error > _BETTER * drift.error:
            if step_px >= _NEAR_PX and drift.outliers >= _LOST:
                return None
            return self._begin_view(image, stamp_s) if stale else (warped, light)
        self._transform, self._moved_s = found, stamp_s
        self._worn = after.outliers > _WORN and old
        if self._worn or view_change(found, width, height) > _REANCHOR_CHANGE:
            self._reanchor(image, stamp_s)
            return image, self._scene.light(image, self._covered)
        return other, other_light

    def _begin_view(self, image: NDArray[np.float32], stamp_s: float
                    ) -> tuple[NDArray[np.float32], Light]:
        """Take the present view for the reference, as it is."""
        self._worn = True
        self._reanchor(image, stamp_s)
        return image, self._scene.light(image, self._covered)

    def _reanchor(self, image: NDArray[np.float32], stamp_s: float) -> None:
        """Take the scene along to the present view."""
        step = self._transform
        self._scene = self._scene.warped(step, image)
        moved = cv2.warpPerspective(self._covered.view(np.uint8), step, image.shape[::-1])
        self._covered = np.asarray(moved > 0)
        self._tracker.transform(step)
        if self._key is not None:
            self._key = step @ self._key
        self._transform = np.eye(3)
        self._reference = Reference(image, self._covered)
        self._referenced_s = self._travelled_s = stamp_s

    def _moving(self, stamp_s: float, hold_s: float = _TRAVEL_S) -> bool:
        """True while the camera moves, and a little longer."""
        return stamp_s - max(self._moved_s, self._travelled_s) < hold_s

    def _find(self, seen: Comparison, dt_s: float, stamp_s: float, config: GateConfig
              ) -> Observation:
        known_px = max(int(np.count_nonzero(seen.known)), 1)
        min_area_px = config.min_area * seen.image.size
        blobs, covered = find_blobs(seen.differs, seen.active, seen.sharp, min_area_px)
        others = [moved_box(box, np.linalg.inv(self._transform))
                  for box in self._movers.movers(stamp_s)]
        onsets = self._tracker.update(blobs, min_area_px, stamp_s, config, others)
        tracks = [t for t in self._tracker.tracks if t.confirmed]
        self._absorb(seen, covered, stamp_s, config)
        travelling = stamp_s - self._travelled_s < _TRAVEL_S
        keep = np.zeros_like(covered) if travelling else covered
        self._scene.learn(seen, keep, dt_s, _TRAVEL_LEARN_S if travelling else config.background_s)
        self._covered = cv2.dilate(keep.view(np.uint8), _COVERED_MARGIN).view(bool)
        if (stamp_s - self._referenced_s > _REFRESH_S and not self._moving(stamp_s)
                and is_identity(self._transform)):
            known = np.where(self._scene.age > 0, self._scene.mean, np.float32(UNKNOWN))
            self._reference, self._referenced_s = Reference(known, self._covered), stamp_s
        fraction = np.count_nonzero(seen.active & covered) / known_px
        return Observation(bool(onsets), any(t.moving for t in tracks), bool(tracks),
                           min(fraction, 1.0), self.novelty())

    def _absorb(self, seen: Comparison, covered: NDArray[np.bool_], stamp_s: float,
                config: GateConfig) -> None:
        """Take what has stood long enough into the scene."""
        for track in self._tracker.tracks:
            # What came up while the camera moved is mostly the depth of the scene itself.
            doubtful = track.born_s <= max(self._moved_s, self._travelled_s) + _TRAVEL_S
            wait_s = min(_DOUBT_S, config.absorb_s) if doubtful else config.absorb_s
            if stamp_s - track.moved_s >= wait_s:
                left, top, right, bottom = (int(v) for v in track.box)
                part = np.zeros_like(covered)
                part[top:bottom + 1, left:right + 1] = True
                self._scene.absorb(seen.image, part & covered)
                covered &= ~part


def _warp(image: NDArray[np.float32], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    """The frame in the scene's pixels, UNKNOWN where it does not reach."""
    if is_identity(transform):
        return image
    return np.asarray(cv2.warpPerspective(
        image, transform, image.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(UNKNOWN,)), np.float32)

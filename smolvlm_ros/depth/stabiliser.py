"""Steadies the depth of a video: the scale's wobble, and flicker where nothing moves.

A network that sees one image at a time gives every frame a scale of its own. Points of the scene
are followed from a keyframe; the change of depth that all of them have in common, beyond the
camera's own motion, is the wobble, and is taken out. The scale then follows the network's own mean
slowly. Where the camera stands and the picture is unchanged, depth is averaged over time as well;
whatever moves is taken as it comes. Nothing is assumed of the time between two frames: a view that
has changed so far that its points are lost begins anew.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.settings import Settings, setting

_WIDTH = 160
_CORNERS, _LEAST_CORNERS = 180, 24
_FLOW = {"winSize": (11, 11), "maxLevel": 3,
         "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 0.02)}
_BACK_PX = 0.7          # forth and back must end where it began
_STILL_PX = 0.25        # median flow of a camera that stands
_KEY_PX, _KEY_SHARE = 12.0, 0.6  # a new key from this median flow, or with fewer points left
_HUBER = 0.04           # of the logarithm of depth
_ROUNDS = 6
# What is expected between key and view, one standard deviation: wobble of the scale, motion along
# the optical axis (metres), change of depth across the view by turning.
_SCALE, _AHEAD_M, _TURN = 0.1, 0.5, 0.02
_CHANGED_LEVELS = 10.0  # of grey, for a cell that shows something else
_CHANGED_DEPTH = 0.15   # of the logarithm of depth
_LOCAL_S = 1.5
_GROW = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class StabiliserConfig(Settings):
    """Steadiness over time."""

    enabled: bool = setting(
        True, "Take wobble of the scale and flicker out of the network's depth. Needs no pose of "
        "the camera.", runtime=True)
    time_s: float = setting(
        10.0, "Time within which the steadied scale follows the network's own mean.", unit="s",
        ge=0.1, le=600.0, runtime=True)


class DepthStabiliser:
    """Keeps the state of one video.

    Attributes:
        config: settable at any time.
        correction: what the last depth was multiplied with for its scale.
        restarts: how often the view was lost and everything began anew.
    """

    def __init__(self, config: StabiliserConfig | None = None) -> None:
        self.config = config or StabiliserConfig()
        self.correction = 1.0
        self.restarts = 0
        self._key: _View | None = None   # points are followed from here
        self._last: _View | None = None
        self._mean = 0.0                 # of the wobble, against the key's scale
        self._count = 0

    def reset(self) -> None:
        """Forget the video."""
        self._key = self._last = None
        self._mean, self._count, self.correction = 0.0, 0, 1.0

    def steady(self, depth_m: NDArray[np.float32], image_rgb: NDArray[np.uint8],
               stamp_s: float) -> NDArray[np.float32]:
        """The steadied depth of the video's next image.

        Args:
            depth_m: shape (h, w) float32, metres; NaN and +Inf stay what they are.
            image_rgb: shape (H, W, 3) uint8, the image it belongs to, of any size.
            stamp_s: its time, seconds.

        Returns:
            shape (h, w) float32; `depth_m` itself where there is nothing to change.
        """
        if not self.config.enabled:
            self.reset()
            return depth_m
        view = _View.of(depth_m, image_rgb, stamp_s)
        key, last = self._key, self._last
        if (key is None or last is None or key.grey.shape != view.grey.shape
                or stamp_s < last.stamp_s):
            return self._begin(view, depth_m)
        found = _compare(key, view)
        if found is None:
            self.restarts += 1
            return self._begin(view, depth_m)
        self._count += 1
        passed_s = stamp_s - last.stamp_s
        self._mean += (found.wobble - self._mean) * _share(passed_s, self.config.time_s,
                                                           self._count)
        scale = np.float32(self._mean - found.wobble)
        self.correction = float(np.exp(scale))
        view.log_depth += scale
        steadied = depth_m * np.exp(scale)
        if found.flow_px < _STILL_PX:
            local = self._local(last, view, _share(passed_s, _LOCAL_S, self._count))
            steadied *= cv2.resize(np.exp(local), depth_m.shape[::-1])
        self._last = view
        if found.flow_px > _KEY_PX or found.share < _KEY_SHARE:
            self._key, self._mean = view, 0.0
        return steadied

    def _begin(self, view: _View, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        self._key = self._last = view
        self._mean, self._count, self.correction = 0.0, 0, 1.0
        return depth_m

    @staticmethod
    def _local(last: _View, view: _View, share: float) -> NDArray[np.float32]:
        """What brings each cell nearer to its own past, in the logarithm; kept in `view`."""
        difference = last.log_depth - view.log_depth
        other = np.abs(view.grey.astype(np.float32) - last.grey) > _CHANGED_LEVELS
        other |= ~(np.abs(difference) < _CHANGED_DEPTH)  # true for unknown depth as well
        unchanged = cv2.dilate(other.view(np.uint8), _GROW) == 0
        local = np.where(unchanged, (1 - share) * difference, 0).astype(np.float32)
        view.log_depth += local
        return local


@dataclass
class _View:
    """One image at a small size. `log_depth` holds NaN where depth is not finite."""

    grey: NDArray[np.uint8]
    log_depth: NDArray[np.float32]
    stamp_s: float

    @classmethod
    def of(cls, depth_m: NDArray[np.float32], image_rgb: NDArray[np.uint8],
           stamp_s: float) -> _View:
        height = max(8, round(_WIDTH * image_rgb.shape[0] / image_rgb.shape[1]))
        small = cv2.resize(image_rgb, (_WIDTH, height), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        depth = cv2.resize(depth_m, (_WIDTH, height), interpolation=cv2.INTER_NEAREST)
        known = np.isfinite(depth) & (depth > 0)
        log_depth = np.full(depth.shape, np.nan, np.float32)
        log_depth[known] = np.log(depth[known])
        return cls(grey, log_depth, stamp_s)

    @cached_property
    def corners(self) -> NDArray[np.float32]:
        """Points to follow (Shi and Tomasi), shape (N, 1, 2)."""
        found = cv2.goodFeaturesToTrack(cv2.equalizeHist(self.grey), _CORNERS, 0.01, 4)
        return np.zeros((0, 1, 2), np.float32) if found is None else np.asarray(found, np.float32)


def _share(passed_s: float, time_s: float, count: int) -> float:
    """Weight of the newest value: a plain mean at first, then forgetting with `time_s`."""
    return max(1.0 / (count + 1), 1.0 - float(np.exp(-passed_s / time_s)))


@dataclass(frozen=True)
class _Comparison:
    """A view against the key: how far the logarithm of its scale is off, median flow, and the
    share of the key's points that were found again."""

    wobble: float
    flow_px: float
    share: float


def _compare(key: _View, view: _View) -> _Comparison | None:
    """None when too few points were found again."""
    before, after, share = _followed(key, view)
    old, new = _at(key.log_depth, before), _at(view.log_depth, after)
    known = np.isfinite(old) & np.isfinite(new)
    if np.count_nonzero(known) < _LEAST_CORNERS:
        return None
    before, after, old, new = before[known], after[known], old[known], new[known]
    flow_px = float(np.median(np.abs(after - before).max(1)))
    height, width = view.grey.shape
    moved = min(1.0, flow_px / _STILL_PX)
    expected = np.array([_SCALE, moved * _AHEAD_M, moved * _TURN, moved * _TURN]) + 1e-6
    terms = np.stack([np.ones_like(old), -np.exp(-old), after[:, 0] / width - 0.5,
                      after[:, 1] / height - 0.5], 1)
    prior = np.diag((_HUBER / expected) ** 2)
    change = (new - old).astype(np.float64)
    solution = np.array([np.median(change), 0.0, 0.0, 0.0])
    for _ in range(_ROUNDS):
        weight = _HUBER / np.maximum(_HUBER, np.abs(change - terms @ solution))
        weighted = terms * weight[:, None]
        solution = np.linalg.solve(weighted.T @ terms + prior, weighted.T @ change)
    return _Comparison(float(solution[0]), flow_px, share)


def _followed(key: _View, view: _View
              ) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Points of the key found again in the view (Lucas and Kanade), shapes (N, 2), and N's share.

    The way back must end where it began.
    """
    first, second, corners = cv2.equalizeHist(key.grey), cv2.equalizeHist(view.grey), key.corners
    if len(corners) < _LEAST_CORNERS:
        nothing = np.zeros((0, 2), np.float32)
        return nothing, nothing, 0.0
    moved, ok, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, **_FLOW)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(second, first, moved, None, **_FLOW)
    good = (ok & ok_back).ravel() == 1
    good &= np.abs(back - corners).max((1, 2)) < _BACK_PX
    return corners[good, 0], moved[good, 0], float(np.mean(good))


def _at(values: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values at the nearest pixels, NaN outside."""
    height, width = values.shape
    x, y = np.round(points).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found = np.full(len(points), np.nan, np.float32)
    found[inside] = values[y[inside], x[inside]]
    return found

"""Indoors or outdoors, from cheap evidence, slowly: which variant of the network the view needs.

The wrong variant is wrong by a factor, so a change is made only on evidence that lasts. What speaks
for outdoors: sky (bright or blue, smooth, reaching down from the upper border, and far by the
depth at hand, which a ceiling is not), pixels beyond the range, and a long view. The variants
agree on what is near and what is far even where both are wrong in metres. What a planner knows
beforehand (`SceneHint`) is added to that as odds.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.depth.types import DepthMap, Variant
from smolvlm_ros.settings import Settings, setting

_SIZE = (96, 72)
_FAR_SHARE = 0.45        # of the range: as far as sky must be by the depth at hand
_BRIGHT, _SMOOTH = 110, 14.0
_ENOUGH_SKY, _ENOUGH_FAR = 0.08, 0.10
# A short and a long view, metres; the outdoor variant makes rooms two or three times as large.
_VIEWS = {Variant.INDOOR: (7.0, 14.0), Variant.OUTDOOR: (12.0, 40.0)}
# Log-odds of outdoors: all evidence against, and what sky, pixels beyond range and a long view add.
_NONE, _SKY, _BEYOND, _REACH = -2.5, 3.5, 1.5, 1.5
_SMOOTH_S = 1.0
_SUREST = 0.98           # no hint counts for more, so that a clear view overrules it


@dataclass(frozen=True)
class RouterConfig(Settings):
    """When the variant is changed by itself."""

    hold_s: float = setting(
        3.0, "Time for which the evidence must speak for the other variant.", unit="s", ge=0.0,
        le=600.0, runtime=True)
    confidence: float = setting(
        0.75, "Least probability of the other variant.", ge=0.5, le=0.99, runtime=True)
    rest_s: float = setting(
        10.0, "Least time between two changes.", unit="s", ge=0.0, le=3600.0, runtime=True)


@dataclass(frozen=True)
class SceneEvidence:
    """What one frame says.

    Attributes:
        sky: share of the view that is sky, 0 to 1.
        beyond: share of the view beyond the range, 0 to 1.
        reach_m: depth that nine tenths of the known pixels stay below, metres; 0 for none known.
        long_view: how much that is like a long view, by the variant that saw it, 0 to 1.
    """

    sky: float
    beyond: float
    reach_m: float
    long_view: float

    @property
    def log_odds(self) -> float:
        """Of outdoors against indoors."""
        return (_NONE + _SKY * min(1.0, self.sky / _ENOUGH_SKY)
                + _BEYOND * min(1.0, self.beyond / _ENOUGH_FAR) + _REACH * self.long_view)


def scene_evidence(image_rgb: NDArray[np.uint8], depth: DepthMap) -> SceneEvidence:
    """Evidence of a frame.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        depth: its depth, by either variant.
    """
    small = cv2.resize(image_rgb, _SIZE, interpolation=cv2.INTER_AREA)
    metres = cv2.resize(depth.depth_m, _SIZE, interpolation=cv2.INTER_NEAREST)
    beyond = np.isposinf(metres)
    finite = metres[np.isfinite(metres)]
    reach_m = float(np.quantile(finite, 0.9)) if finite.size else 0.0
    far = beyond | (metres > _FAR_SHARE * depth.range_m)
    sky = _sky_like(small) & far
    count, labels = cv2.connectedComponents(sky.view(np.uint8), connectivity=4)
    from_above = np.zeros(count, bool)
    from_above[labels[0]] = True
    from_above[0] = False
    short_m, long_m = _VIEWS[depth.info.variant or Variant.INDOOR]
    long_view = min(1.0, max(0.0, (reach_m - short_m) / (long_m - short_m)))
    return SceneEvidence(float(from_above[labels].mean()), float(beyond.mean()), reach_m,
                         long_view)


@dataclass(frozen=True)
class SceneHint:
    """What a planner knows of where the camera is.

    Attributes:
        outdoor: probability of outdoors, 0 to 1; 0.5 says nothing.
        valid_s: how long it holds, seconds; 0 for a hint that is withdrawn.
        from_s: the time of the frames from which on it holds; None for the next frame on.

    Raises:
        ValueError: naming a value outside its limits.
    """

    outdoor: float
    valid_s: float
    from_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.outdoor <= 1:
            raise ValueError(f"outdoor_probability = {self.outdoor} is not within 0 to 1; 0.5 says "
                             "nothing")
        if not 0 <= self.valid_s < math.inf:
            raise ValueError(f"valid_s = {self.valid_s} is not a number of seconds; 0 withdraws "
                             "the hint")

    def left_s(self, stamp_s: float) -> float:
        """How long it still holds at a time; 0 when it does not."""
        begin_s = stamp_s if self.from_s is None else self.from_s
        left_s = begin_s + self.valid_s - stamp_s
        return left_s if 0 < left_s <= self.valid_s else 0.0

    @property
    def log_odds(self) -> float:
        """Of outdoors against indoors."""
        chance = min(_SUREST, max(1 - _SUREST, self.outdoor))
        return math.log(chance / (1 - chance))


class SceneRouter:
    """Follows the evidence of a camera and says which variant it needs. Called from one thread.

    Attributes:
        config: settable at any time.
        outdoor: probability of outdoors, 0 to 1; 0.5 before the first frame.
        last: the newest frame's evidence; None before the first.
        hint: what the planner said last; None for nothing. Settable at any time, by any thread.
    """

    def __init__(self, config: RouterConfig | None = None) -> None:
        self.config = config or RouterConfig()
        self.last: SceneEvidence | None = None
        self.hint: SceneHint | None = None
        # The hint that the newest frame met, the time from which it holds, and that frame's time.
        self._met: tuple[SceneHint, float, float] | None = None
        self.outdoor = 0.5
        self._log_odds = 0.0
        self._stamp_s: float | None = None
        self._active: Variant | None = None
        self._since_s: float | None = None   # the evidence speaks against the active variant
        self._changed_s = -math.inf

    def reset(self) -> None:
        """Forget the frames, after a jump in time; the hint stays."""
        self.last, self.outdoor, self._log_odds = None, 0.5, 0.0
        self._stamp_s = self._since_s = None
        self._changed_s = -math.inf

    def observe(self, evidence: SceneEvidence, active: Variant, stamp_s: float) -> Variant:
        """Take a frame's evidence.

        Args:
            evidence: of the frame.
            active: the variant at work.
            stamp_s: the frame's time, seconds.

        Returns:
            The variant that should work from now on; mostly `active`.
        """
        if self._stamp_s is not None and stamp_s < self._stamp_s:
            self.reset()
        if active is not self._active:  # somebody has changed it; the evidence was for this one
            self._active, self._since_s = active, None
        first = self._stamp_s is None
        passed_s = 0.0 if self._stamp_s is None else stamp_s - self._stamp_s
        self._stamp_s, self.last = stamp_s, evidence
        share = 1.0 if first else 1.0 - math.exp(-passed_s / _SMOOTH_S)
        self._log_odds += share * (evidence.log_odds - self._log_odds)
        self.outdoor = 1.0 / (1.0 + math.exp(-self._log_odds - self._hinted(stamp_s)))
        other = active.other
        chance = self.outdoor if other is Variant.OUTDOOR else 1.0 - self.outdoor
        if chance < self.config.confidence:
            self._since_s = None
            return active
        if self._since_s is None:
            self._since_s = stamp_s
        if (stamp_s - self._since_s < self.config.hold_s
                or stamp_s - self._changed_s < self.config.rest_s):
            return active
        self._since_s, self._changed_s = None, stamp_s
        return other

    @property
    def hint_left_s(self) -> float:
        """How long the hint still holds after the newest frame, seconds; 0 for none."""
        if self.hint is None or self._stamp_s is None:
            return 0.0
        return self._dated(self.hint, self._stamp_s).left_s(self._stamp_s)

    def _hinted(self, stamp_s: float) -> float:
        hint = self.hint
        if hint is None:
            return 0.0
        if self._met is None or self._met[0] is not hint:
            self._met = hint, stamp_s, stamp_s
        else:  # the time that is left is carried over a step back
            _, begin_s, newest_s = self._met
            self._met = hint, begin_s + min(0.0, stamp_s - newest_s), stamp_s
        return hint.log_odds if self._dated(hint, stamp_s).left_s(stamp_s) else 0.0

    def _dated(self, hint: SceneHint, stamp_s: float) -> SceneHint:
        """The hint with the time from which it holds, its own or that of the frame it met first."""
        if hint.from_s is not None:
            return hint
        met, begin_s, _ = self._met or (None, stamp_s, stamp_s)
        return replace(hint, from_s=begin_s if met is hint else stamp_s)


def _sky_like(small: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Bright or blue, and smooth."""
    colour = small.astype(np.float32)
    grey = colour.mean(2)
    blue = (colour[..., 2] > colour[..., 0] + 12) & (grey > 0.6 * _BRIGHT)
    rough = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_32F))
    return np.asarray(((grey > _BRIGHT) | blue) & (rough < _SMOOTH))

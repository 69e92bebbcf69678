"""The recent gated frames, bounded, and the choice of two of them to ask."""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smolvlm_ros.qa.verdict import Frame, Region
from smolvlm_ros.settings import Settings, setting

RESET_S = 1.0  # stamps further back than this mean a new clock, not frames out of order
_THIN = 16


@dataclass(frozen=True)
class RingConfig(Settings):
    """How many frames are kept, and how old they may be to be asked."""

    max_frames: int = setting(16, "Frames kept at most.", unit="frames", ge=2, le=1000,
                              runtime=True)
    max_megabytes: float = setting(64.0, "Memory of the frames kept at most.", unit="MB", ge=1.0,
                                   le=4096.0, runtime=True)
    max_age_s: float = setting(
        12.0, "The newest frame may be this old. Should exceed the gate's heartbeat, since a scene "
        "in which nothing changes gives no frame in between.", unit="s", ge=0.05, le=3600.0,
        runtime=True)
    max_span_s: float = setting(
        12.0, "Longest time between the two frames asked; further apart they show two scenes.",
        unit="s", ge=0.05, le=3600.0, runtime=True)


@dataclass(frozen=True)
class FramePick:
    """The frames to ask, oldest first: two, or fewer with the reason why."""

    frames: tuple[Frame, ...]
    reason: str = ""


class FrameRing:
    """Keeps the newest frames within the limits. Not thread-safe: the owner holds a lock.

    Attributes:
        config: settable at any time.
    """

    def __init__(self, config: RingConfig | None = None) -> None:
        self.config = config or RingConfig()
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def newest(self) -> Frame | None:
        """The frame of the greatest stamp, None when empty."""
        return self._frames[-1] if self._frames else None

    def add(self, frame: Frame, min_separation_s: float = 0.0) -> bool:
        """Keep a frame. One slightly out of order is put in its place; a stamp more than 1 s
        back is a restarted clock (a bag that loops) and drops all frames before it.

        Beyond the limits the oldest go first, the one that `pick` gives with the newest last.

        Args:
            frame: the frame.
            min_separation_s: as it will be given to `pick`, seconds.

        Returns:
            True when the clock was restarted.
        """
        restarted = bool(self._frames) and frame.stamp_s < self._frames[-1].stamp_s - RESET_S
        if restarted:
            self.clear()
        later: list[Frame] = []
        while self._frames and self._frames[-1].stamp_s > frame.stamp_s:
            later.append(self._frames.pop())
        if self._frames and self._frames[-1].stamp_s == frame.stamp_s:
            self._bytes -= self._frames.pop().image_rgb.nbytes
        self._frames.append(frame)
        self._frames.extend(reversed(later))
        self._bytes += frame.image_rgb.nbytes
        # One frame always stays, whatever its size.
        while len(self._frames) > 1 and (len(self._frames) > self.config.max_frames
                                         or self._bytes > self.config.max_megabytes * 1e6):
            self._evict(min_separation_s)
        return restarted

    def _evict(self, min_separation_s: float) -> None:
        """Drop the oldest frame that is not one of the two to be asked, or else the older one."""
        frames = self._frames
        second = _second(frames, min_separation_s, self.config.max_span_s)
        index = 1 if frames[0] is second and len(frames) > 2 else 0
        self._bytes -= frames[index].image_rgb.nbytes
        del frames[index]

    def shown_at(self, stamp_s: float) -> Frame | None:
        """The newest frame that is not newer than that stamp: what the scene looked like then."""
        return next((f for f in reversed(self._frames) if f.stamp_s <= stamp_s), None)

    def clear(self) -> None:
        """Forget all frames."""
        self._frames.clear()
        self._bytes = 0

    def since(self, stamp_s: float = -math.inf) -> tuple[Frame, ...]:
        """The frames kept that are not older than that stamp, oldest first."""
        return tuple(f for f in self._frames if f.stamp_s >= stamp_s)

    def pick(self, now_s: float, min_separation_s: float,
             max_age_s: float | None = None) -> FramePick:
        """`pick_two` of the frames kept."""
        return pick_two(self.since(), now_s, min_separation_s, self.config, max_age_s)


def pick_two(frames: Sequence[Frame], now_s: float, min_separation_s: float, config: RingConfig,
             max_age_s: float | None = None) -> FramePick:
    """The newest frame and the latest one at least `min_separation_s` before it.

    Args:
        frames: oldest first.
        now_s: time on the clock of the stamps, seconds.
        min_separation_s: least time between the two, seconds.
        config: greatest age and greatest span.
        max_age_s: oldest newest frame; None for the configured one.
    """
    limit_s = config.max_age_s if max_age_s is None else max_age_s
    if not frames:
        return FramePick((), "no frame has passed the gate yet")
    newest = frames[-1]
    age_s = now_s - newest.stamp_s
    if age_s > limit_s:
        return FramePick((), f"the newest frame is {age_s:.2f} s old, more than {limit_s:g} s")
    if age_s < -RESET_S:
        return FramePick((), ahead(age_s))
    second = _second(frames, min_separation_s, config.max_span_s)
    if second is not None:
        return FramePick((second, newest))
    return FramePick((newest,), f"no second frame lies {min_separation_s:g} to "
                     f"{config.max_span_s:g} s before the newest one")


def ahead(age_s: float) -> str:
    """What to tell of a newest frame whose age is less than `-RESET_S` seconds."""
    return (f"the newest frame is {-age_s:.2f} s ahead of the clock; are the camera's stamps and "
            "use_sim_time right?")


def _second(frames: Sequence[Frame], min_separation_s: float, max_span_s: float) -> Frame | None:
    """The latest frame that is so much older than the last one, and not too much."""
    newest = frames[-1]
    for frame in reversed(frames):
        separation_s = newest.stamp_s - frame.stamp_s
        if separation_s > max_span_s:
            break
        if frame is not newest and separation_s >= min_separation_s:
            return frame
    return None


def repeats(first: Frame, second: Frame) -> bool:
    """True when two frames, or crops of two, are equal in every pixel that both show.

    Crops that share less than half of the smaller one are not compared: what they are of has moved.
    """
    one, two = _extent(first), _extent(second)
    left, top = max(one[0], two[0]), max(one[1], two[1])
    right, bottom = min(one[2], two[2]), min(one[3], two[3])
    common_px = max(0, right - left) * max(0, bottom - top)
    if 2 * common_px < min((e[2] - e[0]) * (e[3] - e[1]) for e in (one, two)):
        return False
    a, b = (frame.image_rgb[top - e[1]:bottom - e[1], left - e[0]:right - e[0]]
            for frame, e in ((first, one), (second, two)))
    # A few rows tell nearly all that differ.
    return np.array_equal(a[::_THIN], b[::_THIN]) and np.array_equal(a, b)


def _extent(frame: Frame) -> Region:
    """What of the camera's image a frame shows: left, top, right, bottom in pixels."""
    height, width = frame.image_rgb.shape[:2]
    left, top = (0, 0) if frame.region is None else frame.region[:2]
    return left, top, left + width, top + height


def first_two(frames: Sequence[Frame], min_separation_s: float) -> tuple[Frame, ...]:
    """The first frame and the first one at least so long after it; fewer where there is none.

    Args:
        frames: oldest first.
        min_separation_s: seconds.
    """
    later = [f for f in frames[1:] if f.stamp_s - frames[0].stamp_s >= min_separation_s]
    return (*frames[:1], *later[:1])

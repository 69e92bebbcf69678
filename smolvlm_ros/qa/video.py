"""What was seen lately: frames kept where the view changes, and the choice of those that matter."""
from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from smolvlm_ros.qa.frames import RESET_S, repeats
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.qa.views import View, change, changes, view_of
from smolvlm_ros.remote.picture import shrunk
from smolvlm_ros.settings import Settings, setting

AUTO, TOGETHER, EACH = "auto", "together", "each"
TOKENS = 128          # of an image, where an engine does not say how many
_LATE_S = 1.0         # so much of a period's begin may have no frame
_STUCK_S = 1.0        # one image for longer is of a stuck camera
_SAME = 2.0           # less is what scaling and rounding make of one image
_FINE_S = 0.5         # frames noted are merged to about this


@dataclass(frozen=True)
class VideoConfig(Settings):
    """What is kept for questions about what was, and how they are asked."""

    history_s: float = setting(60.0, "How far back questions can go.", unit="s", ge=1.0,
                               le=3600.0, runtime=True)
    max_frames: int = setting(48, "Frames kept at most; those that show least change go first.",
                              unit="frames", ge=2, le=1000, runtime=True)
    max_edge_px: int = setting(512, "Longer edge of a frame kept.", unit="px", ge=64, le=2048)
    min_change: float = setting(
        10.0, "A frame is kept when the view has changed by this much since the one before: mean "
        "difference of the grey values, 0 to 255, where it is largest.", ge=0.0, le=255.0,
        runtime=True)
    every_s: float = setting(5.0, "A frame is kept at least this often, while frames come.",
                             unit="s", ge=0.1, le=600.0, runtime=True)
    max_gap_s: float = setting(
        12.0, "Longest time without a frame in which nothing is taken to have been missed: over a "
        "longer one nobody says that something was not there. Should exceed the gate's heartbeat; "
        "so a camera that has got stuck since the last frame that passed is noticed only then.",
        unit="s", ge=0.1, le=3600.0, runtime=True)
    max_tokens: int = setting(
        1024, "Image tokens of all frames of a question at most: fewer frames for a model whose "
        "image has more tokens. Where changed frames are left out, nobody says that something was "
        "not there.", unit="tokens", ge=64, le=16384, runtime=True)
    how: str = setting(
        AUTO, "'together': all frames in one prompt, as SmolVLM2 was trained on videos; 'each': "
        "one after the other; 'auto': together where the model can.",
        choices=(AUTO, TOGETHER, EACH), runtime=True)


@runtime_checkable
class VideoEngine(Protocol):
    """An engine that takes several frames in one prompt.

    Attributes:
        tokens_per_image: what an image costs.
    """

    tokens_per_image: int

    def watch(self, frames: Sequence[Frame], question: str, max_tokens: int = 0,
              should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """A free answer about frames in their order; see `Engine.stream`."""


@dataclass(frozen=True, eq=False)
class _Kept:
    frame: Frame
    view: View


class VideoRing:
    """Frames of the last minute, kept where the view changes. Not safe in threads.

    Attributes:
        config: settable at any time.
    """

    def __init__(self, config: VideoConfig | None = None) -> None:
        self.config = config or VideoConfig()
        self._kept: list[_Kept] = []
        self._newest: _Kept | None = None  # also where it shows nothing new
        # Stamp and contrast of all frames, and for how long the camera has shown just this image.
        self._noted: deque[tuple[float, float, float]] = deque()
        self._begun: Frame | None = None  # the first frame of that image
        self._views: deque[tuple[float, View]] = deque()  # of all that were kept, thinned out too

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, frame: Frame) -> None:
        """Take a frame; it is kept, made smaller, where it shows something else than the last one.

        One out of order is left out; a stamp more than 1 s back is a restarted clock, and all
        before it is forgotten.
        """
        view = view_of(frame.image_rgb)
        since_s = frame.stamp_s - self._kept[-1].frame.stamp_s if self._kept else 0.0
        if since_s < -RESET_S:
            self._kept.clear()
            self._noted.clear()
            self._views.clear()
            self._begun = None
        elif self._kept and since_s <= 0:
            return
        self._note(frame)
        if (self._kept and since_s < self.config.every_s
                and change(self._kept[-1].view, view) < self.config.min_change):
            if self._newest is None or self._newest.frame.stamp_s < frame.stamp_s:
                self._newest = _Kept(frame, view)
            return
        self._newest = None
        self._kept.append(self._small(_Kept(frame, view)))
        self._views.append((frame.stamp_s, view))
        # The last one before the period shows what was there when it began.
        begin_s = frame.stamp_s - self.config.history_s
        while len(self._kept) > 1 and self._kept[1].frame.stamp_s <= begin_s:
            del self._kept[0]
        while len(self._views) > 1 and self._views[1][0] <= begin_s:
            self._views.popleft()
        if len(self._kept) > self.config.max_frames:
            self._kept = _thinned(self._kept, self.config.max_frames)

    def choose(self, since_s: float, count: int) -> tuple[Frame, ...]:
        """The frames since a stamp that tell most of what changed, oldest first.

        Args:
            since_s: begin; the frame that shows what was there then is the first.
            count: at most so many, at least 2; the newest is always one of them.
        """
        every = self._kept + ([self._small(self._newest)] if self._newest else [])
        first = max((i for i, k in enumerate(every) if k.frame.stamp_s <= since_s), default=0)
        return tuple(kept.frame for kept in _thinned(every[first:], count))

    def left_out(self, since_s: float, chosen: Sequence[Frame]) -> tuple[float, ...]:
        """Stamps of the frames since a stamp that show what neither the chosen one before nor the
        one after shows: nobody who looks at the chosen ones knows what was there then.

        Args:
            since_s, chosen: as `choose` took and gave them.
        """
        begin_s = max((s for s, _ in self._views if s <= since_s), default=since_s)
        stamps = [frame.stamp_s for frame in chosen]
        views = [view_of(frame.image_rgb) for frame in chosen]
        found: list[float] = []
        for i in range(len(stamps) - 1):
            among = [(s, v) for s, v in self._views
                     if s >= begin_s and stamps[i] < s < stamps[i + 1]]
            if among:
                seen = np.stack([view for _, view in among])
                least = np.minimum(changes(seen, views[i]), changes(seen, views[i + 1]))
                found += [s for (s, _), much in zip(among, least, strict=True)
                          if much >= max(self.config.min_change, _SAME)]
        return tuple(found)

    def unseen(self, begin_s: float, end_s: float, min_contrast: float,
               accept_repeated: bool = True) -> str:
        """What of a period no frame shows, so that nobody can say what was not there; '' for none.

        Args:
            begin_s, end_s: the period, at most `history_s` long.
            min_contrast: a frame of less shows nothing (see `Frame.contrast`).
            accept_repeated: False where one image for longer than a second is of a stuck camera.
        """
        first = max((i for i, (s, *_) in enumerate(self._noted) if s <= begin_s), default=0)
        noted = [one for one in list(self._noted)[first:] if one[0] <= end_s]
        if not noted or noted[0][0] > begin_s + _LATE_S:
            return "the frames kept do not reach back to the begin of that time"
        dark_s = [s for s, contrast, _ in noted if contrast < min_contrast]
        if dark_s:
            return f"the view at {dark_s[0]:.3f} s shows nothing"
        same_s = max(same_s for *_, same_s in noted)
        if same_s > _STUCK_S and not accept_repeated:
            return f"the camera showed one image, equal in every pixel, for {same_s:.1f} s"
        stamps = [*(s for s, *_ in noted), end_s]
        gap_s = max(b - a for a, b in zip(stamps, stamps[1:], strict=False))
        return (f"no frame came for {gap_s:.1f} s, more than max_gap_s = {self.config.max_gap_s:g}"
                if gap_s > self.config.max_gap_s else "")

    def _note(self, frame: Frame) -> None:
        noted, contrast = self._noted, frame.contrast
        if noted and frame.stamp_s <= noted[-1][0]:
            return
        if self._begun is None or not repeats(self._begun, frame):
            self._begun = frame
        same_s = frame.stamp_s - self._begun.stamp_s
        if len(noted) > 1 and frame.stamp_s - noted[-2][0] < _FINE_S:
            _, darkest, longest_s = noted.pop()
            contrast, same_s = min(contrast, darkest), max(same_s, longest_s)
        noted.append((frame.stamp_s, contrast, same_s))
        while len(noted) > 1 and noted[1][0] <= frame.stamp_s - self.config.history_s:
            noted.popleft()

    def _small(self, kept: _Kept) -> _Kept:
        small = shrunk(kept.frame.image_rgb, self.config.max_edge_px)
        if small is kept.frame.image_rgb:
            small = small.copy()  # it may be part of a larger array
        scale = kept.frame.scale * small.shape[1] / kept.frame.image_rgb.shape[1]
        return _Kept(dataclasses.replace(kept.frame, image_rgb=small, scale=scale), kept.view)


def frames_for(config: VideoConfig, engine: object) -> int:
    """How many frames a question may have within the token budget, at least 2."""
    tokens = getattr(engine, "tokens_per_image", TOKENS)
    return max(2, config.max_tokens // max(1, int(tokens)))


def together(config: VideoConfig, engine: object) -> VideoEngine | None:
    """The engine when all frames go into one prompt, else None.

    'auto' never gives several to a model of the embedded world, which has learned one at a time.
    """
    if config.how == EACH or not isinstance(engine, VideoEngine):
        return None
    return None if config.how == AUTO and getattr(engine, "embedded", False) else engine


def told(parts: Sequence[tuple[float, str]], now_s: float) -> str:
    """One text of what each frame shows, by seconds ago; the same again is left out.

    `told([(0.0, "A hall."), (2.0, "A hall."), (8.0, "A man.")], 9.0)` is
    `"9 s ago: A hall. 1 s ago: A man."`.

    Args:
        parts: stamp in seconds and text, oldest first.
        now_s: time on the clock of the stamps, seconds.
    """
    lines: list[tuple[float, str]] = []
    for stamp_s, text in parts:
        if not lines or lines[-1][1] != text:
            lines.append((stamp_s, text))
    return " ".join(f"{max(0.0, now_s - stamp_s):.0f} s ago: {text}" for stamp_s, text in lines)


def _thinned(kept: Sequence[_Kept], count: int) -> list[_Kept]:
    """So many of them: each time the one goes whose neighbours tell nearly the same without it.

    The first and the last stay, where `count` is at least 2.
    """
    left = list(kept)
    steps = [change(a.view, b.view) for a, b in zip(left, left[1:], strict=False)]
    while len(left) > max(2, count):
        least = 1 + int(np.argmin(np.minimum(steps[:-1], steps[1:])))
        del left[least]
        steps[least - 1:least + 1] = [change(left[least - 1].view, left[least].view)]
    return left

"""What happened in a run of the funnel, collected as it happens and summed up at the end."""
from __future__ import annotations

import math
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOMENTS = 6


@dataclass(frozen=True)
class ZoneEntry:
    """A zone event; `stamp_s` is seconds since the first frame."""

    stamp_s: float
    kind: str
    zone: str
    track_id: str
    class_name: str
    distance_m: float
    dwell_s: float


@dataclass(frozen=True)
class VerdictEntry:
    """A verdict; `stamp_s` is seconds since the first frame, NaN when it stands on no frame."""

    stamp_s: float
    question: str
    answer: str
    p_yes: float
    reason: str
    passes: int


@dataclass(frozen=True)
class CallEntry:
    """A call of a service and what came back.

    `stamp_s` is that of the newest frame that the answer stands on, in seconds since the first
    frame; NaN when it stands on none.
    """

    stamp_s: float
    service: str
    asked: str
    answered: str
    message: str
    latency_ms: float

    @property
    def said(self) -> str:
        """The answer and its message, which may begin with it."""
        if self.message.startswith(self.answered):
            return self.message
        return f"{self.answered} {self.message}".rstrip()


@dataclass
class Seen:
    """A track over the run; times in seconds since the first frame."""

    class_name: str
    first_s: float
    last_s: float
    sightings: int = 0
    distance_m: float = math.nan


@dataclass
class Moment:
    """Pictures of one passed frame, for the contact sheet.

    `verdict` is the one on these pictures, or, until there is one, the visit's last; `track_id` is
    that of the object that both are about.
    """

    stamp_s: float
    title: str
    image_rgb: NDArray[np.uint8] | None = None
    depth_m: NDArray[np.float32] | None = None
    annotated_rgb: NDArray[np.uint8] | None = None
    verdict: str = ""
    stamp_ns: int = 0
    judged: bool = False
    track_id: str = ""


@dataclass
class Journal:
    """The run so far. One lock guards it: callbacks write, the screen reads."""

    source: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    origin_s: float | None = None
    frames_in: int = 0
    frames_passed: int = 0
    passed_stamps: list[float] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    tracks: dict[str, Seen] = field(default_factory=dict)
    objects_seen: int = 0
    zone_events: list[ZoneEntry] = field(default_factory=list)
    verdicts: list[VerdictEntry] = field(default_factory=list)
    calls: list[CallEntry] = field(default_factory=list)
    latency_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    health: dict[str, tuple[int, str]] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    first_passed_after_s: float | None = None

    def media_s(self, stamp_s: float) -> float:
        """A stamp as seconds since the first frame, which sets the origin."""
        with self.lock:
            if self.origin_s is None:
                self.origin_s = stamp_s
            return round(stamp_s - self.origin_s, 4)

    def gate(self, stamp_s: float, passed: bool, reason: str, frames_in: int,
             frames_passed: int) -> None:
        """Note the gate's decision on a frame; the counts are the gate's own."""
        with self.lock:
            media_s = self.media_s(stamp_s)
            self.frames_in, self.frames_passed = frames_in, frames_passed
            if passed:
                self.passed_stamps.append(media_s)
                self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def objects(self, stamp_s: float, found: list[tuple[str, str, float]]) -> None:
        """Note the objects of a frame: (track id, class, distance in metres)."""
        with self.lock:
            media_s = self.media_s(stamp_s)
            self.objects_seen += len(found)
            for track_id, class_name, distance_m in found:
                seen = self.tracks.setdefault(track_id, Seen(class_name, media_s, media_s))
                seen.class_name, seen.last_s, seen.distance_m = class_name, media_s, distance_m
                seen.sightings += 1

    def add_moment(self, moment: Moment, better: bool = False) -> None:
        """Keep pictures for the contact sheet: the first ones, and always the newest.

        Args:
            moment: the pictures.
            better: they replace the last ones of the same object, whose verdict they take over.
        """
        with self.lock:
            same = [i for i, m in enumerate(self.moments) if m.track_id == moment.track_id]
            if better and same:
                moment.verdict = self.moments[same[-1]].verdict
                self.moments[same[-1]] = moment
                return
            if len(self.moments) >= _MOMENTS:
                del self.moments[_MOMENTS - 1:]
            self.moments.append(moment)

    def summary(self) -> dict[str, Any]:
        """The content of funnel.json: plain numbers, texts, lists; NaN as null."""
        with self.lock:
            rate = self.frames_passed / self.frames_in if self.frames_in else math.nan
            return _plain({
                "source": self.source,
                "frames_in": self.frames_in,
                "frames_passed": self.frames_passed,
                "pass_rate": round(rate, 4),
                "passed_stamps": list(self.passed_stamps),
                "pass_reasons": dict(self.reasons),
                "objects_seen": self.objects_seen,
                "objects": [{"track_id": k, **asdict(v)} for k, v in self.tracks.items()],
                "zone_events": [asdict(e) for e in self.zone_events],
                "verdicts": [asdict(v) for v in self.verdicts],
                "calls": [asdict(c) for c in self.calls],
                "latency_ms": self.latency_ms,
                "health": {k: {"level": level, "message": text}
                           for k, (level, text) in self.health.items()},
            })


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value

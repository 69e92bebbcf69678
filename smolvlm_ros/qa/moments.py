"""What was seen lately, kept in memory and searched by words, place and time."""
from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from smolvlm_ros.settings import Settings, setting

_NS = 1_000_000_000


@dataclass(frozen=True)
class MomentsConfig(Settings):
    """How much is remembered."""

    max_count: int = setting(
        300, "Moments kept; the oldest are forgotten first.", unit="moments", ge=1, le=100000)
    max_found: int = setting(
        20, "Moments returned at most by one search.", unit="moments", ge=1, le=1000, runtime=True)
    absent_s: float = setting(
        10.0, "An object that comes back after this long is a new moment.", unit="s", ge=0.0,
        le=86400.0, runtime=True)
    thumbnail_width_px: int = setting(
        160, "Width of the small picture kept with a moment; 0 for none.", unit="px", ge=0, le=640,
        runtime=True)


@dataclass(frozen=True)
class Moment:
    """Something that happened.

    Attributes:
        stamp_ns: when, in whole nanoseconds, so that what is found can be joined with its frame.
        text: in words.
        zone: where; empty for nowhere in particular.
        class_name: what it was about; empty for nothing in particular.
        thumbnail: a small JPEG, or nothing.
    """

    stamp_ns: int
    text: str
    zone: str = ""
    class_name: str = ""
    thumbnail: bytes = b""


@dataclass(frozen=True)
class Found:
    """A moment with how well it matches: the share of the words searched for, 0 to 1."""

    moment: Moment
    score: float


class Moments:
    """The newest moments. Not safe for several threads at once.

    Attributes:
        config: settable at any time, but `max_count` holds from the start.
    """

    def __init__(self, config: MomentsConfig | None = None) -> None:
        self.config = config or MomentsConfig()
        self._kept: deque[Moment] = deque(maxlen=self.config.max_count)
        self._last_seen_ns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, moment: Moment) -> None:
        """Remember a moment."""
        self._kept.append(moment)

    def is_new(self, track_id: str, stamp_ns: int) -> bool:
        """True when an object seen now has not been seen for `absent_s`; a seen one is noted.

        It keeps the frames of one visit from being as many moments.
        """
        absent_ns = round(self.config.absent_s * _NS)
        for known, seen_ns in list(self._last_seen_ns.items()):
            if abs(stamp_ns - seen_ns) > absent_ns:  # also when time went back
                del self._last_seen_ns[known]
        new = track_id not in self._last_seen_ns
        self._last_seen_ns[track_id] = stamp_ns
        return new

    def find(self, text: str = "", zone: str = "", class_name: str = "", since_ns: int = 0,
             until_ns: int = 0, limit: int = 0) -> list[Found]:
        """Moments that match, best first, the newer of two equal ones first.

        Args:
            text: words to look for, in any order; a moment must hold at least one. Empty for any.
            zone: its exact name; empty for any.
            class_name: its exact name; empty for any.
            since_ns, until_ns: first and last stamp, both included; 0 for no limit.
            limit: at most so many; 0 for the configured limit, which also caps it.

        Raises:
            ValueError: the last stamp lies before the first, or the text has no word in it.
        """
        if until_ns and until_ns < since_ns:
            raise ValueError("until lies before since; swap them")
        words = _words(text)
        if text.strip() and not words:
            raise ValueError(f"{text!r} holds no word to look for; leave it empty for any moment")
        found = []
        for moment in self._kept:
            if (zone and moment.zone != zone) or (class_name and moment.class_name != class_name):
                continue
            if moment.stamp_ns < since_ns or (until_ns and moment.stamp_ns > until_ns):
                continue
            have = _words(f"{moment.text} {moment.zone} {moment.class_name}")
            score = len(words & have) / len(words) if words else 1.0
            if score > 0:
                found.append(Found(moment, score))
        found.sort(key=lambda f: (-f.score, -f.moment.stamp_ns))
        most = self.config.max_found
        return found[:min(limit, most) if limit else most]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold()))

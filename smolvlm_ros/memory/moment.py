"""A moment: something that happened, as it is remembered."""
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(str, Enum):
    """What a moment is."""

    OBJECT = "object"
    ENTER = "enter"
    DWELL = "dwell"
    LEAVE = "leave"
    VERDICT = "verdict"
    DESCRIPTION = "description"
    NOTE = "note"
    ESCALATION = "escalation"  # what left the robot for a server, or what came back


class MemoryStoreError(RuntimeError):
    """The memory cannot be used; the text names the file and the cure."""


@dataclass(frozen=True)
class Position:
    """Where an object was: metres in a frame."""

    x: float
    y: float
    z: float
    frame_id: str


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        stamp_ns: of the frame it was made of, nanoseconds.
        jpeg: the file's bytes.
    """

    stamp_ns: int
    jpeg: bytes


@dataclass(frozen=True)
class Moment:
    """Something that happened.

    Attributes:
        stamp_ns: when it began, in whole nanoseconds, so that it can be joined with its frame.
        text: in words.
        kind: what it is.
        zone: where; empty for nowhere in particular.
        class_name: what it was about; empty for nothing in particular.
        track_id: the track it was about; empty for none.
        denied: the text is a question that was answered NO: what its words name was not so.
        last_ns: when it was seen last; not before `stamp_ns`.
        position: where an object was seen last, None when it is not known.
        picture: what it looked like; None for no picture.
        sent: the pictures that left the robot with it, as they left.
    """

    stamp_ns: int
    text: str
    kind: Kind = Kind.NOTE
    zone: str = ""
    class_name: str = ""
    track_id: str = ""
    denied: bool = False
    last_ns: int = 0
    position: Position | None = None
    picture: Picture | None = None
    sent: tuple[Picture, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "last_ns", max(self.stamp_ns, self.last_ns))

    @property
    def description(self) -> str:
        """The text, with how long an object stayed in sight."""
        seconds = (self.last_ns - self.stamp_ns) * 1e-9
        return f"{self.text}, for {seconds:.0f} s" if seconds >= 1.0 else self.text


@dataclass(frozen=True)
class Found:
    """A moment with how well it matches, above 0 to 1.

    Attributes:
        moment: what was found.
        score: share of what the words searched for weigh: a rare word weighs more than a common
            one. Half of it where the words were denied. 1 when no words were searched for.
    """

    moment: Moment
    score: float

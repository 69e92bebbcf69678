"""What is escalated, what left the robot for it, and what came of it: what a memory keeps."""
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from smolvlm_ros.qa.verdict import Answer, Frame
from smolvlm_ros.remote.privacy import Box


class Cause(str, Enum):
    """Why an escalation ended as it did, for programs."""

    ANSWERED = "answered"
    OFF = "off"
    REFUSED = "refused"  # not a question for a model, or no crop
    BUDGET = "budget"
    OFFLINE = "offline"  # no connection, or the server is left alone for a while
    TIMEOUT = "timeout"
    SERVER = "server"  # it answered with an error
    INVALID = "invalid"  # its answer was not as asked for
    NOT_SENT = "not_sent"  # the record or the covering of faces failed


@dataclass(frozen=True)
class Evidence:
    """A crop with the persons in it.

    Attributes:
        crop: part of a frame that says what it was cut round; a whole frame is not sent.
        person_boxes: left, top, right, bottom of each person in the crop, in its pixels.
    """

    crop: Frame
    person_boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class SentImage:
    """An image as it left.

    Attributes:
        jpeg: its bytes.
        sha256: of these.
        stamp_s, frame_id, region: of the crop.
        heads, faces, plates: how many were covered.
    """

    jpeg: bytes
    sha256: str
    stamp_s: float
    frame_id: str
    region: tuple[int, int, int, int]
    heads: int
    faces: int
    plates: int


@dataclass(frozen=True)
class Sent:
    """What leaves, told before it does.

    Attributes:
        id: joins it with its `Received`.
        at_s: seconds since the epoch.
        why: why it was asked, as the caller said.
        question: the question.
        notes: the further text.
        images: the images.
        server, model: to whom.
    """

    id: str
    at_s: float
    why: str
    question: str
    notes: tuple[str, ...]
    images: tuple[SentImage, ...]
    server: str
    model: str


@dataclass(frozen=True)
class Outcome:
    """What an escalation gave.

    Attributes:
        answer: YES or NO only for a valid answer of enough confidence.
        confidence: as the model says, 0 to 1; 0 without a valid answer.
        cause: why, for programs.
        reason: why, for people.
        id: of its records; empty when nothing was sent.
        model: who answered; empty for nobody.
        attempts: requests that were charged.
        ms: time it took, milliseconds.
        recorded: the recorder kept what was sent and this.
    """

    answer: Answer
    confidence: float
    cause: Cause
    reason: str
    id: str = ""
    model: str = ""
    attempts: int = 0
    ms: float = 0.0
    recorded: bool = False


class Recorder(Protocol):
    """Keeps what left and what came back. What cannot be recorded is not sent."""

    def sent(self, record: Sent) -> None:
        """Called before anything leaves. An exception keeps it here."""

    def received(self, outcome: Outcome) -> None:
        """Called when it is over, however it ended. An exception makes the outcome
        one that is not `recorded`."""

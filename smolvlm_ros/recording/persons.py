"""Where a recording's own detections say that persons are in its images."""
from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from enum import Enum
from typing import Any

from smolvlm_ros.remote.persons import NEAR_S, PERSON
from smolvlm_ros.remote.privacy import Box

BOXES, LABELS = "vision_msgs/msg/Detection2DArray", "vision_msgs/msg/LabelInfo"
_NEAR_NS = round(NEAR_S * 1e9)


class Told(Enum):
    """Of which frames the boxes are that an image is covered by."""

    OWN = "own"
    NEAR = "near"  # of the frames just before and after it, at most NEAR_S away
    NOT = "not"


class RecordedPersons:
    """Boxes of persons by the optical frame and the stamp (nanoseconds) of their image.

    A detector leaves out frames under load. Such a frame is covered where persons were in the
    frames just before and after it, as `remote.persons.Persons` and the anonymizer do.
    """

    def __init__(self) -> None:
        self._boxes: dict[str, dict[int, list[Box]]] = defaultdict(lambda: defaultdict(list))
        self._stamps: dict[str, list[int]] = {}

    def tell(self, frame_id: str, stamp_ns: int, boxes: list[Box]) -> None:
        """Note the persons in an image, also that there are none."""
        self._boxes[frame_id][stamp_ns] += boxes
        self._stamps.clear()

    def at(self, frame_id: str, stamp_ns: int) -> tuple[list[Box], Told]:
        """The boxes by which an image is covered, and whose they are. Where nobody told of its
        optical frame, those of all, which tell nothing of it: rather too much than too little."""
        known = frame_id in self._boxes
        cameras = [frame_id] if known else list(self._boxes)
        own = [self._boxes[camera][stamp_ns] for camera in cameras
               if stamp_ns in self._boxes[camera]]
        if own:
            return sum(own, []), Told.OWN if known else Told.NOT
        near = [self._boxes[camera][stamp] for camera in cameras
                for stamp in self._next_to(camera, stamp_ns)]
        return sum(near, []), Told.NEAR if near and known else Told.NOT

    def _next_to(self, camera: str, stamp_ns: int) -> list[int]:
        """The stamps just before and after one that is not among them."""
        if camera not in self._stamps:
            self._stamps[camera] = sorted(self._boxes[camera])
        stamps = self._stamps[camera]
        at = bisect(stamps, stamp_ns)
        return [stamp for stamp in stamps[max(at - 1, 0):at + 1]
                if abs(stamp - stamp_ns) <= _NEAR_NS]


def recorded_persons(reader: Any) -> RecordedPersons:
    """Read what a recording tells of persons: its Detection2DArray topics that name one; where none
    does, nobody was seen in the frames of those whose boxes have classes, unless the recording has
    LabelInfo and none lists persons: then nobody looked for them.

    Args:
        reader: an open `rosbags.highlevel.AnyReader`.
    """
    topics = [c for c in reader.connections if c.msgtype in (BOXES, LABELS)]
    told: dict[str, list[tuple[str, int, list[Box]]]] = defaultdict(list)
    named, unclassed, labels = set(), set(), set()
    for connection, _, data in reader.messages(connections=topics) if topics else ():
        message = reader.deserialize(data, connection.msgtype)
        if connection.msgtype == LABELS:
            labels |= {label.class_name for label in message.class_map}
            continue
        boxes = []
        for detection in message.detections:
            classes = {result.hypothesis.class_id for result in detection.results}
            if PERSON in classes:
                named.add(connection.topic)
                boxes.append(_corners(detection.bbox))
            elif not classes:  # zones
                unclassed.add(connection.topic)
        told[connection.topic].append((message.header.frame_id, stamp_ns(message), boxes))
    persons = RecordedPersons()
    nobody_looked = labels and PERSON not in labels
    for topic in named or (set() if nobody_looked else set(told) - unclassed):
        for frame_id, stamp, boxes in told[topic]:
            persons.tell(frame_id, stamp, boxes)
    return persons


def stamp_ns(message: Any) -> int:
    """A message's stamp in nanoseconds."""
    return int(message.header.stamp.sec) * 10**9 + int(message.header.stamp.nanosec)


def _corners(box: Any) -> Box:
    middle, w, h = box.center.position, box.size_x / 2, box.size_y / 2
    return middle.x - w, middle.y - h, middle.x + w, middle.y + h

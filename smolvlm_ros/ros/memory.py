"""What scene_qa remembers: objects, zone events, verdicts and descriptions, with small pictures."""
from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray

from smolvlm_ros.memory import (
    Found,
    Kind,
    MemoryConfig,
    MemoryCounts,
    MemoryStore,
    MemoryStoreError,
    Moment,
    Picture,
    Position,
    Query,
)
from smolvlm_ros.memory.sent import SentRecords
from smolvlm_ros.memory.thumbnail import covered, thumbnail
from smolvlm_ros.memory.visits import Visit, Visits
from smolvlm_ros.msg import SceneVerdict, ZoneEvent
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.remote.privacy import PrivacyConfig, PrivacyError
from smolvlm_ros.ros.boxes import best_hypothesis
from smolvlm_ros.ros.faults import Faults
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.stamps import from_nanoseconds, to_nanoseconds, to_seconds

FAULT, FIND_FAULT, PRIVACY_FAULT = "memory", "memory search", "memory pictures"
SPARSE_FAULT = "memory visits"
_ANSWERS = {SceneVerdict.YES: "YES", SceneVerdict.NO: "NO"}
_SHOWN_S = 60.0


class Memory:
    """Turns messages into moments, and searches them. Safe in threads.

    Args:
        config: what is remembered, and where.
        shown_at: the frame that shows the scene at a time in seconds, for the pictures.
        faults: of the node.
        privacy: what is covered in the pictures.
        persons: who is where in the frames.

    Attributes:
        sent: keeps what is sent to a server.

    Raises:
        MemoryStoreError: the database cannot be used.
    """

    def __init__(self, config: MemoryConfig, shown_at: Callable[[float], Frame | None],
                 faults: Faults, privacy: PrivacyConfig | None = None,
                 persons: Persons | None = None) -> None:
        self._privacy = privacy or PrivacyConfig()
        self._persons = persons or Persons()
        self._shown_at = shown_at
        self._faults = faults
        self._store = MemoryStore(config, self._on_change)
        self.sent = SentRecords(self._store)
        self._visits = Visits()
        self._lock = threading.Lock()
        self._picture: tuple[Hashable, _Lazy] | None = None

    @property
    def counts(self) -> MemoryCounts:
        """What happened so far."""
        return self._store.counts

    def configure(self, config: MemoryConfig, privacy: PrivacyConfig | None = None) -> None:
        """Take other limits, and what is covered from now on; None for the same as before."""
        self._store.config = config
        self._privacy = privacy or self._privacy

    def forget(self) -> None:
        """Make new pictures from now on: the clock was set back, and stamps mean other frames."""
        self._picture = None

    def close(self) -> None:
        """Write what waits, and close the database."""
        try:
            self._store.close()
        finally:
            for fault in (FAULT, FIND_FAULT, PRIVACY_FAULT, SPARSE_FAULT):
                self._faults.clear(fault)

    def objects(self, message: Detection3DArray) -> None:
        """Remember the objects that were not there a moment ago, and how long they stay.

        Raises:
            ValueError: an object has no class.
        """
        stamp = message.header.stamp
        stamp_ns = to_nanoseconds(stamp)
        absent_s = self._store.config.absent_s
        with self._lock:
            sparse = self._visits.sparse(stamp_ns, absent_s)
        if sparse:
            self._faults.set(SPARSE_FAULT, Level.WARN, "objects come further apart than "
                             f"memory.absent_s = {absent_s:g} s, so each is remembered anew each "
                             "time; raise it to more than two of the gate's heartbeats")
        else:
            self._faults.clear(SPARSE_FAULT)
        for thing in message.detections:
            class_name, _ = best_hypothesis(thing)
            where = _position(thing.bbox.center.position, message.header.frame_id)
            with self._lock:
                visit = self._visits.see(f"{class_name} {thing.id}", stamp_ns, absent_s)
                if visit.key is None:
                    visit.key = self._add(stamp, Kind.OBJECT, f"saw {class_name} {thing.id}",
                                          class_name=class_name, track_id=thing.id, position=where)
                elif self._visits.due(visit):
                    self._store.seen_again(visit.key, visit.last_ns, where,
                                           partial(self._gone, visit, visit.key))

    def zone_event(self, event: ZoneEvent, kind: str) -> None:
        """Remember a zone event; `kind` is 'enter', 'dwell' or 'leave'."""
        self._add(event.header.stamp, Kind(kind),
                  f"{event.class_name} {event.track_id} {kind} {event.zone}", zone=event.zone,
                  class_name=event.class_name, track_id=event.track_id,
                  position=_position(event.position, event.header.frame_id))

    def verdict(self, message: SceneVerdict, class_name: str) -> None:
        """Remember an answer; UNSURE is none."""
        answer = _ANSWERS.get(message.answer)
        if answer:
            self._add(message.header.stamp, Kind.VERDICT, f"{message.question} {answer}",
                      zone=message.zone, class_name=class_name, track_id=message.track_id,
                      denied=message.answer == SceneVerdict.NO)

    def description(self, stamp: Time, text: str) -> None:
        """Remember what the model said freely about the frame of that stamp."""
        if text.strip():
            self._add(stamp, Kind.DESCRIPTION, text.strip())

    def find(self, request: Any, response: Any) -> Any:
        """Answer FindMoment; a memory that cannot be read is a refusal, never 'nothing found'."""
        most = self._store.config.max_found
        try:
            query = Query(request.text, request.zone, request.class_name,
                          to_nanoseconds(request.since), to_nanoseconds(request.until),
                          min(request.limit or most, most))
            result = self._store.find(query)
        except ValueError as error:
            response.message = str(error)
            return response
        except MemoryStoreError as error:
            self._faults.set(FIND_FAULT, Level.ERROR, f"the memory cannot be searched: {error}",
                             _SHOWN_S)
            response.message = str(error)
            return response
        found = result.found
        response.success = True
        response.message = f"{len(found)} moments" + (
            "" if result.complete else "; the search was ended for time: look for fewer or rarer "
            "words, or within a period")
        response.stamps = [from_nanoseconds(f.moment.stamp_ns) for f in found]
        response.descriptions = [f.moment.description for f in found]
        response.scores = [float(f.score) for f in found]
        response.thumbnails = [_picture(f) for f in found]
        return response

    def _add(self, stamp: Time, kind: Kind, text: str, **fields: Any) -> Any:
        picture = self._picture_at(stamp)
        return self._store.add(Moment(to_nanoseconds(stamp), text, kind, **fields), picture,
                               picture.ready if picture else None)

    def _gone(self, visit: Visit, key: Any) -> None:
        """Remember anew, at its next look, what is still in sight though its moment is gone."""
        with self._lock:
            if visit.key is key:
                visit.key = None

    def _picture_at(self, stamp: Time) -> _Lazy | None:
        """What was seen then; several moments of a frame share its picture."""
        config, privacy = self._store.config, self._privacy
        frame = self._shown_at(to_seconds(stamp)) if config.thumbnails else None
        if frame is None:
            return None
        known = self._picture
        key = (config.thumbnail_px, privacy, frame.stamp_s)
        if known is None or known[0] != key:
            jpeg = thumbnail(frame.image_rgb, config.thumbnail_px)
            frame_s, (height, width) = frame.stamp_s, frame.image_rgb.shape[:2]
            until_s = time.monotonic() + (privacy.boxes_wait_s if privacy.blur_faces else 0.0)
            self._picture = known = (key, _Lazy(
                lambda: self._covered(jpeg, frame_s, (width, height), privacy),
                lambda: time.monotonic() >= until_s or self._persons.settled(frame_s)))
        return known[1]

    def _covered(self, jpeg: bytes, stamp_s: float, size: tuple[int, int], privacy: PrivacyConfig
                 ) -> Picture | None:
        """The picture as it may be kept; None where faces cannot be covered. It takes a while."""
        if jpeg and (privacy.blur_faces or privacy.blur_plates):
            width, height = size
            try:
                persons = self._persons.at(stamp_s) if privacy.blur_faces else ()
                boxes = [(x0 / width, y0 / height, x1 / width, y1 / height)
                         for x0, y0, x1, y1 in persons]
                jpeg = covered(jpeg, boxes, privacy)
            except PrivacyError as error:
                self._faults.set(PRIVACY_FAULT, Level.WARN, f"no picture is kept: {error}",
                                 _SHOWN_S)
                return None
        return Picture(round(stamp_s * 1e9), jpeg) if jpeg else None

    def _on_change(self, problem: str) -> None:
        """Called by the store when something begins to fail, and when it works again."""
        if problem:
            self._faults.set(FAULT, Level.ERROR, problem)
        else:
            self._faults.clear(FAULT)


class _Lazy:
    """Makes a picture once, when it is ready; called in one thread."""

    def __init__(self, make: Callable[[], Picture | None], ready: Callable[[], bool]) -> None:
        self.ready = ready
        self._make: Callable[[], Picture | None] | None = make
        self._made: Picture | None = None

    def __call__(self) -> Picture | None:
        if self._make is not None:
            make, self._make = self._make, None
            self._made = make()
        return self._made


def _position(point: Point, frame_id: str) -> Position | None:
    xyz = (float(point.x), float(point.y), float(point.z))
    return Position(*xyz, frame_id) if all(map(math.isfinite, xyz)) else None


def _picture(found: Found) -> CompressedImage:
    moment = found.moment
    picture = moment.picture or (moment.sent[0] if moment.sent else None)
    if picture is None:
        return CompressedImage(header=Header(stamp=from_nanoseconds(found.moment.stamp_ns)))
    message = CompressedImage(header=Header(stamp=from_nanoseconds(picture.stamp_ns)),
                              format="jpeg")
    message.data = array("B", picture.jpeg)
    return message

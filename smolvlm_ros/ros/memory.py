"""What scene_qa remembers: objects, zone events and verdicts as moments, with small pictures."""
from __future__ import annotations

import threading
from array import array
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray

from smolvlm_ros.msg import SceneVerdict, ZoneEvent
from smolvlm_ros.qa.moments import Found, Moment, Moments, MomentsConfig
from smolvlm_ros.ros.boxes import best_hypothesis
from smolvlm_ros.ros.frame_supply import FrameSupply
from smolvlm_ros.ros.stamps import from_nanoseconds, to_nanoseconds, to_seconds

_ANSWERS = {SceneVerdict.YES: "YES", SceneVerdict.NO: "NO"}


class Memory:
    """Turns messages into moments, and searches them. Safe in threads.

    Args:
        frames: for the pictures.
        config: how much is remembered.
    """

    def __init__(self, frames: FrameSupply, config: MomentsConfig) -> None:
        self._frames = frames
        self._moments = Moments(config)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Moments kept."""
        return len(self._moments)

    def configure(self, config: MomentsConfig) -> None:
        """Take other limits."""
        with self._lock:
            self._moments.config = config

    def objects(self, message: Detection3DArray) -> None:
        """Remember the objects that were not there a moment ago.

        Raises:
            ValueError: an object has no class.
        """
        stamp = message.header.stamp
        for thing in message.detections:
            class_name, _ = best_hypothesis(thing)
            with self._lock:
                new = self._moments.is_new(f"{class_name} {thing.id}", to_nanoseconds(stamp))
            if new:
                self._add(stamp, f"saw {class_name} {thing.id}", "", class_name)

    def zone_event(self, event: ZoneEvent, kind: str) -> None:
        """Remember a zone event."""
        self._add(event.header.stamp,
                  f"{event.class_name} {event.track_id} {kind} {event.zone}", event.zone,
                  event.class_name)

    def verdict(self, message: SceneVerdict, class_name: str) -> None:
        """Remember an answer; UNSURE is none."""
        answer = _ANSWERS.get(message.answer)
        if answer:
            self._add(message.header.stamp, f"{message.question} {answer}", message.zone,
                      class_name)

    def find(self, request: Any, response: Any) -> Any:
        """Answer FindMoment."""
        try:
            with self._lock:
                found = self._moments.find(
                    request.text, request.zone, request.class_name, to_nanoseconds(request.since),
                    to_nanoseconds(request.until), request.limit)
        except ValueError as error:
            response.message = str(error)
            return response
        response.success = True
        response.message = f"{len(found)} moments"
        response.stamps = [from_nanoseconds(f.moment.stamp_ns) for f in found]
        response.descriptions = [f.moment.text for f in found]
        response.scores = [float(f.score) for f in found]
        response.thumbnails = [_picture(f) for f in found]
        return response

    def _add(self, stamp: Time, text: str, zone: str, class_name: str) -> None:
        frame = self._frames.shown_at(to_seconds(stamp))
        picture = b"" if frame is None else thumbnail(
            frame.image_rgb, self._moments.config.thumbnail_width_px)
        with self._lock:
            self._moments.add(Moment(to_nanoseconds(stamp), text, zone, class_name, picture))


def thumbnail(image_rgb: NDArray[np.uint8], width: int) -> bytes:
    """A JPEG of that width in pixels; nothing for a width of 0.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        width: pixels.
    """
    if not width:
        return b""
    height = max(1, round(image_rgb.shape[0] * width / image_rgb.shape[1]))
    small = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return data.tobytes() if done else b""


def _picture(found: Found) -> CompressedImage:
    moment = found.moment
    message = CompressedImage(header=Header(stamp=from_nanoseconds(moment.stamp_ns)),
                              format="jpeg" if moment.thumbnail else "")
    message.data = array("B", moment.thumbnail)
    return message

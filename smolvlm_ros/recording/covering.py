"""A recording without faces and plates: every image covered, all else as it was."""
from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.recording.definitions import type_hash
from smolvlm_ros.recording.persons import Told, recorded_persons, stamp_ns
from smolvlm_ros.recording.pictures import uncoverable
from smolvlm_ros.recording.recorder import McapRecorder, RecordingError, qos_of
from smolvlm_ros.remote.persons import NEAR_S
from smolvlm_ros.remote.privacy import Box, PrivacyConfig, PrivacyError, Redacted, redact

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1, "8UC3": 3}
_DEPTH = ("16UC1", "32FC1")  # mono16 is a picture, in which faces cannot be looked for
_QUALITY = 90
INCOMPLETE = 1
DESCRIPTION = (
    "Write a recording anew, with heads, faces and plates covered in its images. Where persons are "
    "it takes from the recording's own detections (vision_msgs/Detection2DArray): those of the "
    "image's optical frame and stamp, or of the ones just before and after it, at most "
    f"{NEAR_S:g} s away. Images without either, or of an optical frame with images of several "
    "sizes, may be covered only where a face is found; they are counted, and the exit code is 1 "
    "then. It is 2 where the recording cannot be covered.")


@dataclass(frozen=True)
class Covered:
    """What was done.

    Attributes:
        messages: copied, images included.
        images: looked at.
        heads, faces, plates: covered in them.
        near: images of which no detections were told, but of others at most a second away: covered
            where persons were in those just before and after.
        faces_only: images near which no detections of their optical frame were told, or of a
            frame with images of several sizes, where they may be those of another size: perhaps
            only faces that were found in them are covered.
    """

    messages: int
    images: int
    heads: int
    faces: int
    plates: int
    near: int
    faces_only: int


def cover_recording(path: Path, target: Path, config: PrivacyConfig | None = None,
                    without: Iterable[str] = (), copied: Iterable[str] = ()) -> Covered:
    """Write a recording anew with faces and plates covered in its images.

    Persons come from its own Detection2DArray topics, by the stamps of their images or of those
    just before and after. Depth images are copied as they are.

    Args:
        path: rosbag2 folder or .mcap file; it is not changed.
        target: the folder to make.
        config: what is covered.
        without: topics to leave out.
        copied: topics to copy as they are, because they show nobody.

    Raises:
        RecordingError: it cannot be read or written, or has no such topic. Or a topic may hold
            pictures that cannot be covered (video, bytes of another meaning, an image format); the
            target is not made then, or holds nothing uncovered.
        PrivacyError: faces cannot be looked for.
    """
    try:
        from rosbags.highlevel import AnyReader
    except ImportError as error:
        raise RecordingError(f"it needs the Python package 'rosbags' ({error}); install it with: "
                             "pip install rosbags") from error
    if not path.exists():
        raise RecordingError(f"{path} does not exist; give a recording's folder or its .mcap file")
    try:
        reader = AnyReader([path])
        reader.open()
    except Exception as error:  # the reader raises errors of many kinds on bad bytes
        raise RecordingError(f"{path} cannot be read: {error}") from error
    try:
        return _copy(reader, target, config or PrivacyConfig(), set(without), set(copied))
    finally:
        reader.close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `smolvlm_ros cover`."""
    parser.add_argument("recording", type=Path, help="rosbag2 folder or .mcap file")
    parser.add_argument("target", type=Path, help="folder to make")
    parser.add_argument("--keep-plates", action="store_true", help="cover faces only")
    parser.add_argument("--without", metavar="TOPIC", action="append", default=[],
                        help="leave a topic out; may be given several times")
    parser.add_argument("--copy", metavar="TOPIC", action="append", default=[],
                        help="copy a topic as it is, because it shows nobody; likewise")


def run(args: argparse.Namespace) -> int:
    """Cover a recording; the exit code is 2 where that was not possible, and 1 where images are
    in it of whose persons nobody told."""
    try:
        done = cover_recording(args.recording, args.target,
                               PrivacyConfig(blur_plates=not args.keep_plates),
                               args.without, args.copy)
    except (RecordingError, PrivacyError) as error:
        print(f"cover: {error}", file=sys.stderr)
        return 2
    print(f"{args.target}: {done.messages} messages, of which {done.images} images with "
          f"{done.heads} heads, {done.faces} faces and {done.plates} plates covered"
          + "".join(f"; {what}: {', '.join(topics)}" for what, topics in
                    (("left out", args.without), ("copied as they are", args.copy)) if topics)
          + f"; {done.near + done.faces_only} images without detections of their own, "
          f"{done.faces_only} without any near")
    if done.faces_only:
        print(f"cover: in {done.faces_only} images perhaps only those faces are covered that were "
              "found: the recording has no detections of their frame_id within "
              f"{NEAR_S:g} s, or images of it in several sizes. Look through them before you pass "
              "the recording on, record a detector's topic with each camera's images, or leave "
              "the other sizes out with --without", file=sys.stderr)
        return INCOMPLETE
    return 0


def _copy(reader: Any, target: Path, config: PrivacyConfig, without: set[str], copied: set[str]
          ) -> Covered:
    _check(reader, without, copied)
    persons = recorded_persons(reader)
    frames: dict[str, _Frame] = defaultdict(_Frame)
    kept = [c for c in reader.connections if c.topic not in without]
    with McapRecorder(target, max_mb=1e9) as recorder:
        for connection in kept:
            definition = connection.msgdef.data
            recorder.add_topic(connection.topic, connection.msgtype, definition,
                               digest=type_hash(connection.msgtype, definition)
                               if definition else "", qos=qos_of(connection))
        for connection, recorded_ns, data in reader.messages(connections=kept) if kept else ():
            if connection.msgtype in (IMAGE, COMPRESSED) and connection.topic not in copied:
                message = reader.deserialize(data, connection.msgtype)
                frame_id = message.header.frame_id
                boxes, told = persons.at(frame_id, stamp_ns(message))
                try:
                    found = _cover(message, boxes, config)
                except ValueError as error:
                    raise RecordingError(f"{connection.topic}: {error}; leave it out with "
                                         f"--without {connection.topic}") from error
                if found is not None:
                    data = reader.typestore.serialize_cdr(message, connection.msgtype)
                    frames[frame_id].add(found, told)
            recorder.add(connection.topic, bytes(data), recorded_ns)
        counts = [sum(column) for column in zip(*(f.counts() for f in frames.values()),
                                                strict=True)] or [0] * 6
        return Covered(recorder.count, *counts)


class _Frame:
    """What was done in the images of an optical frame."""

    def __init__(self) -> None:
        self._covered = [0, 0, 0]
        self._told = dict.fromkeys(Told, 0)
        self._sizes: set[tuple[int, ...]] = set()

    def add(self, found: Redacted, told: Told) -> None:
        """Count an image."""
        parts = (found.heads, found.faces, found.plates)
        self._covered = [a + b for a, b in zip(self._covered, parts, strict=True)]
        self._told[told] += 1
        self._sizes.add(found.image_rgb.shape)

    def counts(self) -> list[int]:
        """As in `Covered`, from `images` on."""
        images = sum(self._told.values())
        # Boxes do not say of which size their image was.
        untold = ((self._told[Told.NEAR], self._told[Told.NOT]) if len(self._sizes) == 1
                  else (0, images))
        return [images, *self._covered, *untold]


def _check(reader: Any, without: set[str], copied: set[str]) -> None:
    """Refuse what cannot be covered before anything is written."""
    unknown = (without | copied) - {c.topic for c in reader.connections}
    if unknown:
        raise RecordingError(f"the recording has no topic {', '.join(sorted(unknown))}; see "
                             "`ros2 bag info`")
    found = uncoverable(reader, (IMAGE, COMPRESSED), without | copied)
    if found:
        topics = ", ".join(f"{topic} ({why})" for topic, why in sorted(found.items()))
        raise RecordingError(f"faces cannot be covered in {topics}; leave each out with --without "
                             "TOPIC, or, where it shows nobody, copy it with --copy TOPIC")


def _cover(message: Any, boxes: list[Box], config: PrivacyConfig) -> Redacted | None:
    """Cover an image message in place; what was found. None for depth.

    Raises:
        ValueError: it is in a format that cannot be covered.
    """
    if hasattr(message, "format"):
        return _cover_compressed(message, boxes, config)
    if message.encoding in _DEPTH:
        return None
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise ValueError(f"encoding {message.encoding!r} cannot be covered, known are "
                         f"{', '.join(_CHANNELS)}")
    data = np.array(message.data, np.uint8)
    if data.size < message.height * message.step or message.step < message.width * channels:
        raise ValueError(f"an image of {message.width}x{message.height} has {data.size} bytes")
    rows = data[:message.height * message.step].reshape(message.height, message.step)
    image = rows[:, :message.width * channels].reshape(message.height, message.width, channels)
    colours: NDArray[np.uint8] = image[..., :3] if channels >= 3 else np.repeat(image, 3, 2)
    done = redact(colours, boxes, config)
    image[..., :min(channels, 3)] = done.image_rgb[..., :min(channels, 3)]
    message.data = data
    return done


def _cover_compressed(message: Any, boxes: list[Box], config: PrivacyConfig
                      ) -> Redacted | None:
    """As `_cover`, of a CompressedImage."""
    encoding = message.format.partition(";")[0].strip()
    if "compressedDepth" in message.format:
        return None
    try:  # unchanged: not turned by EXIF either, which would part it from its boxes
        image = cv2.imdecode(np.asarray(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(f"format {message.format!r} cannot be read")
    if encoding in _DEPTH and image.dtype == np.uint16 and image.ndim == 2:
        return None
    if image.dtype != np.uint8 or (image.ndim == 2 and encoding.startswith("bayer_")):
        raise ValueError(f"format {message.format!r} holds {image.dtype} values or a mosaic, in "
                         "which faces cannot be looked for")
    grey = image.ndim == 2
    bgr = np.repeat(image[..., None], 3, 2) if grey else image[..., :3]
    done = redact(np.ascontiguousarray(bgr[..., ::-1]), boxes, config)
    kind = ".png" if "png" in message.format else ".jpg"
    made, data = cv2.imencode(kind, done.image_rgb[..., 0] if grey else done.image_rgb[..., ::-1],
                              [] if kind == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not made:
        raise ValueError("an image cannot be written again")
    message.data = np.asarray(data, np.uint8).ravel()
    return done

"""rosbag2 recordings (folder, .db3 or .mcap), read by the `rosbags` library without ROS."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources.base import (
    FrameSource,
    RawCameraInfo,
    RawImage,
    SourceError,
    SourceFrame,
)
from smolvlm_ros.sources.calibration import camera_model, fitted

_IMAGE, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_INFO = "sensor_msgs/msg/CameraInfo"
_CDR_ERROR = "the recording is damaged there; recover it with `ros2 bag reindex` or `mcap recover`"


class BagSource(FrameSource):
    """One image topic of a recording, its frames as they were recorded, with their camera_info.

    Stamps are the receive times of the recording, from 0 at the first image; the recorded header
    stamp is in `SourceFrame.header_stamp_ns`.

    Args:
        path: a rosbag2 folder, or one .db3 or .mcap file.
        loop: start again after the last frame.
        rate_hz: gives evenly spaced stamps at this rate instead.
        image_topic: Image or CompressedImage topic; empty for the only one.
        info_topic: CameraInfo topic; empty for the one beside the image topic.
        camera: used in place of the recorded CameraInfo.

    Raises:
        SourceError: when the library or the recording is missing, the recording cannot be read or
            is empty, or the topic is unknown or not clear (the text lists the topics).
    """

    def __init__(self, path: Path, *, loop: bool = False, rate_hz: float | None = None,
                 image_topic: str = "", info_topic: str = "",
                 camera: CameraModel | None = None) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._reader = _open_reader(path)
        try:
            self._store = _standard_types()
            self._image = self._choose_image(image_topic)
            self._info = self._choose_info(info_topic, self._image.topic)
            self._own_camera = camera
            self._raw_info: RawCameraInfo | None = None
            self._camera = camera
            self._first_info()
            count = int(self._image.msgcount)
            if count == 0:
                raise SourceError(f"bag {path}: topic {self._image.topic} has no messages; choose "
                                  f"another of {self._topics_text()}")
            fps = rate_hz or self._nominal_fps(count)
        except BaseException:
            self._reader.close()
            raise
        super().__init__(f"{path} {self._image.topic}", fps=fps, frame_count=count,
                         camera=self._camera, loop=loop)
        self._messages = self._start()

    @property
    def image_topic(self) -> str:
        """The topic that is played."""
        return str(self._image.topic)

    def _start(self) -> Iterator[Any]:
        self._index = 0
        self._first_ns: int | None = None
        wanted = [self._image] if self._info is None else [self._image, self._info]
        return iter(self._reader.messages(connections=wanted))

    def _read(self) -> SourceFrame | None:
        while True:
            try:
                entry = next(self._messages, None)
                if entry is None:
                    return None
                connection, receive_ns, data = entry
                message = self._store.deserialize_cdr(data, connection.msgtype)
                if connection.msgtype != _INFO:
                    return self._frame(message, connection.msgtype, receive_ns)
                self._take_info(message)
            except SourceError:
                raise
            except Exception as error:  # bad bytes raise errors of many kinds
                raise SourceError(f"bag {self._path} cannot be read after {self._index} frames of "
                                  f"{self._image.topic} ({error}); {_CDR_ERROR}") from error

    def _frame(self, message: Any, kind: str, receive_ns: int) -> SourceFrame:
        if self._first_ns is None:
            self._first_ns = receive_ns
        stamp_s = (self._index / self._rate_hz if self._rate_hz
                   else (receive_ns - self._first_ns) * 1e-9)
        self._index += 1
        stamp = message.header.stamp
        common: dict[str, Any] = {
            "camera": self._camera, "camera_info": None if self._own_camera else self._raw_info,
            "frame_id": message.header.frame_id,
            "header_stamp_ns": stamp.sec * 1_000_000_000 + stamp.nanosec}
        if kind == _COMPRESSED:
            return SourceFrame(stamp_s, compressed=bytes(message.data), encoding=message.format,
                               **common)
        raw = RawImage(message.height, message.width, message.encoding, bool(message.is_bigendian),
                       message.step, np.asarray(message.data, np.uint8))
        if self._own_camera is not None:
            common["camera"] = fitted(self._own_camera, (raw.height, raw.width), self.name)
        return SourceFrame(stamp_s, raw=raw, encoding=raw.encoding, **common)

    def _take_info(self, message: Any) -> None:
        roi = message.roi
        self._raw_info = RawCameraInfo(
            message.width, message.height, message.distortion_model, tuple(map(float, message.d)),
            tuple(map(float, message.k)), tuple(map(float, message.r)),
            tuple(map(float, message.p)), message.binning_x, message.binning_y,
            (roi.x_offset, roi.y_offset, roi.height, roi.width, bool(roi.do_rectify)))
        if self._own_camera is None:
            self._camera = camera_model(self._raw_info, f"bag {self._path} {self._info.topic}")

    def _first_info(self) -> None:
        """Take the first CameraInfo before the first image, whatever their order in the file."""
        if self._info is None:
            return
        try:
            for connection, _, data in self._reader.messages(connections=[self._info]):
                self._take_info(self._store.deserialize_cdr(data, connection.msgtype))
                return
        except SourceError:
            raise
        except Exception as error:  # see _read
            raise SourceError(f"bag {self._path}: {self._info.topic} cannot be read ({error}); "
                              f"{_CDR_ERROR}") from error

    def _choose_image(self, topic: str) -> Any:
        images = [c for c in self._reader.connections if c.msgtype in (_IMAGE, _COMPRESSED)]
        if not images:
            raise SourceError(f"bag {self._path} has no image topic; its topics are "
                              f"{self._topics_text()}")
        named = [c for c in images if not topic or c.topic == topic]
        if len({c.topic for c in named}) != 1:
            said = f"has no image topic {topic!r}" if topic else "has more than one image topic"
            raise SourceError(f"bag {self._path} {said}; choose one with image_topic: "
                              f"{', '.join(sorted({c.topic for c in images}))} (in the demo with "
                              "-p video_source:image_topic:=TOPIC)")
        return named[0]

    def _choose_info(self, topic: str, image_topic: str) -> Any:
        infos = {c.topic: c for c in self._reader.connections if c.msgtype == _INFO}
        if topic:
            if topic not in infos:
                raise SourceError(f"bag {self._path} has no CameraInfo topic {topic!r}; it has "
                                  f"{', '.join(sorted(infos)) or 'none'}")
            return infos[topic]
        # image_transport puts camera_info beside the image, and compressed below it.
        tail = "/compressed"
        base = image_topic[:-len(tail)] if image_topic.endswith(tail) else image_topic
        beside = base.rsplit("/", 1)[0] + "/camera_info"
        return infos.get(beside) or (next(iter(infos.values())) if len(infos) == 1 else None)

    def _topics_text(self) -> str:
        topics = sorted(f"{c.topic} ({c.msgtype})" for c in self._reader.connections)
        return ", ".join(topics) or "none"

    def _nominal_fps(self, count: int) -> float | None:
        duration_s = self._reader.duration * 1e-9
        return (count - 1) / duration_s if count > 1 and duration_s > 0 else None

    def _restart(self) -> None:
        self._messages = self._start()

    def _close(self) -> None:
        self._reader.close()


def is_bag(path: Path) -> bool:
    """True for a rosbag2 folder and for a .db3 or .mcap file."""
    if path.is_dir():
        return (path / "metadata.yaml").exists() or any(
            f.suffix in (".db3", ".mcap") for f in path.iterdir())
    return path.suffix in (".db3", ".mcap")


def _open_reader(path: Path) -> Any:
    try:
        from rosbags.rosbag2 import Reader
    except ImportError as error:
        raise SourceError(f"bag {path} needs the Python package 'rosbags', which is not installed "
                          f"({error}); install it with: pip install rosbags") from error
    if path.is_dir() and not (path / "metadata.yaml").exists():
        files = sorted(f for f in path.iterdir() if f.suffix in (".db3", ".mcap"))
        if len(files) != 1:
            raise SourceError(f"bag {path} has no metadata.yaml and {len(files)} storage files; "
                              "run `ros2 bag reindex` on it, or give one of the files")
        path = files[0]
    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # bad bytes raise errors of many kinds
        raise SourceError(f"bag {path} cannot be opened ({error}); if its recording was killed, "
                          "recover it with smolvlm_ros.recording.recover_recording, `ros2 bag "
                          "reindex` or `mcap recover`") from error
    return reader


def _standard_types() -> Any:
    """Image, CompressedImage and CameraInfo are the same in Humble and Jazzy."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_HUMBLE)

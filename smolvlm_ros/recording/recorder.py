"""Write serialised messages into an MCAP recording (a rosbag2 folder)."""
from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from smolvlm_ros.recording.definitions import split_type, type_hash

# rosbag2 of Humble reads QoS profiles as text, as version 8 has them; that of Jazzy reads both.
_BAG_VERSION: Literal[8] = 8
_MB = 1_000_000
_INFINITE = (2147483647, 4294967295)  # how rosbag2 writes a duration without end


class RecordingError(RuntimeError):
    """A recording cannot be made or written; the text names it, what is wrong and the fix."""


@dataclass(frozen=True)
class TopicQos:
    """The QoS a topic was offered with, so that replay offers the same.

    Attributes:
        transient_local: late subscribers get the last messages (maps, labels, static transforms).
        reliable: False for best effort.
        depth: messages kept.
    """

    transient_local: bool = False
    reliable: bool = True
    depth: int = 10


class McapRecorder:
    """Records topics into `path`/`name`.mcap with its metadata.yaml.

    May be used by several threads at a time. What was added is on its way to the disk after
    `flush_s`, so a killed process loses at most that; its file lacks an index and metadata.yaml
    then, and `recover_recording` makes a whole recording of it.

    Args:
        path: folder to make; must not exist.
        max_mb: size at which it stops (millions of bytes of messages); later ones are counted in
            `refused`.
        flush_s: longest time in seconds that a message stays in memory, while messages come.
        compress: with zstd; costs time, saves about half on images.

    Raises:
        RecordingError: when the folder exists or cannot be made, or the Python package 'rosbags' is
            missing.
    """

    def __init__(self, path: Path | str, *, max_mb: float = 2000.0, flush_s: float = 1.0,
                 compress: bool = False) -> None:
        if not max_mb > 0 or not flush_s >= 0:
            raise ValueError(f"max_mb is {max_mb}, flush_s {flush_s}; expected sizes above 0")
        self.path = Path(path)
        self._limit = int(max_mb * _MB)
        self._flush_s = flush_s
        self._topics: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._written = self._count = self._refused = 0
        self._flushed_s = time.monotonic()
        self._writer: Any = _new_writer(self.path, compress)

    @property
    def count(self) -> int:
        """Messages written."""
        return self._count

    @property
    def size_mb(self) -> float:
        """Millions of bytes of messages written, before compression."""
        return self._written / _MB

    @property
    def refused(self) -> int:
        """Messages not written since the limit was reached."""
        return self._refused

    def add_topic(self, topic: str, type_name: str, definition: str = "", *, digest: str = "",
                  qos: TopicQos = TopicQos()) -> None:
        """Declare a topic, before its first message.

        Args:
            topic: its full name.
            type_name: 'sensor_msgs/msg/Image'.
            definition: the full text, as `definition_text` gives it; empty for a type of common
                interfaces that `rosbags` knows.
            digest: 'RIHS01_…'; empty to compute it from the definition.
            qos: what the publisher offers.

        Raises:
            ValueError: when the topic is there already with another type, or the type or its
                definition is wrong.
            RecordingError: when the recording is closed or cannot be written.
        """
        split_type(type_name)
        if not topic.startswith("/"):
            raise ValueError(f"topic {topic!r} does not begin with '/'; give its full name")
        if not definition:
            definition = _known_definition(type_name)
        digest = digest or type_hash(type_name, definition)
        with self._lock:
            if topic in self._topics:
                if self._topics[topic].msgtype != type_name:
                    raise ValueError(f"topic {topic} is recorded as {self._topics[topic].msgtype}; "
                                     f"it cannot be {type_name} too")
                return
            self._topics[topic] = self._open().add_connection(
                topic, type_name, msgdef=definition, rihs01=digest,
                offered_qos_profiles=[_profile(qos)])

    def add(self, topic: str, cdr: bytes | memoryview, stamp_ns: int) -> bool:
        """Record one message.

        Args:
            topic: a topic given to `add_topic`.
            cdr: the serialised message with its four bytes of encapsulation, as rclpy serialises.
            stamp_ns: when it was received.

        Returns:
            False when the recording is full.

        Raises:
            ValueError: when the topic is not known, or the message or stamp cannot be one.
            RecordingError: when the recording is closed or the disk is full; it is closed then.
        """
        if topic not in self._topics:
            raise ValueError(f"topic {topic!r} was not given to add_topic; do that first")
        if len(cdr) < 4 or not 0 <= stamp_ns < 2 ** 63:
            raise ValueError(f"message on {topic} has {len(cdr)} bytes and stamp {stamp_ns}; "
                             "expected CDR with its 4 bytes of encapsulation and a stamp in "
                             "nanoseconds")
        with self._lock:
            writer = self._open()
            if self._written + len(cdr) > self._limit:
                self._refused += 1
                return False
            try:
                writer.write(self._topics[topic], stamp_ns, cdr)
                if time.monotonic() - self._flushed_s >= self._flush_s:
                    self._flush(writer)
            except OSError as error:
                self._abort()
                raise RecordingError(f"recording {self.path} cannot be written: {error}; free the "
                                     "disk, then recover_recording saves what is there") from error
            self._written += len(cdr)
            self._count += 1
        return True

    def flush(self) -> None:
        """Hand what was added to the operating system; for a timer where messages are rare.

        Raises:
            RecordingError: when the recording is closed or cannot be written.
        """
        with self._lock:
            writer = self._open()
            try:
                self._flush(writer)
            except OSError as error:
                self._abort()
                raise RecordingError(f"recording {self.path} cannot be written: {error}") from error

    def close(self) -> None:
        """Write the index and metadata.yaml; may be called more than once.

        Raises:
            RecordingError: when they cannot be written; what was recorded can be recovered.
        """
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is None:
                return
            try:
                if not self._count:
                    # rosbag2 takes the start of an empty recording from here; it must be a time.
                    writer.min_timestamp = 0
                writer.close()
            except OSError as error:
                raise RecordingError(f"recording {self.path} cannot be finished: {error}; free the "
                                     "disk and call recover_recording") from error

    def _open(self) -> Any:
        if self._writer is None:
            raise RecordingError(f"recording {self.path} is closed; make a new one")
        return self._writer

    def _flush(self, writer: Any) -> None:
        """Close the chunk in memory, so that a killed recording is whole up to here."""
        if writer.storage.chunk.msgs:
            writer.storage.close_chunk()
        writer.storage.bio.flush()
        self._flushed_s = time.monotonic()

    def _abort(self) -> None:
        writer, self._writer = self._writer, None
        writer.abort()

    def __enter__(self) -> McapRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def qos_of(connection: Any) -> TopicQos:
    """The QoS of a connection of rosbags' readers; the default where it tells none."""
    profiles = getattr(connection.ext, "offered_qos_profiles", ())
    if not profiles:
        return TopicQos()
    first = profiles[0]
    return TopicQos(transient_local=first.durability.name == "TRANSIENT_LOCAL",
                    reliable=first.reliability.name == "RELIABLE", depth=max(1, first.depth))


def _new_writer(path: Path, compress: bool) -> Any:
    try:
        from rosbags.rosbag2 import (
            CompressionFormat,
            CompressionMode,
            StoragePlugin,
            Writer,
            WriterError,
        )
    except ImportError as error:
        raise RecordingError(f"recording {path} needs the Python package 'rosbags' ({error}); "
                             "install it with: pip install rosbags") from error
    try:
        writer = Writer(path, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        if compress:
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        writer.open()
    except (WriterError, OSError) as error:
        raise RecordingError(f"recording {path} cannot be made: {error}; give a folder that does "
                             "not exist yet, on a disk that can be written") from error
    return writer


def _known_definition(type_name: str) -> str:
    from rosbags.typesys import Stores, get_typestore

    try:
        return str(get_typestore(Stores.ROS2_JAZZY).generate_msgdef(type_name, ros_version=2)[0])
    except Exception as error:  # rosbags raises errors of its own kinds
        raise ValueError(f"type {type_name} has no definition here; give it, for example with "
                         f"definition_text({type_name!r})") from error


def _profile(qos: TopicQos) -> Any:
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    endless = QosTime(*_INFINITE)
    return Qos(
        QosHistory.KEEP_LAST, qos.depth,
        QosReliability.RELIABLE if qos.reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if qos.transient_local else QosDurability.VOLATILE,
        endless, endless, QosLiveliness.AUTOMATIC, endless, False)

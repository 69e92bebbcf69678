"""Make a whole recording of one whose writer was killed."""
from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from smolvlm_ros.recording.definitions import type_hash
from smolvlm_ros.recording.recorder import McapRecorder, RecordingError, qos_of

_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # opcode, length of what follows
_FOOTER, _DATA_END = 0x02, 0x0F
# MCAP's end for a file without a summary: an empty data section checksum, then a footer of zeros.
_END = (_RECORD.pack(_DATA_END, 4) + bytes(4) + _RECORD.pack(_FOOTER, 20) + bytes(20) + _MAGIC)


@dataclass(frozen=True)
class Recovered:
    """What a recovery gave.

    Attributes:
        path: the new recording.
        messages: how many it has.
        lost_bytes: bytes at the end of the broken file that hold no whole record.
    """

    path: Path
    messages: int
    lost_bytes: int


def recover_recording(path: Path | str, target: Path | str | None = None) -> Recovered:
    """Copy every whole chunk of a broken recording into a new one, with index and metadata.

    Args:
        path: the folder of the recording, or its .mcap file; it is not changed.
        target: the folder to make; None for `<folder>_recovered` beside it.

    Raises:
        RecordingError: when there is no .mcap file, it has nothing to recover, or the target
            exists.
    """
    file = _mcap_file(Path(path))
    folder = Path(path) if Path(path).is_dir() else file.with_suffix("")
    goal = Path(target) if target is not None else folder.with_name(folder.name + "_recovered")
    with file.open("rb") as broken:
        end, closed = _last_whole_record(broken)
    if end <= len(_MAGIC):
        raise RecordingError(f"{file} is no MCAP file or has no whole record; nothing to recover")
    lost = 0 if closed else file.stat().st_size - end
    ended = file.with_name(file.name + ".ended.tmp")
    try:
        shutil.copyfile(file, ended)
        if not closed:
            with ended.open("r+b") as copy:
                copy.truncate(end)
                copy.seek(end)
                copy.write(_END)
        return Recovered(goal, _copy(ended, goal), lost)
    except OSError as error:
        raise RecordingError(f"{file} cannot be recovered: {error}; free the disk") from error
    finally:
        ended.unlink(missing_ok=True)


def _mcap_file(path: Path) -> Path:
    files = sorted(path.glob("*.mcap")) if path.is_dir() else [path]
    if not path.exists():
        raise RecordingError(f"{path} does not exist; give the recording's folder or its .mcap "
                             "file")
    if len(files) != 1:
        raise RecordingError(f"{path} has {len(files)} .mcap files, expected one; give the file")
    return files[0]


def _last_whole_record(broken: BinaryIO) -> tuple[int, bool]:
    """Offset behind the last whole record of data, and whether the file was closed."""
    size = broken.seek(0, 2)
    broken.seek(0)
    if broken.read(len(_MAGIC)) != _MAGIC:
        return 0, False
    position = len(_MAGIC)
    while position + _RECORD.size <= size:
        broken.seek(position)
        opcode, length = _RECORD.unpack(broken.read(_RECORD.size))
        after = position + _RECORD.size + length
        if opcode == 0 or after > size:
            break
        if opcode == _DATA_END:
            broken.seek(-len(_MAGIC), 2)
            return position, broken.read() == _MAGIC
        position = after
    return position, False


def _copy(ended: Path, goal: Path) -> int:
    try:
        from rosbags.rosbag2.storage_mcap import McapReader
    except ImportError as error:
        raise RecordingError(f"recovery needs the Python package 'rosbags' ({error}); install it "
                             "with: pip install rosbags") from error
    reader = McapReader(ended)
    try:
        reader.open()
    except Exception as error:  # the reader raises errors of many kinds on bad bytes
        raise RecordingError(f"{ended.stem} cannot be read: {error}; nothing to recover") from error
    recorder = McapRecorder(goal, max_mb=1e9)
    try:
        for connection in reader.connections:
            definition = connection.msgdef.data
            recorder.add_topic(connection.topic, connection.msgtype, definition,
                               digest=type_hash(connection.msgtype, definition),
                               qos=qos_of(connection))
        # A scan takes messages in the order of the file, whatever their stamps.
        for connection, stamp_ns, data in reader.messages_scan(reader.connections):
            recorder.add(connection.topic, data, stamp_ns)
        return recorder.count
    except Exception as error:  # see above
        raise RecordingError(f"{ended.stem} is damaged behind its first {recorder.count} messages "
                             f"({error}); these are in {goal}") from error
    finally:
        recorder.close()
        reader.close()

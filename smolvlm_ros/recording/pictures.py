"""Which topics of a recording carry pictures in a form in which faces cannot be covered.

Video streams, point clouds with colours and any other message with bytes in it: what bytes mean is
known of images only. Numbers of other types (a scan, a map, depth as floats) are taken for no
picture.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

CLOUD = "sensor_msgs/msg/PointCloud2"
_BYTES = ("uint8", "byte", "char", "octet")
_LEAST = 64  # bytes: fewer are an identifier or a state; no JPEG or video key frame is as short
_COLOURS = ("rgb", "rgba", "bgr", "r", "red")


def uncoverable(reader: Any, coverable: Sequence[str], unless: Iterable[str] = ()
                ) -> dict[str, str]:
    """Topics that may show a person and cannot be covered, with why.

    Args:
        reader: an open `rosbags.highlevel.AnyReader`.
        coverable: types whose messages are covered one by one.
        unless: topics that are not looked at.
    """
    found: dict[str, str] = {}
    looked_at = []
    skipped = set(unless)
    for connection in reader.connections:
        topic, kind = connection.topic, connection.msgtype
        if topic in skipped or kind in coverable:
            continue
        try:
            if not _holds_bytes(reader.typestore, kind):
                continue
        except KeyError as error:
            found[topic] = f"{kind}, whose definition lacks {error}"
        else:
            looked_at.append(connection)
    for connection, _, data in reader.messages(connections=looked_at) if looked_at else ():
        topic, kind = connection.topic, connection.msgtype
        if topic in found:
            continue
        message = reader.deserialize(data, kind)
        if kind == CLOUD:
            if any(field.name.lower() in _COLOURS for field in message.fields):
                found[topic] = "a point cloud with colours"
        elif any(size >= _LEAST for size in _sizes(reader.typestore, kind, message)):
            found[topic] = f"bytes in {kind}"
    return found


def _holds_bytes(store: Any, kind: str) -> bool:
    """Whether there are arrays of bytes in a type; KeyError where its definition is not known."""
    waiting, known = [kind], set()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        for _, inner, listed in _fields(store, name):
            if inner in _BYTES and listed:
                return True
            if "/" in inner:
                waiting.append(inner)
    return False


def _sizes(store: Any, kind: str, message: Any) -> Iterator[int]:
    """Lengths of the arrays of bytes in a message."""
    for field, inner, listed in _fields(store, kind):
        if inner in _BYTES and listed:
            yield len(getattr(message, field))
        elif "/" in inner:
            value = getattr(message, field)
            for one in value if listed else (value,):
                yield from _sizes(store, inner, one)


def _fields(store: Any, kind: str) -> Iterator[tuple[str, str, bool]]:
    """Name, type without its bounds, and whether it is a list, of each field."""
    for field, (_, of) in store.fielddefs[kind][1]:
        # A name; a base type with its bound; or one of both, with its kind, and a length.
        listed = isinstance(of, tuple) and isinstance(of[0], tuple)
        inner = of[0][1] if listed else of
        yield field, inner if isinstance(inner, str) else inner[0], listed

"""Moments as rows of the database."""
from __future__ import annotations

import sqlite3
from typing import Any

from smolvlm_ros.memory.moment import Kind, Moment, Picture, Position
from smolvlm_ros.memory.schema import SAME_US, first_id
from smolvlm_ros.memory.words import indexed

MAX_TEXT = 4000
MAX_STAMP_NS = 2**31 * 1_000_000_000  # what a ROS stamp can hold
COLUMNS = ("m.id, m.stamp_ns, m.last_ns, m.kind, m.text, m.zone, m.class_name, m.track_id, "
           "m.denied, m.x, m.y, m.z, m.frame_id, m.picture_ns")


def insert(connection: sqlite3.Connection, moment: Moment, kept_s: float) -> int:
    """Write a moment, inside a transaction; returns its key.

    Raises:
        ValueError: its stamp cannot be kept, or too many share it.
    """
    if not 0 <= moment.stamp_ns < MAX_STAMP_NS:
        raise ValueError(f"stamp of {moment.stamp_ns} ns cannot be kept, expected 0 to 2^31 s")
    picture_ns = None if moment.picture is None else _keep(connection, moment.picture)
    where = moment.position
    place = (None,) * 4 if where is None else (where.x, where.y, where.z, _clean(where.frame_id))
    key = _free_id(connection, moment.stamp_ns)
    connection.execute(
        "INSERT INTO moment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, moment.stamp_ns, moment.last_ns, kept_s,
         moment.kind.value, _clean(moment.text)[:MAX_TEXT], _clean(indexed(moment)),
         _clean(moment.zone), _clean(moment.class_name), _clean(moment.track_id), moment.denied,
         *place, picture_ns))
    connection.executemany("INSERT INTO sent VALUES (?, ?, ?)",
                           ((key, sent.stamp_ns, sent.jpeg) for sent in moment.sent))
    return key


def _keep(connection: sqlite3.Connection, picture: Picture) -> int:
    """Write a picture that is not there yet; the stamp that it is kept under, in nanoseconds: its
    own, or the next free one where a clock that was set back has brought another with the same."""
    stamp_ns = picture.stamp_ns
    while (found := connection.execute("SELECT jpeg FROM picture WHERE stamp_ns = ?",
                                       (stamp_ns,)).fetchone()) and found[0] != picture.jpeg:
        stamp_ns += 1
    connection.execute("INSERT OR IGNORE INTO picture VALUES (?, ?)", (stamp_ns, picture.jpeg))
    return stamp_ns


def seen_again(connection: sqlite3.Connection, key: int, last_ns: int,
               where: Position | None) -> bool:
    """Note when and where an object was seen last; False when it has been forgotten."""
    place = (None,) * 4 if where is None else (where.x, where.y, where.z, _clean(where.frame_id))
    connection.execute("UPDATE moment SET last_ns = max(last_ns, ?), x = ?, y = ?, z = ?, "
                       "frame_id = ? WHERE id = ?", (last_ns, *place, key))
    return bool(connection.execute("SELECT changes()").fetchone()[0])


def moment_of(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Moment:
    """The moment in a row of COLUMNS, with its pictures."""
    (key, stamp_ns, last_ns, kind, text, zone, class_name, track_id, denied, x, y, z, frame_id,
     picture_ns) = row
    picture = None
    if picture_ns is not None:
        found = connection.execute("SELECT jpeg FROM picture WHERE stamp_ns = ?",
                                   (picture_ns,)).fetchone()
        picture = None if found is None else Picture(picture_ns, found[0])
    sent: tuple[Picture, ...] = ()
    if kind == Kind.ESCALATION.value:
        sent = tuple(Picture(*found) for found in connection.execute(
            "SELECT stamp_ns, jpeg FROM sent WHERE moment_id = ? ORDER BY rowid", (key,)))
    return Moment(stamp_ns, text, Kind(kind), zone, class_name, track_id, bool(denied), last_ns,
                  None if frame_id is None else Position(x, y, z, frame_id), picture, sent)


def _free_id(connection: sqlite3.Connection, stamp_ns: int) -> int:
    first = first_id(stamp_ns)
    taken, = connection.execute("SELECT max(id) FROM moment WHERE id BETWEEN ? AND ?",
                                (first, first + SAME_US - 1)).fetchone()
    if taken is None:
        return first
    if taken == first + SAME_US - 1:
        raise ValueError(f"{SAME_US} moments share the stamp {stamp_ns} ns; is the camera's clock "
                         "standing still?")
    return int(taken) + 1


def _clean(text: str) -> str:
    """Without what UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")

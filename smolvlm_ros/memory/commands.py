"""The command line of the memory: `smolvlm_ros moments` and `smolvlm_ros forget`."""
from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from smolvlm_ros.memory.config import state_file
from smolvlm_ros.memory.forget import forget
from smolvlm_ros.memory.moment import Found, MemoryStoreError, Picture
from smolvlm_ros.memory.schema import open_to_read, refusal
from smolvlm_ros.memory.search import Query, Result, search
from smolvlm_ros.memory.times import FORMS, parse_time, show_time

OK, FAILED = 0, 2


def add_moments_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `smolvlm_ros moments`."""
    parser.add_argument("text", nargs="*", help="words to look for, in any order and form, as in "
                        "'when did a person last stand at the door?'; none for any moment")
    _add_period(parser, "by their stamps; what was seen before the clock was set has stamps of "
                "1970 (--until 1971-01-01)")
    parser.add_argument("--zone", default="", help="only in this zone")
    parser.add_argument("--class", dest="class_name", default="", help="only of this class")
    parser.add_argument("--limit", type=_count, default=20, metavar="N",
                        help="at most so many (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER",
                        help="write the pictures there, named by their stamps in nanoseconds, "
                        "those that were sent to a server too")


def add_forget_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `smolvlm_ros forget`."""
    _add_period(parser, "by their stamps, and what was remembered from then on by the system "
                "clock, seen before the clock was set too. What a robot saw that never learnt the "
                "time has stamps of 1970 (--until 1971-01-01)")
    parser.add_argument("--all", action="store_true", help="everything, without a period")


def run_moments(args: argparse.Namespace) -> int:
    """Search the memory; the exit code is 2 where it cannot be read."""
    try:
        query = Query(" ".join(args.text), args.zone, args.class_name, args.since, args.until,
                      args.limit)
        result = _read(args.db or state_file(), query)
        files = _write_pictures(result.found, args.pictures) if args.pictures else {}
    except (MemoryStoreError, OSError, ValueError) as error:
        print(f"moments: {error}", file=sys.stderr)
        return FAILED
    if args.json:
        print(json.dumps([_as_dict(f, files) for f in result.found], indent=2))
    else:
        print(_table(result.found, files) if result.found else "nothing matches")
    if not result.complete:
        print("moments: the search was ended for time; look for fewer or rarer words, or within a "
              "period", file=sys.stderr)
    return OK


def run_forget(args: argparse.Namespace) -> int:
    """Delete a period for good; the exit code is 2 where that was not possible."""
    if not (args.since or args.until or args.all):
        print("forget: give --since, --until or both; --all for everything", file=sys.stderr)
        return FAILED
    if args.all and (args.since or args.until):
        print("forget: --all goes without --since and --until", file=sys.stderr)
        return FAILED
    path = args.db or state_file()
    try:
        done = forget(path, args.since, args.until)
    except (MemoryStoreError, ValueError) as error:
        print(f"forget: {error}", file=sys.stderr)
        return FAILED
    print(f"{path}: {done.moments} moments and {done.pictures} pictures are deleted, {done.kept} "
          "moments are left")
    return OK


def _read(path: Path, query: Query) -> Result:
    with closing(open_to_read(path)) as connection:
        try:
            return search(connection, query)
        except sqlite3.Error as error:
            raise refusal(path, error) from error


def _add_period(parser: argparse.ArgumentParser, meant: str) -> None:
    parser.add_argument("--since", type=_time, default=0, metavar="TIME",
                        help=f"from then on, {meant}. TIME is {FORMS}")
    parser.add_argument("--until", type=_time, default=0, metavar="TIME", help="up to then")
    parser.add_argument("--db", type=Path, metavar="FILE", help="the file that scene_qa's "
                        "parameter memory.path names (default: its 'auto', "
                        "$XDG_STATE_HOME/smolvlm_ros/memory.db)")


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")
    return int(text)


def _write_pictures(found: tuple[Found, ...], folder: Path) -> dict[Picture, str]:
    """Write each picture once, those that were sent too; their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for moment in (f.moment for f in found):
        names = {picture: f"{picture.stamp_ns}_sent_{hashlib.sha256(picture.jpeg).hexdigest()[:8]}"
                 for picture in moment.sent}
        if moment.picture is not None:
            names[moment.picture] = str(moment.picture.stamp_ns)
        for picture, name in names.items():
            path = folder / f"{name}.jpg"
            path.write_bytes(picture.jpeg)
            files[picture] = str(path)
    return files


def _as_dict(found: Found, files: dict[Picture, str]) -> dict[str, Any]:
    moment = found.moment
    position = None if moment.position is None else vars(moment.position)
    return {"stamp_ns": moment.stamp_ns, "last_ns": moment.last_ns,
            "time": show_time(moment.stamp_ns), "kind": moment.kind.value, "zone": moment.zone,
            "class": moment.class_name, "track": moment.track_id, "text": moment.text,
            "position": position, "score": round(found.score, 4),
            "picture": files.get(moment.picture) if moment.picture else None,
            "sent": [files[picture] for picture in moment.sent if picture in files]}


def _table(found: tuple[Found, ...], files: dict[Picture, str]) -> str:
    rows = [("when", "what", "zone", "class", "match", *(("picture",) if files else ()))]
    for item in found:
        m = item.moment
        shown = ([m.picture] if m.picture else []) + list(m.sent)
        picture = (", ".join(files[p] for p in shown) or "-",) if files else ()
        rows.append((show_time(m.stamp_ns), _plain(m.description), _plain(m.zone) or "-",
                     _plain(m.class_name) or "-", f"{100 * item.score:.0f} %", *picture))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
                     for row in rows)


def _plain(text: str) -> str:
    """One line without control characters: what a model said goes to a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)

"""The memory: what a search and an insert cost from a thousand to a million events.

    python benchmark/memory.py --json FILE [--quick] [--folder FOLDER]

Events as a robot has them: visits, zone events, verdicts (most of them NO) and free descriptions.
Beside it, on the same rows: a scan of all of them in Python, and SQLite's own full-text ranking
(`ORDER BY rank`). Then questions about minutes of the embedded world, whose truth is known. --quick
leaves the million rows out. FOLDER is where the databases are written; take a disk that is like the
robot's.
"""
from __future__ import annotations

import os
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import common

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from smolvlm_ros.memory import Kind, MemoryConfig, MemoryStore, Moment, Query  # noqa: E402
from smolvlm_ros.memory.retention import Retention  # noqa: E402
from smolvlm_ros.memory.rows import insert  # noqa: E402
from smolvlm_ros.memory.schema import open_database, open_to_read  # noqa: E402
from smolvlm_ros.memory.search import search  # noqa: E402
from smolvlm_ros.memory.words import indexed, sought  # noqa: E402
from smolvlm_ros.world import MOUNTS, SCENES, World  # noqa: E402
from smolvlm_ros.world.scoring.remembered import ask  # noqa: E402

S = 1_000_000_000
BEGIN = 1_700_000_000 * S
CLASSES = ("person", "dog", "box", "ball", "cone", "vehicle", "chair", "robot")
ZONES = ("door", "kitchen", "stairs", "charging dock", "front gate", "loading ramp")
ADJECTIVES = ("red", "blue", "open", "broken", "wet", "small", "yellow", "empty", "tall", "old")
THINGS = ("umbrella", "ladder", "bicycle", "pallet", "suitcase", "bucket", "trolley", "helmet",
          "lamp", "carpet", "bottle", "newspaper", "toolbox", "curtain", "plant", "hose")
# What a person asks, with what a random event is about in it, and what rarely or never happened.
QUESTIONS = (
    "when did a {class} last stand at the {zone}?", "who came through the {zone}",
    "was the {class} lying on the floor?", "{class} leave {zone}", "{thing}",
    "the {adjective} {thing} in the {zone}", "when did a dog enter the kitchen with an elephant",
    "{class}", "track {track}", "is there no {class} at the {zone}", "person dog {zone}",
)


def events(count: int) -> Iterator[Moment]:
    """That many events, half a minute apart; the same each time."""
    rng = random.Random(7)
    stamp_ns = BEGIN
    for number in range(count):
        stamp_ns += rng.randrange(S, 60 * S)
        what, zone, track = rng.choice(CLASSES), rng.choice(ZONES), str(number // 4)
        kind = rng.choices(list(Kind)[:6], (3, 3, 2, 3, 6, 1))[0]
        if kind == Kind.OBJECT:
            yield Moment(stamp_ns, f"saw {what} {track}", kind, class_name=what, track_id=track)
        elif kind == Kind.VERDICT:
            denied = rng.random() < 0.97
            yield Moment(stamp_ns, f"Is the {what} in {zone} lying on the floor? "
                         f"{'NO' if denied else 'YES'}", kind, zone, what, track, denied)
        elif kind == Kind.DESCRIPTION:
            yield Moment(stamp_ns, f"A {rng.choice(ADJECTIVES)} {rng.choice(THINGS)} and a "
                         f"{rng.choice(ADJECTIVES)} {rng.choice(THINGS)} beside number "
                         f"{rng.randrange(10**6)}.", kind)
        else:
            yield Moment(stamp_ns, f"{what} {track} {kind.value} {zone}", kind, zone, what, track)


def queries(rows: list[Moment], count: int) -> list[Query]:
    """What is asked of these rows."""
    rng = random.Random(11)
    made = []
    for number in range(count):
        about = rng.choice(rows)
        text = QUESTIONS[number % len(QUESTIONS)].format(**{
            "class": about.class_name or "person", "zone": about.zone or "door",
            "thing": rng.choice(THINGS), "adjective": rng.choice(ADJECTIVES),
            "track": about.track_id or "7"})
        if number % 4 == 3:  # an hour somewhere
            made.append(Query(text, since_ns=about.stamp_ns - 1800 * S,
                              until_ns=about.stamp_ns + 1800 * S))
        elif number % 4 == 2:
            made.append(Query(text, zone=about.zone or "door"))
        else:
            made.append(Query(text))
    return made


def scan(rows: list[Moment], query: Query) -> list[Moment]:
    """The peer: look at every row, as a list in memory is searched."""
    wanted = set(sought(query.text)[0])
    found = []
    for row in rows:
        if (query.zone and row.zone != query.zone) or row.stamp_ns < query.since_ns or (
                query.until_ns and row.stamp_ns > query.until_ns):
            continue
        have = set(re.findall(r"[^\W_]+", f"{row.text} {row.zone} {row.class_name}".casefold()))
        share = len(wanted & have)
        if share:
            found.append((share, row.stamp_ns, row))
    found.sort(key=lambda item: item[:2], reverse=True)
    return [row for _, _, row in found[:query.limit]]


def ranked(connection: sqlite3.Connection, query: Query) -> list[int]:
    """The other peer: FTS5's own ranking."""
    text = " OR ".join(f'"{w}"' for w in sought(query.text)[0]) or '"person"'
    return [i for i, in connection.execute(
        "SELECT rowid FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT ?", (text, query.limit))]


def fill(path: Path, rows: list[Moment]) -> float:
    """Write all rows in batches, as the writer does; microseconds of work for each."""
    with closing(open_database(path)) as connection:
        retention = Retention(connection, path)
        begin = time.process_time()
        for first in range(0, len(rows), 256):
            connection.execute("BEGIN IMMEDIATE")
            now_s = retention.now_s()
            for row in rows[first:first + 256]:
                insert(connection, row, now_s)
            connection.execute("COMMIT")
        return (time.process_time() - begin) / len(rows) * 1e6


def plain_index(rows: list[Moment]) -> sqlite3.Connection:
    """The same words in a full-text table that ranks by itself."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE VIRTUAL TABLE plain USING fts5(words, tokenize='porter ascii', "
                       "content='')")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO plain (rowid, words) VALUES (?, ?)",
                           ((i, indexed(row)) for i, row in enumerate(rows)))
    connection.execute("COMMIT")
    return connection


def searches(path: Path, asked: list[Query]) -> dict[str, float]:
    """Wall-clock and CPU time of each search, and how many found something."""
    wall_ms, cpu_ms, found = [], [], 0
    with closing(open_to_read(path)) as connection:
        for query in asked[:len(QUESTIONS)]:
            search(connection, query)  # warm
        for query in asked:
            begin, cpu = time.perf_counter(), time.thread_time()
            found += bool(search(connection, query).found)
            wall_ms.append((time.perf_counter() - begin) * 1e3)
            cpu_ms.append((time.thread_time() - cpu) * 1e3)
    return {"find_ms": statistics.median(wall_ms), "find_cpu_ms": statistics.median(cpu_ms),
            "find_cpu_p95_ms": statistics.quantiles(cpu_ms, n=20)[-1],
            "found_share": found / len(asked)}


def peers(rows: list[Moment], asked: list[Query]) -> dict[str, float]:
    """The same searches by a scan of all rows, and by FTS5's own ranking."""
    with closing(plain_index(rows)) as plain:
        scan_ms = [common.timed_ms(partial(scan, rows, query)) for query in asked]
        rank_ms = [common.timed_ms(partial(ranked, plain, query)) for query in asked]
    return {"scan_ms": statistics.median(scan_ms), "fts5_rank_ms": statistics.median(rank_ms)}


def sizes(folder: Path, counts: tuple[int, ...], repeats: int) -> dict[str, float]:
    """Search and insert at each number of rows, beside the peers."""
    result: dict[str, float] = {}
    shown = ("find_ms", "find_cpu_ms", "find_cpu_p95_ms", "scan_ms", "fts5_rank_ms",
             "insert_cpu_us", "bytes_per_event")
    table = []
    for count in counts:
        rows = list(events(count))
        path = folder / f"{count}.db"
        measured = {"insert_cpu_us": fill(path, rows)}
        asked = queries(rows, repeats)
        measured |= searches(path, asked)
        measured |= peers(rows, asked[:len(QUESTIONS) if count <= 10_000 else 5])
        measured["bytes_per_event"] = path.stat().st_size / count
        path.unlink()
        table.append((f"{count:,}", *(measured[key] for key in shown)))
        name = f"{count // 1000}k" if count < 1_000_000 else "1m"
        result |= {f"{key}_{name}": value for key, value in measured.items()}
        print(f"{count:,} events done", file=sys.stderr)
    print(common.table(("events", *shown), table))
    return result


def inserts(folder: Path, count: int) -> dict[str, float]:
    """What an event costs who reports it, and until it is safe on the disk."""
    store = MemoryStore(MemoryConfig(path=str(folder / "insert.db"), max_mb=1000.0))
    rows = list(events(count))
    try:
        put_ms = []
        begin = time.perf_counter()
        for first in range(0, count, 100):  # bursts, as of a crowded scene
            put_ms += [common.timed_ms(partial(store.add, row))
                       for row in rows[first:first + 100]]
            store.flush(60)
        each_ms = (time.perf_counter() - begin) / count * 1e3
        alone_ms = [common.timed_ms(lambda: store.add(rows[0]).result(60)) for _ in range(100)]
        if store.counts.lost:
            raise RuntimeError(f"{store.counts.lost} events were lost: {store.counts.problem}")
    finally:
        store.close(60)
    # What the disk takes for one write that is safe, without a database.
    with (folder / "sync").open("wb", buffering=0) as file:
        def sync() -> None:
            file.write(bytes(4096))
            os.fsync(file.fileno())
        sync_ms = [common.timed_ms(sync) for _ in range(100)]
    return {"insert_ms": each_ms, "insert_put_ms": statistics.median(put_ms),
            "insert_alone_ms": statistics.median(alone_ms), "fsync_ms": statistics.median(sync_ms)}


def minutes(count: int) -> dict[str, float]:
    """The embedded world: how many questions about a minute find their moment within a second."""
    worlds = (World(SCENES[seed % 3], seed, camera=MOUNTS[seed // 3 % 3]) for seed in range(count))
    asked = [answer for world in worlds for answer in ask(world)]
    return {"world_questions": len(asked),
            "world_found_within_1s": sum(answer.right for answer in asked) / len(asked)}


def main() -> None:
    """Run all of it."""
    parser = common.parser(__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the databases are written")
    options = parser.parse_args()
    counts = (1000, 10_000, 100_000) + (() if options.quick else (1_000_000,))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        result = sizes(Path(name), counts, 220 if options.quick else 660)
        result |= inserts(Path(name), 2000 if options.quick else 10_000)
    result |= minutes(40 if options.quick else 100)
    print(f"embedded world: {result['world_found_within_1s']:.1%} of {result['world_questions']} "
          "questions find the moment within 1 s")
    print(common.table(("insert", "ms"), [
        ("an event of a burst, until it is safe", result["insert_ms"]),
        ("an event alone, until it is safe", result["insert_alone_ms"]),
        ("one fsync of this disk", result["fsync_ms"]),
        ("for who reports it", result["insert_put_ms"])]))
    common.write(result, options.json)


if __name__ == "__main__":
    main()

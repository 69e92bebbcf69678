"""Limits in size and days, with every clock that may go wrong."""
from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memory_bench import NOW, S, event, pictured, sound

from smolvlm_ros.memory import MemoryConfig, MemoryStore, MemoryStoreError, Moment, Query
from smolvlm_ros.memory.clock import ClockWatch
from smolvlm_ros.memory.forget import forget
from smolvlm_ros.memory.retention import EVEN_S, Retention
from smolvlm_ros.memory.rows import insert
from smolvlm_ros.memory.schema import open_database

DAY = 86400.0
WALL = 1_800_000_000.0


class Session:
    """A database with clocks that are set by hand; one session of the process."""

    def __init__(self, path: Path | None, wall: float = WALL) -> None:
        self.wall, self.monotonic = wall, 100.0
        self.connection = open_database(path)
        self.retention = Retention(self.connection, path, lambda: self.wall, lambda: self.monotonic)

    def passes(self, seconds: float, clock_set_by: float = 0.0) -> None:
        """Time goes by; the system clock may be set on top of it."""
        self.monotonic += seconds
        self.wall += seconds + clock_set_by

    def keep(self, *moments: Moment) -> None:
        now_s = self.retention.now_s()
        self.connection.execute("BEGIN")
        for moment in moments:
            insert(self.connection, moment, now_s)
        self.connection.execute("COMMIT")

    def left(self, **config: float) -> list[str]:
        """Forget what is due; the texts that are left, oldest stamp first."""
        for _ in self.retention.round(MemoryConfig(**config)):
            pass
        return [t for t, in self.connection.execute("SELECT text FROM moment ORDER BY id")]


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session(None)
    with closing(made.connection):
        yield made


def test_days(session: Session) -> None:
    session.keep(event(0, "old"))
    session.passes(20 * DAY)
    session.keep(event(20 * DAY, "young"))
    assert session.left(max_days=30) == ["old", "young"]
    session.passes(10.1 * DAY)
    assert session.left(max_days=30) == ["young"]
    session.passes(30 * DAY)
    assert session.left(max_days=30) == [] and session.retention.forgotten == 2


def test_one_stamp_from_the_future_makes_nothing_old(session: Session) -> None:
    session.keep(*(event(i, str(i)) for i in range(9)), Moment((2**31 - 2) * S, "future"))
    session.passes(DAY)
    assert len(session.left(max_days=2)) == 10
    session.passes(2 * DAY)  # and it goes with the others
    assert session.left(max_days=2) == []


def test_stamps_of_a_recording_or_a_simulation_are_not_old(session: Session) -> None:
    session.keep(Moment(5 * S, "simulated"), Moment(NOW - 10**17, "three years ago"))
    session.passes(DAY)
    assert len(session.left(max_days=2)) == 2


def test_a_clock_that_jumps_ahead_and_back_forgets_nothing(session: Session) -> None:
    session.keep(event(0, "before"))
    session.passes(10, clock_set_by=400 * DAY)
    session.keep(event(10, "meanwhile"))
    assert len(session.left(max_days=30)) == 2  # for ten minutes nobody believes it
    session.passes(EVEN_S + 1)
    assert len(session.left(max_days=30)) == 2  # then: what this session kept moved with it
    session.passes(10, clock_set_by=-400 * DAY)
    session.passes(EVEN_S + 1)
    assert len(session.left(max_days=30)) == 2
    session.passes(31 * DAY)
    assert session.left(max_days=30) == []


def test_a_board_without_a_battery_starts_in_1970_and_is_set_right(tmp_path: Path) -> None:
    first = Session(tmp_path / "m.db", wall=50.0)
    first.keep(Moment(60 * S, "in 1970"))
    first.passes(120, clock_set_by=WALL)  # the network tells the time
    first.keep(event(120, "after"))
    first.passes(EVEN_S)
    assert len(first.left(max_days=30)) == 2
    first.connection.close()
    second = Session(tmp_path / "m.db", wall=WALL + 2 * DAY)
    second.passes(EVEN_S)
    assert len(second.left(max_days=30)) == 2
    second.passes(29 * DAY)
    assert second.left(max_days=30) == []
    second.connection.close()


def test_a_clock_that_is_set_late_dates_nothing_of_the_session_before(tmp_path: Path) -> None:
    first = Session(tmp_path / "m.db")
    first.keep(event(0))
    kept_s, = first.connection.execute("SELECT kept_s FROM moment").fetchone()
    first.connection.close()
    second = Session(tmp_path / "m.db", wall=50.0)
    second.passes(60)
    second.keep(event(60, "in 1970"))
    second.passes(60, clock_set_by=WALL + 20 * DAY)
    second.left()
    found = [s for s, in second.connection.execute("SELECT kept_s FROM moment ORDER BY id")]
    assert found[0] == kept_s and found[1] > kept_s + 19 * DAY
    second.connection.close()


def test_short_sessions_forget_too_and_a_wrong_clock_at_the_start_does_not(tmp_path: Path) -> None:
    left = []
    for day, error in ((0, 0), (6, 0), (12, 0), (13, 0), (14, 400), (14.1, 0)):
        session = Session(tmp_path / "m.db", wall=WALL + (day + error) * DAY)
        session.passes(60)
        left.append(len(session.left(max_days=10)))
        if not error:
            session.keep(event(day * DAY))
        session.connection.close()
    assert left == [0, 1, 1, 2, 3, 3]


def test_a_session_in_a_wrong_year_ahead_still_ends(tmp_path: Path) -> None:
    first = Session(tmp_path / "m.db", wall=WALL + 3000 * DAY)
    first.keep(event(0))
    first.connection.close()
    second = Session(tmp_path / "m.db")
    second.passes(EVEN_S)
    assert len(second.left(max_days=30)) == 1
    second.passes(31 * DAY)
    assert second.left(max_days=30) == []
    second.connection.close()


def sessions(path: Path, *clocks: float, minutes: float = 12) -> list[list[str]]:
    """Sessions by their clocks at the start, days after WALL, with what each leaves."""
    left = []
    for number, days in enumerate(clocks):
        session = Session(path, wall=max(WALL + days * DAY, 30.0))
        session.keep(event(number, str(number)))
        session.passes(60 * minutes)
        left.append(session.left(max_days=30))
        session.connection.close()
    return left


NOBODY_SET_IT = -WALL / DAY


@pytest.mark.parametrize("behind", [NOBODY_SET_IT, -300.0], ids=["1970", "age of the image"])
def test_a_drive_under_a_clock_behind_forgets_nothing_of_before(tmp_path: Path, behind: float
                                                                ) -> None:
    left = sessions(tmp_path / "m.db", 0, behind, 0.1, 1, 29)
    assert {"0", "2", "3", "4"} <= set(left[-1])
    assert ("1" in left[-1]) == (behind == NOBODY_SET_IT)  # known to be wrong: it has an age
    assert sessions(tmp_path / "m.db", 62) == [["0"]]  # and all ends, each with its age


def test_drives_of_a_board_that_never_knew_the_time_are_kept_and_then_age(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    left = sessions(path, NOBODY_SET_IT, NOBODY_SET_IT, NOBODY_SET_IT, 0)
    assert left[-1] == ["0", "1", "2", "3"]
    assert sessions(path, 31) == [["0"]]


def test_a_clock_that_was_ahead_is_dated_anew_once_another_session_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    left = sessions(path, 3000, 0, 1, 6)
    assert left == [["0"], ["0", "1"], ["0", "1", "2"], ["0", "1", "2", "3"]]
    assert sessions(path, 32) == [["0", "3"]]  # the first from day 1 on


def test_what_a_drive_in_1970_sees_is_not_the_first_to_go_for_its_size(tmp_path: Path) -> None:
    first = Session(tmp_path / "m.db")
    first.keep(*(pictured(i, 4000) for i in range(300)))
    first.connection.close()
    second = Session(tmp_path / "m.db", wall=30.0)
    second.passes(60)
    second.keep(event(1000, "in 1970"))
    left = second.left(max_mb=1.0)
    assert left[-1] == "in 1970" and len(left) < 301
    second.passes(60, clock_set_by=WALL + DAY)  # the network tells the time
    second.keep(event(1100, "after"))
    in_1970, after = (s for s, in second.connection.execute(
        "SELECT kept_s FROM moment WHERE text IN ('in 1970', 'after') ORDER BY id"))
    assert after - in_1970 == pytest.approx(60)
    second.connection.close()


def test_a_part_of_a_session_means_no_drive_without_a_clock_before_it(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    sessions(path, NOBODY_SET_IT, NOBODY_SET_IT)
    session = Session(path)
    session.passes(3600)
    session.keep(event(3600, "visitor"))
    assert session.left() == ["0", "1", "visitor"]  # the clock is believed, and dates them
    session.connection.close()
    assert forget(path, round(WALL * S)).moments == 1
    session = Session(path, wall=WALL + 31 * DAY)
    session.passes(EVEN_S + 1)
    assert session.left(max_days=30) == []
    session.connection.close()


class Failing:
    """A connection on which nothing can be changed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement.startswith("UPDATE"):
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(statement, *values)


def test_what_the_clock_was_set_by_is_not_lost_where_it_cannot_be_written(session: Session
                                                                         ) -> None:
    session.keep(event(0, "this drive"))
    session.passes(10, clock_set_by=60 * DAY)
    session.retention._connection = Failing(session.connection)
    with pytest.raises(sqlite3.OperationalError):
        session.retention.now_s()
    session.retention._connection = session.connection
    session.passes(EVEN_S + 1)
    session.left()
    session.passes(EVEN_S + 1)
    assert session.left(max_days=30) == ["this drive"]


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no clock counts sleep here")
def test_what_the_machine_slept_through_is_no_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    slept_s, real = 0.0, time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: real(which) + (
        slept_s if which == time.CLOCK_BOOTTIME else 0.0))
    with closing(open_database(None)) as connection:
        retention = Retention(connection, None, lambda: time.time() + slept_s)
        insert(connection, event(0, "evening"), evening_s := retention.now_s())
        slept_s = 12 * 3600.0
        assert retention.now_s() - evening_s >= slept_s - 1
        assert connection.execute("SELECT kept_s FROM moment").fetchone() == (evening_s,)


def test_a_reader_that_stays_makes_nothing_forgotten_but_what_is_too_much(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.memory.retention._READERS_S", 0.01)
    session = Session(tmp_path / "m.db")
    session.keep(*(pictured(i, 6000) for i in range(90)))
    assert len(session.left(max_mb=1.0)) == 90
    with closing(sqlite3.connect(tmp_path / "m.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM moment").fetchone()
        for i in range(90, 110):
            session.passes(1)
            session.keep(pictured(i, 6000))
        assert session.retention.size_bytes() > 1e6
        with pytest.raises(MemoryStoreError, match="another process reads it; end that one"):
            session.left(max_mb=1.0)
        assert session.retention.forgotten == 0
        session.passes(1)
        session.keep(*(pictured(i, 6000) for i in range(110, 180)))
        for _ in range(20):
            with suppress(MemoryStoreError):
                session.left(max_mb=1.0)
        assert 0 < session.retention.forgotten < 70
    session.left(max_mb=1.0)
    assert session.retention.size_bytes() <= 1e6 and session.retention.forgotten < 70
    session.connection.close()


def test_the_clock_watch() -> None:
    watch = ClockWatch(1000.0, 0.0)
    assert watch.jump_s(1010.0, 10.0) == 0 and watch.even_for_s(10.0) == 10.0
    assert watch.jump_s(1040.0, 20.0) == 0  # slewing, and small steps
    assert watch.jump_s(5000.0, 30.0) == watch.jump_s(5000.0, 30.0) == pytest.approx(3970.0)
    watch.take(3970.0, 30.0)
    assert watch.even_for_s(30.0) == 0
    assert watch.jump_s(5010.0, 40.0) == 0 and watch.even_for_s(40.0) == 10.0


def settle(store: MemoryStore, written: int) -> None:
    """Wait until what was written is there or forgotten, and no more is to be forgotten."""
    assert store.flush(30)
    end = time.monotonic() + 30
    while store._writer.over() or store.counts.moments + store.counts.forgotten != written:
        assert time.monotonic() < end, store.counts
        time.sleep(0.01)


def test_size_is_kept_and_the_first_remembered_go_first(make: Callable[..., MemoryStore],
                                                        tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store = make(path=str(path), max_mb=2.0)
    biggest = 0
    for i in range(1200):  # about 8 MB
        # Stamps that go backwards: what was remembered first goes, whatever its stamp.
        store.add(replace(pictured(-i, 6000), text=f"number {i}"))
        if i % 20 == 19:
            assert store.flush(30)
            biggest = max(biggest, sum(f.stat().st_size for f in tmp_path.iterdir()
                                       if not f.name.endswith("shm")))
    settle(store, 1200)
    assert store._writer._retention.size_bytes() <= 2e6
    assert biggest <= 1.5 * 2e6  # until a round of forgetting is done, with what its log holds
    left = sorted(int(f.moment.text.split()[1]) for f in store.find(Query(limit=1000)).found)
    assert left == list(range(left[0], 1200)) and 100 < len(left) < 400
    assert store.counts.moments == len(left)
    store.close()
    assert sound(path) == len(left)


def test_a_store_forgets_by_itself(make: Callable[..., MemoryStore]) -> None:
    store = make(max_mb=1.0)
    for i in range(2000):
        store.add(pictured(i, 2000)).exception(30)
    settle(store, 2000)
    assert store.counts.forgotten > 500
    assert store.find(Query(limit=1)).found[0].moment == pictured(1999, 2000)

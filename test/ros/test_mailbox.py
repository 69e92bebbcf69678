"""The one-slot mailbox: newest first, nothing blocks, every item accounted for."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from smolvlm_ros.ros.mailbox import Mailbox


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def test_the_newest_replaces_the_waiting_one_and_is_counted() -> None:
    started, release, seen = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        seen.append(item)
        started.set()
        release.wait(5)

    box: Mailbox[int] = Mailbox("test", work, lambda e: None)
    box.put(1)
    assert started.wait(5)
    assert [box.put(i) for i in (2, 3, 4)] == [False, True, True]  # 2 waits, 3 and 4 replace
    release.set()
    wait_for(lambda: box.counts.done == 2)
    counts = box.counts
    assert seen == [1, 4]
    assert (counts.received, counts.done, counts.replaced, counts.failed) == (4, 2, 2, 0)
    assert box.close()


def test_several_may_wait_and_keep_their_order() -> None:
    started, release, seen = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        seen.append(item)
        started.set()
        release.wait(5)

    box: Mailbox[int] = Mailbox("test", work, lambda e: None, 2)
    box.put(1)
    assert started.wait(5)
    assert [box.put(i) for i in (2, 3, 4)] == [False, False, True]
    release.set()
    wait_for(lambda: box.counts.done == 3)
    assert (seen, box.counts.replaced) == ([1, 3, 4], 1)
    assert box.close()


def test_an_exception_is_reported_and_the_worker_goes_on() -> None:
    errors: list[Exception] = []
    done = threading.Event()

    def work(item: int) -> None:
        if item == 1:
            raise ValueError("bad item")
        done.set()

    box: Mailbox[int] = Mailbox("test", work, errors.append)
    box.put(1)
    wait_for(lambda: box.counts.failed == 1)
    box.put(2)
    assert done.wait(5)
    assert [str(e) for e in errors] == ["bad item"]
    assert box.close()


def test_closing_forgets_what_waits_and_ends_the_thread() -> None:
    started, release, seen = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        started.set()
        release.wait(5)
        seen.append(item)

    box: Mailbox[int] = Mailbox("test", work, lambda e: None)
    box.put(1)
    started.wait(5)
    box.put(2)
    threading.Timer(0.05, release.set).start()
    assert box.close()
    assert seen == [1]
    assert not box.put(3) and box.counts.received == 2  # closed: nothing is taken
    assert not any(t.name == "test" for t in threading.enumerate())


def test_close_from_the_worker_itself_does_not_deadlock() -> None:
    ended = threading.Event()

    def work(_: int) -> None:
        box.close()
        ended.set()

    box: Mailbox[int] = Mailbox("test", work, lambda e: None)
    box.put(1)
    assert ended.wait(5)


def test_it_tells_since_when_it_is_busy() -> None:
    started, release = threading.Event(), threading.Event()

    def work(_: int) -> None:
        started.set()
        release.wait(5)

    box: Mailbox[int] = Mailbox("test", work, lambda e: None)
    assert box.busy_since_s is None
    before_s = time.monotonic()
    box.put(1)
    assert started.wait(5)
    since_s = box.busy_since_s
    assert since_s is not None and before_s <= since_s <= time.monotonic()
    assert box.close(0.01) is False  # it is busy still
    release.set()
    assert box.close() and box.busy_since_s is None


def test_not_even_a_failing_error_report_ends_the_worker(
        capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()

    def work(item: int) -> None:
        if item == 1:
            raise ValueError("bad item")
        done.set()

    def report(_: Exception) -> None:
        raise RuntimeError("the log is full")

    box: Mailbox[int] = Mailbox("test", work, report)
    box.put(1)
    wait_for(lambda: "the log is full" in capsys.readouterr().err)
    box.put(2)
    assert done.wait(5)
    assert box.close()

"""The lock whose turns go by the order of coming."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest

from smolvlm_ros.qa import fair_lock
from smolvlm_ros.qa.fair_lock import FairLock


def waiting(lock: FairLock, work: Callable[[], None]) -> threading.Thread:
    """A thread that does this with the lock, and waits for it by now."""
    def run() -> None:
        with lock:
            work()

    before = lock.waiting
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while lock.waiting == before:
        time.sleep(0.001)
    return thread


def test_it_goes_by_the_order_of_coming() -> None:
    lock = FairLock()
    order: list[int | str] = []
    with lock:
        threads = [waiting(lock, partial(order.append, i)) for i in range(5)]
        assert lock.waiting == 5 and not order
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4] and not lock.waiting


def test_who_has_just_had_it_comes_after_those_who_wait() -> None:
    lock = FairLock()
    order: list[int | str] = []
    for _ in range(20):
        with lock:
            thread = waiting(lock, lambda: order.append("other"))
        with lock:
            order.append("same")
        thread.join()
    assert order == ["other", "same"] * 20


def test_an_error_inside_gives_it_back() -> None:
    lock = FairLock()
    for _ in range(2):
        try:
            with lock:
                raise ValueError
        except ValueError:
            continue
    with lock:
        pass


def test_one_at_a_time() -> None:
    lock, inside, most = FairLock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            with lock:
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.parametrize("late", [False, True])
def test_who_is_interrupted_while_it_waits_keeps_nobody_out(
        late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FairLock()

    class Turn:
        """Interrupted in the wait for it; when late, just after it came."""

        taken = False

        def acquire(self) -> None:
            if not self.taken:
                self.taken = True
                return
            if late:
                lock.__exit__()
            raise KeyboardInterrupt

        def release(self) -> None:
            pass

    lock.__enter__()
    monkeypatch.setattr(fair_lock, "threading", SimpleNamespace(Lock=Turn))
    with pytest.raises(KeyboardInterrupt):
        lock.__enter__()
    if not late:
        lock.__exit__()
    with lock:  # else this would wait, and be interrupted
        assert not lock.waiting

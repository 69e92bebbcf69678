"""A bounded number of clients that wait, and an end in which they leave."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from smolvlm_ros.qa.scheduler import Refused
from smolvlm_ros.ros import waiters as module
from smolvlm_ros.ros.waiters import Waiters


def test_as_many_as_are_allowed_wait_and_the_next_is_refused() -> None:
    waiters = Waiters(2)
    with waiters.admitted(), waiters.admitted():
        with pytest.raises(Refused, match="2 clients wait already"), waiters.admitted():
            pass
        assert not waiters.wait_empty(0.0)
    with waiters.admitted():  # places are free again, also after an error
        pass
    with pytest.raises(KeyError), waiters.admitted():
        raise KeyError
    assert waiters.wait_empty(0.0)


def test_the_end_is_waited_for() -> None:
    waiters, leave, inside = Waiters(1), threading.Event(), threading.Event()

    def wait() -> None:
        with waiters.admitted():
            inside.set()
            leave.wait(10)
    thread = threading.Thread(target=wait)
    thread.start()
    inside.wait(10)
    assert not waiters.wait_empty(0.01)
    leave.set()
    assert waiters.wait_empty(10.0)
    thread.join()


class Service:
    """What rclpy's service is to its executor."""

    def __init__(self) -> None:
        self.sending, self.go = threading.Event(), threading.Event()

    def callback(self, request: str, response: str) -> str:
        if request == "broken":
            raise KeyError
        return response + request

    def send_response(self, response: str, header: str) -> None:
        self.sending.set()
        assert self.go.wait(10)
        if header == "nobody":
            raise RuntimeError

    def execute(self, request: str, header: str = "client") -> None:
        self.send_response(self.callback(request, ""), header)


def test_an_answer_is_waited_for_until_it_has_been_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_S", 0.0)
    service, waiters = Service(), Waiters(1)
    waiters.until_sent(service)
    assert waiters.wait_empty(0.0)
    thread = threading.Thread(target=service.execute, args=("Is it open?",))
    thread.start()
    assert service.sending.wait(10)
    assert not waiters.wait_empty(0.01)
    service.go.set()
    assert waiters.wait_empty(10.0)
    thread.join()
    for request, header, error in (("broken", "", KeyError), ("", "nobody", RuntimeError)):
        with pytest.raises(error):
            service.execute(request, header)
        assert waiters.wait_empty(0.0)


def test_whoever_has_just_left_gets_the_answer_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_S", 0.2)
    waiters = Waiters(1)
    with waiters.admitted():
        pass
    left_s = time.monotonic()
    assert waiters.wait_empty(0.0)
    assert time.monotonic() - left_s > 0.1
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    assert waiters.wait_empty(0.0) and Waiters(1).wait_empty(0.0)
    assert sum(slept) < 0.1


def resting(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[int], None]) -> list[float]:
    """The seconds of each rest, as they come, by a clock that only rests move; `meanwhile` is
    called in the middle of each, with their number."""
    rests: list[float] = []
    now = [100.0]

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        now[0] += seconds / 2
        meanwhile(len(rests))
        now[0] += seconds / 2
    monkeypatch.setattr(module, "_ANSWER_S", 0.5)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    return rests


def asked_elsewhere(service: Service) -> None:
    thread = threading.Thread(target=service.execute, args=("Is it open?",), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "who asks is kept waiting for the end"


def test_who_asks_while_the_last_answer_is_taken_is_answered_and_waited_for(
        monkeypatch: pytest.MonkeyPatch) -> None:
    service, waiters = Service(), Waiters(1)
    service.go.set()
    waiters.until_sent(service)
    rests = resting(monkeypatch, lambda n: asked_elsewhere(service) if n == 1 else None)
    service.execute("Is it on?")
    assert waiters.wait_empty(5.0)
    assert rests == [0.5, 0.25]  # who came in the middle gets as much time
    assert waiters.wait_empty(5.0) and len(rests) == 2


def test_who_asks_without_a_pause_does_not_keep_the_service_from_its_end(
        monkeypatch: pytest.MonkeyPatch) -> None:
    service, waiters = Service(), Waiters(1)
    service.go.set()
    waiters.until_sent(service)
    rests = resting(monkeypatch, lambda n: asked_elsewhere(service))
    service.execute("Is it on?")
    assert waiters.wait_empty(5.0) and len(rests) == 2

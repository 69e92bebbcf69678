"""A detector beside a callback: one frame at a time, answers fetched later, failures told."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="needs the message types of ROS 2")

from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.detection import DetectorConfig, DetectorInfo  # noqa: E402
from smolvlm_ros.detection.detections import Detections  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.mailbox import Mailbox  # noqa: E402
from smolvlm_ros.ros.side_detector import SideDetector  # noqa: E402
from smolvlm_ros.ros.stats import Stats  # noqa: E402

FRAME = images.from_rgb(np.zeros((16, 16, 3), np.uint8), Header(frame_id="front"))


class Slow:
    """Says what it is told to say, frame by frame, when it is told: an answer, or an error."""

    info = DetectorInfo()

    def __init__(self) -> None:
        self.config: Any = None
        self.looks = 0
        self.answers: list[Detections | Exception] = []
        self._changed = threading.Condition()

    def say(self, answer: Detections | Exception) -> None:
        with self._changed:
            self.answers.append(answer)
            self._changed.notify_all()

    def detect(self, image_rgb: np.ndarray) -> Detections:
        with self._changed:
            self.looks += 1
            assert self._changed.wait_for(lambda: self.answers, 10.0)
            answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Node:
    """What a SideDetector wants of a node."""

    def __init__(self) -> None:
        self.stats = Stats()
        self.endpoints = self
        self.reported: list[str] = []
        self.workers: list[Mailbox[Any]] = []

    def own_worker(self, name: str, worker: Mailbox[Any], limit_s: Callable[[], float]) -> None:
        self.workers.append(worker)

    def report(self, name: str, error: Exception) -> None:
        self.reported.append(str(error))


@pytest.fixture(name="parts")
def _parts() -> Iterator[tuple[SideDetector, Slow, Node]]:
    node, detector = Node(), Slow()
    yield SideDetector(node, "beside", detector, DetectorConfig), detector, node
    for _ in range(3):
        detector.say(Detections())
    assert all(worker.close() for worker in node.workers)


def wait_for(condition: Callable[[], Any]) -> Any:
    end_s = time.monotonic() + 10
    while not (value := condition()):
        assert time.monotonic() < end_s
        time.sleep(0.001)
    return value


def found(name: str) -> Detections:
    return Detections(np.array([[1, 1, 5, 5]]), np.array([0.9]), (name,))


def test_it_looks_at_one_frame_at_a_time_and_its_answer_is_fetched_once(parts: Any) -> None:
    beside, detector, _ = parts
    assert beside.ask(FRAME, 1.0) and not beside.ask(FRAME, 2.0)
    assert beside.answer() is None
    detector.say(found("person"))
    seen = wait_for(beside.answer)
    assert (seen.stamp_s, seen.found.class_names) == (1.0, ("person",))
    assert beside.answer() is None and beside.ask(FRAME, 3.0)


def test_a_frame_that_it_fails_at_is_reported_and_the_next_may_come(parts: Any) -> None:
    beside, detector, node = parts
    beside.ask(FRAME, 1.0)
    detector.say(RuntimeError("the model has died"))
    wait_for(lambda: node.reported == ["the model has died"])
    assert beside.answer() is None and beside.ask(FRAME, 2.0)


def test_what_was_forgotten_neither_answers_nor_ends_the_look_at_a_newer_frame(parts: Any) -> None:
    beside, detector, node = parts
    beside.ask(FRAME, 1.0)
    wait_for(lambda: detector.looks == 1)
    beside.forget()
    assert beside.ask(FRAME, 2.0)   # waits for the worker
    detector.say(RuntimeError("late"))
    wait_for(lambda: node.reported and detector.looks == 2)
    assert not beside.ask(FRAME, 3.0)
    detector.say(found("dog"))
    assert wait_for(beside.answer).stamp_s == 2.0

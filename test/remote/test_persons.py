"""Whose heads are covered in a picture: told, told of the frames beside it, or not known."""
from __future__ import annotations

import threading

import numpy as np
import pytest

from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.qa.video import VideoConfig, VideoRing
from smolvlm_ros.remote.persons import Persons, PersonsUnknown

ONE, TWO, THREE = (1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0), (9.0, 9.0, 10.0, 10.0)


def running() -> Persons:
    """With a detector that tells."""
    return Persons(teller=lambda: True)


def test_not_told_is_not_nobody_there() -> None:
    persons = running()
    with pytest.raises(PersonsUnknown, match=r"frame at 10\.000 s.*privacy\.boxes_wait_s"):
        persons.at(10.0, 0.01)
    assert not persons.settled(10.0) and persons.withheld == 1
    persons.tell(10.0, [])
    assert persons.at(10.0) == () and persons.settled(10.0)
    assert (persons.withheld, persons.without_own) == (1, 1)


def test_where_nobody_tells_nothing_is_waited_for() -> None:
    persons = Persons(teller=lambda: False)
    assert persons.settled(10.0) and persons.at(10.0, 60.0) == ()
    persons.add(10.0, [ONE])  # of those that fusion could place
    assert persons.at(10.0) == (ONE,)
    assert (persons.withheld, persons.without_own) == (0, 2)


def test_boxes_that_come_late_are_waited_for() -> None:
    persons = running()
    got: list[tuple[object, ...]] = []
    waiting = threading.Thread(target=lambda: got.append(persons.at(10.0, 60.0)), daemon=True)
    waiting.start()
    persons.add(10.0, [ONE])  # not all: it goes on waiting
    persons.tell(9.9, [THREE])
    assert not persons.settled(10.0)
    persons.tell(10.0, [ONE, TWO])
    waiting.join(30)
    assert got == [(ONE, TWO)]
    with pytest.raises(PersonsUnknown):
        persons.at(20.0, 60.0, should_stop=lambda: True)


def test_a_frame_that_the_detector_left_out_is_covered_as_its_neighbours_are() -> None:
    persons = running()
    persons.tell(8.0, [THREE])
    persons.tell(9.5, [ONE])
    persons.tell(10.5, [TWO])
    assert persons.settled(10.0) and persons.at(10.0, 60.0) == (ONE, TWO)
    persons.tell(20.0, [THREE])
    with pytest.raises(PersonsUnknown):  # the nearest are too far off
        persons.at(15.0, 60.0)
    persons.forget()  # the clock was set back
    assert not persons.settled(10.0)
    persons.tell(20.1, [THREE])  # it was under way then
    persons.tell(1.0, [ONE])
    assert not persons.settled(2.0)  # the boxes are to come


def test_boxes_shrink_with_a_frame_that_was_kept_smaller() -> None:
    ring = VideoRing(VideoConfig(max_edge_px=64))
    ring.add(Frame(np.zeros((96, 128, 3), np.uint8), 10.0))
    small, = ring.choose(0.0, 2)
    assert small.image_rgb.shape == (48, 64, 3) and small.scale == 0.5
    persons = running()
    persons.tell(10.0, [(20.0, 10.0, 40.0, 90.0)])
    assert persons.shown_in(small) == ((10.0, 5.0, 20.0, 45.0),)

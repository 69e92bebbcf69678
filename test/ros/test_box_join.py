"""Frames and the boxes of what is in them: late, early, and never."""
from __future__ import annotations

from smolvlm_ros.ros.box_join import BoxJoin, Joined

A, B = ((0.0, 1.0, 2.0, 3.0),), ((4.0, 5.0, 6.0, 7.0),)
MS = 1_000_000


def own(frame: str, boxes: tuple = ()) -> Joined[str]:
    return Joined(frame, boxes, own=True)


def alone(frame: str, boxes: tuple = ()) -> Joined[str]:
    return Joined(frame, boxes, own=False)


def test_in_either_order_and_no_boxes_are_an_answer_too() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    assert join.frame(7, "late boxes", 0.0) == [] and len(join) == 1
    assert join.boxes(7, A) == [own("late boxes", A)] and len(join) == 0
    assert join.boxes(8, ()) == []
    assert join.frame(8, "early boxes", 0.0) == [own("early boxes")]
    assert join.overdue(99.0, 0.0) == []


def test_one_that_the_detector_left_out_takes_the_boxes_before_and_after_it() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    for at_ms in (0, 100, 200):
        join.frame(at_ms * MS, f"{at_ms}", 0.0)
    assert join.boxes(0, A) == [own("0", A)]
    assert join.boxes(200 * MS, B) == [alone("100", A + B), own("200", B)]


def test_boxes_of_another_second_are_not_taken() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    join.boxes(0, A)
    join.frame(0, "first", 0.0)
    join.frame(1200 * MS, "near the next", 0.0)
    join.frame(2000 * MS, "next", 0.0)
    assert join.boxes(2000 * MS, B) == [alone("near the next", B), own("next", B)]


def test_a_frame_waits_for_so_long() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    join.frame(1, "first", 1.0)
    join.frame(2, "second", 1.4)
    assert join.overdue(1.5, 0.5) == []
    assert join.overdue(1.6, 0.5) == [alone("first")]
    assert join.boxes(2, A) == [own("second", A)]  # the other one waits on


def test_no_more_wait_than_there_is_room_for() -> None:
    join: BoxJoin[str] = BoxJoin(2)
    out = [join.frame(stamp, f"{stamp}", 0.0) for stamp in range(4)]
    assert out == [[], [], [alone("0")], [alone("1")]] and len(join) == 2


def test_the_same_stamp_again_loses_no_frame() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    join.frame(5, "before", 0.0)
    assert join.frame(5, "again", 0.0) == [alone("before")]
    assert join.boxes(5, A) == [own("again", A)]


def test_a_clock_that_is_set_back_makes_known_boxes_those_of_other_frames() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    join.frame(3000 * MS, "old", 0.0)
    join.boxes(3000 * MS, A)
    join.boxes(1100 * MS, A)  # of a frame that never came
    assert join.frame(1000 * MS, "new", 0.0) == []
    assert join.frame(1100 * MS, "newer", 0.0) == []
    assert join.boxes(1100 * MS, B) == [alone("new", B), own("newer", B)]


def test_boxes_whose_frames_never_come_are_forgotten() -> None:
    join: BoxJoin[str] = BoxJoin(10)
    for stamp in range(100):
        join.boxes(stamp, A)
    assert join.frame(0, "first", 0.0) == [] and join.frame(99, "last", 0.0)[-1] == own("last", A)

"""Frames and the gate's regions of them, in either order."""
from __future__ import annotations

from smolvlm_ros.ros.regions import RegionJoin

BOX = [(0.0, 1.0, 2.0, 3.0)]


def test_regions_first() -> None:
    join: RegionJoin[str] = RegionJoin(0.5)
    assert join.regions(7, BOX) is None
    assert join.frame(7, "frame", 0.0) == BOX
    assert join.give_up() is None  # nothing waits


def test_no_regions_is_an_answer_too() -> None:
    join: RegionJoin[str] = RegionJoin(0.5)
    join.regions(7, [])
    assert join.frame(7, "frame", 0.0) == []


def test_the_frame_first() -> None:
    join: RegionJoin[str] = RegionJoin(0.5)
    assert join.frame(7, "frame", 0.0) is None
    assert join.regions(6, BOX) is None  # of another frame
    assert join.regions(7, BOX) == "frame"
    assert join.overdue(9.0) is None


def test_a_frame_waits_for_so_long() -> None:
    join: RegionJoin[str] = RegionJoin(0.5)
    join.frame(7, "frame", 1.0)
    assert join.overdue(1.5) is None
    assert join.overdue(1.6) == "frame" and join.overdue(1.7) is None


def test_old_regions_are_forgotten() -> None:
    join: RegionJoin[str] = RegionJoin(0.5)
    for stamp in range(100):
        join.regions(stamp, BOX)
    assert join.frame(0, "frame", 0.0) is None and join.frame(99, "frame", 0.0) == BOX

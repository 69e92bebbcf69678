"""ZoneMonitor when frames, zones or the time are not what they were."""
from __future__ import annotations

import math

import pytest
from zone_walks import DOOR, NOBODY, at, at_once, told

from smolvlm_ros.fusion.shapes import Cylinder
from smolvlm_ros.fusion.zone_monitor import ZoneMonitor


def test_a_zone_without_its_frame_is_blind_and_keeps_its_state() -> None:
    other = at_once("pole", "odom", Cylinder((1.0, 1.0), 1.0), dwell_s=1.0)
    monitor = ZoneMonitor([DOOR, other])
    monitor.update({"map": at(1.0), "odom": at(1.0)}, 0.0)
    assert monitor.blind == ()
    assert monitor.update({"map": at(1.0)}, 2.0) == ()        # no dwell without evidence
    assert monitor.blind == ("pole",)
    assert monitor.tick(2.5) == ()
    events = monitor.update({"map": at(1.0), "odom": at(1.0)}, 2.8)
    assert (told(events), monitor.blind) == ([("dwell", 2.8, 2.8)], ())


def test_configure_keeps_unchanged_zones_and_ends_the_others() -> None:
    changed = at_once("pole", "map", Cylinder((1.0, 1.0), 1.0))
    monitor = ZoneMonitor([DOOR, changed])
    monitor.update({"map": at(1.0)}, 0.0)
    (leave,) = monitor.configure([DOOR, at_once("pole", "map", Cylinder((1.0, 1.0), 1.5))])
    assert (leave.kind, leave.zone, leave.reason) == ("leave", changed, "zone changed")
    # The one that stayed goes on counting; the new one begins.
    assert told(monitor.update({"map": at(1.0)}, 3.0)) == [("enter", 3, 0), ("dwell", 3, 3)]
    assert [e.zone.name for e in monitor.configure([])] == ["door", "pole"]
    assert monitor.zones == ()


def test_configure_forgets_blindness_of_removed_zones() -> None:
    monitor = ZoneMonitor([DOOR])
    monitor.update({}, 0.0)
    assert monitor.blind == ("door",)
    monitor.configure([])
    assert monitor.blind == ()


def test_two_zones_of_one_name_change_nothing() -> None:
    monitor = ZoneMonitor([DOOR])
    with pytest.raises(ValueError, match="two zones are named 'pole'"):
        monitor.configure([at_once("pole", "map", Cylinder((1, 1), r)) for r in (1.0, 2.0)])
    assert monitor.zones == (DOOR,)


@pytest.mark.parametrize("by_tick", [False, True])
def test_time_back_ends_every_stay(by_tick: bool) -> None:
    monitor = ZoneMonitor([DOOR])
    monitor.update({"map": at(1.0)}, 100.0)
    monitor.update({"map": at(1.0)}, 102.0)
    events = monitor.tick(5.0) if by_tick else monitor.update({"map": at(1.0)}, 5.0)
    assert told(events)[0] == ("leave", 102, 2)
    assert events[0].reason == "time went back"
    assert [e.kind for e in events[1:]] == ([] if by_tick else ["enter"])
    assert monitor.resets == 1


def test_late_frames_and_ticks_are_left_out() -> None:
    monitor = ZoneMonitor([DOOR])
    monitor.update({"map": at(1.0)}, 10.0)
    assert monitor.update({"map": at(9.0)}, 9.5) == ()
    assert monitor.tick(9.9) == ()
    assert (monitor.late, monitor.resets, monitor.occupants("door")) == (2, 0, (1,))


@pytest.mark.parametrize("ahead_s", [0.5, 5.0])   # within `reorder_s` and beyond it
def test_a_frame_that_ticks_have_overtaken_is_looked_at_and_no_new_time(ahead_s: float) -> None:
    # The gate's word that it has let a frame pass can be lost; those on dropped ones go on coming.
    monitor = ZoneMonitor([at_once("door", "map", DOOR.shape, leave_after_s=1.0)])
    monitor.update({"map": at(1.0)}, 10.0)
    monitor.tick(11.0 + ahead_s)
    assert told(monitor.update({"map": at(5.0)}, 11.0)) == [("leave", 11.0, 1.0)]
    assert told(monitor.update({"map": at(1.0)}, 11.2)) == [("enter", 11.2, 0.0)]
    assert (monitor.late, monitor.resets) == (0, 0)
    # Frames among themselves are late and go back as before.
    assert monitor.update({"map": at(5.0)}, 11.1) == ()
    assert told(monitor.update({"map": NOBODY}, 3.0)) == [("leave", 11.0 + ahead_s, ahead_s - 0.2)]
    assert (monitor.late, monitor.resets) == (1, 1)


@pytest.mark.parametrize("stamp", [math.nan, -math.inf])
def test_stamp_must_be_finite(stamp: float) -> None:
    for call in (lambda: ZoneMonitor().update({}, stamp), lambda: ZoneMonitor().tick(stamp)):
        with pytest.raises(ValueError, match="finite"):
            call()

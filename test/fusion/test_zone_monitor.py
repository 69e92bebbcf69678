"""ZoneMonitor: enter, dwell and leave once each, with the same times at any frame rate."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from zone_walks import DOOR, NOBODY, SURE, at, at_once, told, visit, walk

from smolvlm_ros.fusion.shapes import Cylinder
from smolvlm_ros.fusion.sightings import Sightings
from smolvlm_ros.fusion.zone_monitor import ZoneMonitor


def vanish(t: float) -> float | None:
    """In at 2 s, unseen from 9 s on (it walked behind something)."""
    return None if t >= 9 else min(-1 + t / 2, 1.0)


def blink(t: float) -> float | None:
    """Like `visit`, but not detected in between for 0.6 s, several times."""
    return None if 4 <= t < 4.6 or 5 <= t < 5.6 else visit(t)


@pytest.mark.parametrize("drop_half", [False, True])
@pytest.mark.parametrize("rate_hz", [5, 10, 30])
@pytest.mark.parametrize(("story", "leave_s", "stay_s"), [
    (visit, 9.9, 7.9),     # its edge, 0.25 m from its centre, is 0.2 m (the hysteresis) out
    (vanish, 10.0, 7.0),   # gone for leave_after_s; the stay ended when it was not seen any more
    (blink, 9.9, 7.9),     # shorter than leave_after_s
])
def test_same_at_every_frame_rate(story: object, leave_s: float, stay_s: float, rate_hz: int,
                                  drop_half: bool) -> None:
    frame = 1 / rate_hz
    stamps = [k * frame for k in range(15 * rate_hz)]
    if drop_half:
        stamps = [t for t in stamps if np.random.default_rng(int(t * 1000)).random() < 0.5]
        frame = max(b - a for a, b in zip(stamps, stamps[1:], strict=False))
    events = walk(ZoneMonitor([DOOR]), stamps, story)
    assert [e.kind for e in events] == ["enter", "dwell", "leave"]
    enter, dwell, leave = events
    assert enter.stamp_s == pytest.approx(2.0, abs=frame + 1e-6)
    assert dwell.stamp_s == pytest.approx(5.0, abs=2 * frame + (0.6 if story is blink else 1e-6))
    assert dwell.dwell_s >= 3.0
    assert leave.stamp_s == pytest.approx(leave_s, abs=2 * frame)
    assert leave.dwell_s == pytest.approx(stay_s, abs=frame + 1e-6)


@pytest.mark.parametrize("rate_hz", [5, 10, 30])
def test_a_stay_counts_from_its_first_sighting_whenever_it_is_sure(rate_hz: int) -> None:
    events = walk(ZoneMonitor([SURE]), [k / rate_hz for k in range(15 * rate_hz)], visit)
    assert [e.kind for e in events] == ["enter", "dwell", "leave"]
    enter, dwell, leave = events
    assert enter.stamp_s == pytest.approx(2.0 + 1 / rate_hz, abs=1e-6)
    assert enter.entered_s == pytest.approx(2.0, abs=1e-6)
    assert dwell.stamp_s == pytest.approx(5.0, abs=1 / rate_hz + 1e-6)
    assert leave.dwell_s == pytest.approx(7.9, abs=1 / rate_hz + 1e-6)


def test_one_false_box_tells_nothing() -> None:
    monitor = ZoneMonitor([SURE])
    assert monitor.update({"map": at(1.0)}, 0.0) == ()
    assert monitor.occupants("door") == ()
    for k in range(1, 20):   # frames that do not show it, and none: it was never there
        assert monitor.update({"map": NOBODY}, 0.2 * k) == ()
        assert monitor.tick(0.2 * k + 0.1) == ()
    # The next one counts anew; neither is its end told.
    assert monitor.update({"map": at(1.0)}, 5.0) == ()
    assert monitor.update({"map": at(5.0)}, 5.2) == ()
    assert monitor.update({"map": at(1.0)}, 5.4) == ()
    assert told(monitor.update({"map": at(1.0)}, 5.6)) == [("enter", 5.6, 0.2)]
    assert monitor.occupants("door") == (1,)


def test_one_sighting_is_told_when_the_gate_says_that_nothing_changes() -> None:
    monitor = ZoneMonitor([SURE])
    assert monitor.update({"map": at(1.0)}, 10.0) == ()
    assert monitor.tick(10.9) == ()
    assert told(monitor.tick(11.0)) == [("enter", 11.0, 1.0)]
    assert told(monitor.tick(13.0)) == [("dwell", 13.0, 3.0)]


def test_while_something_moves_an_entry_that_is_not_sure_and_a_dwell_wait_for_a_frame() -> None:
    monitor = ZoneMonitor([SURE])
    monitor.update({"map": at(1.0)}, 0.0)
    assert not monitor.waits(0.4) and monitor.waits(0.5)
    assert monitor.tick(1.0, moved=True) == () and monitor.waits(1.0)
    assert told(monitor.update({"map": at(1.0)}, 1.2)) == [("enter", 1.2, 1.2)]
    assert not monitor.waits(2.9)
    assert monitor.tick(3.5, moved=True) == () and monitor.waits(3.5)
    # The frame shows that it has walked through: no dwell, and nothing is waited for.
    assert told(monitor.update({"map": at(5.0)}, 4.0)) == [("leave", 4.0, 4.0)]
    assert not monitor.waits(9.0)
    # Another, seen inside once, is outside before any frame shows it again: never told.
    monitor.update({"map": at(1.0, track=2)}, 10.0)
    assert monitor.tick(11.5, moved=True) == ()
    assert monitor.update({"map": at(5.0, track=2)}, 12.0) == ()
    assert monitor.tick(20.0) == ()


@pytest.mark.parametrize("back", [True, False])
def test_who_is_missed_once_while_something_moves_leaves_when_a_frame_shows_it(back: bool) -> None:
    monitor = ZoneMonitor([DOOR])
    monitor.update({"map": at(1.0)}, 0.0)
    monitor.update({"map": NOBODY}, 0.5)       # hidden by who walks past, it may be
    assert not monitor.waits(1.4)
    assert monitor.tick(1.5, moved=True) == () and monitor.waits(1.5)
    events = monitor.update({"map": at(1.0) if back else NOBODY}, 1.7)
    assert told(events) == ([] if back else [("leave", 1.7, 0.5)])


def test_a_zone_that_is_blind_waits_for_no_frame() -> None:
    monitor = ZoneMonitor([SURE])
    monitor.update({"map": at(1.0)}, 0.0)
    monitor.update({}, 0.5)
    assert not monitor.waits(9.0)


@pytest.mark.parametrize(("x", "hits", "enters"), [
    (0.3, 3, True),     # seen twice before it came in, and well inside
    (0.1, 3, False),    # known, but not further inside than positions are exact: once more
    (0.3, 2, False),    # seen once before: not enough
])
def test_a_known_track_enters_at_once(x: float, hits: int, enters: bool) -> None:
    monitor = ZoneMonitor([SURE])
    assert bool(monitor.update({"map": at(x, hits=hits)}, 1.0)) == enters
    assert bool(monitor.update({"map": at(x, hits=hits + 1)}, 1.2)) != enters


def test_an_entry_that_is_not_sure_ends_without_a_word() -> None:
    monitor = ZoneMonitor([SURE])
    monitor.update({"map": at(1.0)}, 100.0)
    assert monitor.tick(5.0) == ()                 # time goes back
    monitor.update({"map": at(1.0)}, 6.0)
    assert monitor.configure([]) == ()             # its zone is gone
    monitor.configure([SURE])
    monitor.update({}, 7.0)
    assert monitor.blind == ("door",)
    monitor.update({"map": at(1.0)}, 8.0)
    monitor.update({}, 8.5)
    assert monitor.tick(20.0) == ()                # a blind zone is not sure of anything


def test_an_entry_that_is_not_sure_ends_as_soon_as_it_is_seen_outside() -> None:
    monitor = ZoneMonitor([SURE])
    monitor.update({"map": at(1.95, radius=2.2)}, 0.0)    # a car: its edge would keep it inside
    monitor.update({"map": at(2.3, radius=2.2)}, 0.5)
    assert monitor.tick(9.0) == ()
    monitor.update({"map": at(1.95, radius=2.2)}, 10.0)   # and this is its first sighting again
    (enter,) = monitor.tick(11.0)
    assert enter.entered_s == 10.0


def test_fields_of_a_transition() -> None:
    monitor = ZoneMonitor([DOOR])
    (enter,) = monitor.update({"map": at(1.0)}, 10.0)
    assert (enter.kind, enter.zone, enter.track_id) == ("enter", DOOR, 1)
    assert enter.class_name == "person"
    assert (enter.entered_s, enter.dwell_s, enter.reason) == (10.0, 0.0, "")
    (leave,) = monitor.update({"map": at(5.0)}, 11.0)
    assert (leave.entered_s, leave.dwell_s, leave.reason) == (10.0, 1.0, "outside")
    assert leave.position == pytest.approx([5.0, 1.0, 1.0])


def test_leaving_resets_dwell() -> None:
    story = [(0, 1), (2, 1), (2.5, 5), (3, 1), (5.5, 1), (6, 1)]
    events = walk(ZoneMonitor([DOOR]), [t for t, _ in story], dict(story).get)
    assert told(events) == [("enter", 0, 0), ("leave", 2.5, 2.5), ("enter", 3, 0), ("dwell", 6, 3)]


def test_dwell_is_told_once() -> None:
    events = walk(ZoneMonitor([DOOR]), range(0, 100), lambda t: 1.0)
    assert told(events) == [("enter", 0, 0), ("dwell", 3, 3)]


# x of each second; inside is 0 to 2, and -0.45 to 2.45 for what is inside already and 0.5 m wide
@pytest.mark.parametrize(("path", "kinds"), [
    ([-0.1, -0.1], []),                              # in the margin, never inside
    ([0.0], ["enter"]),                              # on the edge is inside
    ([0.1, -0.1, 0.1, -0.44], ["enter"]),            # a noisy position on the edge
    ([0.1, -0.46, -0.1, 0.1], ["enter", "leave", "enter"]),
])
def test_hysteresis(path: list[float], kinds: list[str]) -> None:
    zone = at_once("door", "map", DOOR.shape, hysteresis_m=0.2)
    events = walk(ZoneMonitor([zone]), range(len(path)), lambda t: path[t])
    assert [e.kind for e in events] == kinds


def test_standing_still_while_the_gate_is_closed() -> None:
    # The gate passes nothing because nothing changes: the person is still there, and dwells.
    monitor = ZoneMonitor([DOOR])
    monitor.update({"map": at(1.0)}, 0.0)
    assert monitor.tick(2.9) == ()
    assert told(monitor.tick(3.1)) == [("dwell", 3.1, 3.1)]
    assert monitor.tick(9.0) == ()
    assert monitor.update({"map": at(1.0)}, 10.0) == ()   # the heartbeat's frame
    assert monitor.occupants("door") == (1,)


def test_one_miss_after_a_gap_is_no_leave() -> None:
    monitor = ZoneMonitor([DOOR])
    monitor.update({"map": at(1.0)}, 0.0)
    assert monitor.update({"map": NOBODY}, 8.0) == ()     # the detector misses it once
    assert told(monitor.update({"map": at(1.0)}, 8.2)) == [("dwell", 8.2, 8.2)]


def test_gone_before_the_gate_closes() -> None:
    # The last frame does not show it, then none follows: time alone tells.
    monitor = ZoneMonitor([DOOR])
    monitor.update({"map": at(1.0)}, 0.0)
    monitor.update({"map": NOBODY}, 0.5)
    assert monitor.tick(1.4) == ()
    assert told(monitor.tick(1.5)) == [("leave", 1.5, 0.5)]
    assert monitor.occupants("door") == ()


def test_leave_after_zero() -> None:
    zone = at_once("door", "map", DOOR.shape, leave_after_s=0.0)
    events = walk(ZoneMonitor([zone]), [0, 1], {0: 1.0}.get)
    assert told(events) == [("enter", 0, 0), ("leave", 1, 1)]
    assert events[-1].reason == "not seen"


def test_what_has_no_position_in_a_frame_has_not_left() -> None:
    monitor = ZoneMonitor([DOOR])
    hidden = replace(NOBODY, unplaced=frozenset({1}))
    assert told(monitor.update({"map": at(1.0)}, 0.0)) == [("enter", 0, 0)]
    monitor.update({"map": NOBODY}, 0.5)                     # missed once,
    for stamp in (1.0, 2.0, 2.9):                            # then seen without a depth
        assert monitor.update({"map": hidden}, stamp) == ()
    assert told(monitor.update({"map": hidden}, 3.0)) == [("dwell", 3, 3)]
    monitor.update({"map": NOBODY}, 4.0)
    assert told(monitor.tick(5.0)) == [("leave", 5, 4)]


def test_seen_outside_after_missing() -> None:
    # It went at an unknown time; the stay ends with the first frame that did not show it.
    events = walk(ZoneMonitor([DOOR]), [0, 1, 1.9], {0: 1.0, 1.9: 7.0}.get)
    assert told(events) == [("enter", 0, 0), ("leave", 1.9, 1.0)]


def test_classes() -> None:
    zone = at_once("door", "map", DOOR.shape, classes=("person", "dog"))
    monitor = ZoneMonitor([zone])
    assert monitor.update({"map": at(1.0, name="cat")}, 0.0) == ()
    assert told(monitor.update({"map": at(1.0, name="dog")}, 0.5)) == [("enter", 0.5, 0)]
    # The track turns out to be something else: not watched any more.
    assert monitor.update({"map": at(1.0, name="cat")}, 1.0) == ()
    assert told(monitor.update({"map": at(1.0, name="cat")}, 2.0)) == [("leave", 2, 0.5)]


def test_keep_out_counts_the_objects_edge() -> None:
    keep_out = at_once("pit", "map", DOOR.shape, keep_out=True)
    monitor = ZoneMonitor([keep_out, DOOR])
    events = monitor.update({"map": at(-0.2, radius=0.25)}, 0.0)
    assert [e.zone.name for e in events] == ["pit"]


def test_two_tracks_and_two_zones() -> None:
    other = at_once("pole", "base_link", Cylinder((5.0, 1.0), 1.0))
    monitor = ZoneMonitor([DOOR, other])
    assert monitor.frames == ("map", "base_link")
    both = Sightings([7, 8], ["person", "dog"], np.array([[1.0, 1, 1], [5, 1, 1]]), np.zeros(2))
    events = monitor.update({"map": both, "base_link": both}, 0.0)
    assert [(e.zone.name, e.track_id, e.class_name) for e in events] == [
        ("door", 7, "person"), ("pole", 8, "dog")]
    assert (monitor.occupants("door"), monitor.occupants("pole")) == ((7,), (8,))
    assert monitor.occupants("nowhere") == ()

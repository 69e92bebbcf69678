"""ZoneMonitor: enter, dwell and leave once each, with the same times at any frame rate."""
from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from smolvlm_ros.fusion.depth_result import ObjectDepth
from smolvlm_ros.fusion.fuse import Object3D
from smolvlm_ros.fusion.shapes import Cylinder, Prism, Sector
from smolvlm_ros.fusion.sightings import Sightings
from smolvlm_ros.fusion.tracks import Tracker3D
from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.fusion.zone_monitor import ZoneMonitor, ZoneTransition
from smolvlm_ros.fusion.zones import Zone


def at_once(*arguments: object, **others: object) -> Zone:
    """A zone that one sighting is enough for."""
    return Zone(*arguments, enter_hits=1, **others)  # type: ignore[arg-type]


DOOR = at_once("door", "map", Prism(((0, 0), (2, 0), (2, 2), (0, 2))), dwell_s=3.0,
               leave_after_s=1.0, hysteresis_m=0.2)
SURE = replace(DOOR, enter_hits=2, enter_after_s=1.0)
NOBODY = Sightings([], [], np.zeros((0, 3)), np.zeros(0))


def at(x: float, track: int = 1, name: str = "person", radius: float = 0.25,
       hits: int = 1) -> Sightings:
    return Sightings([track], [name], np.array([[x, 1.0, 1.0]]), np.array([radius]),
                     np.array([hits]))


def told(events: Iterable[ZoneTransition]) -> list[tuple[str, float, float]]:
    return [(e.kind, round(e.stamp_s, 3), round(e.dwell_s, 3)) for e in events]


def walk(monitor: ZoneMonitor, stamps: Iterable[float], place: object) -> list[ZoneTransition]:
    """Frames at those stamps; `place(t)` is the x of track 1, None where it is not seen."""
    events: list[ZoneTransition] = []
    for t in stamps:
        x = place(t)  # type: ignore[operator]
        events += monitor.update({"map": NOBODY if x is None else at(x)}, t)
    return events


def visit(t: float) -> float:
    """In at 2 s, stands, out at 9 s."""
    return -1 + t / 2 if t < 4 else 1.0 if t < 7 else 1 + (t - 7) / 2


def vanish(t: float) -> float | None:
    """In at 2 s, unseen from 9 s on (it walked behind something)."""
    return None if t >= 9 else min(-1 + t / 2, 1.0)


def blink(t: float) -> float | None:
    """Like `visit`, but not detected in between for 0.6 s, several times."""
    return None if 4 <= t < 4.6 or 5 <= t < 5.6 else visit(t)


@pytest.mark.parametrize("drop_half", [False, True])
@pytest.mark.parametrize("rate_hz", [5, 10, 30])
@pytest.mark.parametrize(("story", "leave_s", "stay_s"), [
    (visit, 9.4, 7.4),     # the hysteresis: out is 0.2 m beyond the edge
    (vanish, 10.0, 7.0),   # gone for leave_after_s; the stay ended when it was not seen any more
    (blink, 9.4, 7.4),     # shorter than leave_after_s
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
    assert leave.dwell_s == pytest.approx(7.4, abs=1 / rate_hz + 1e-6)


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


# x of each second; inside is 0 to 2, and -0.2 to 2.2 for what is inside already
@pytest.mark.parametrize(("path", "kinds"), [
    ([-0.1, -0.1], []),                              # in the margin, never inside
    ([0.0], ["enter"]),                              # on the edge is inside
    ([0.1, -0.1, 0.1, -0.15], ["enter"]),            # a noisy position on the edge
    ([0.1, -0.21, -0.1, 0.1], ["enter", "leave", "enter"]),
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


@pytest.mark.parametrize(("arguments", "words"), [
    (([1], [], np.zeros((1, 3)), np.zeros(1)), "1 track ids, 0 class names"),
    (([1], ["a"], np.zeros((2, 3)), np.zeros(1)), "2 positions"),
    (([1], ["a"], np.full((1, 3), np.nan), np.zeros(1)), "not finite"),
    (([1], ["a"], np.zeros((1, 3)), np.zeros(1), np.ones(2)), r"hits has shape \(2,\)"),
])
def test_sightings_are_checked(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sightings(*arguments)  # type: ignore[arg-type]


def test_sightings_of_tracks() -> None:
    tracker = Tracker3D()
    depth = ObjectDepth(4.0, 0.1, 0.2, 1.0, 1.0, 100)
    thing = Object3D("dog", 0.9, (0, 0, 9, 9), np.array([1.0, 2, 3]), np.array([0.4, 1.0, 0.6]),
                     0.01 * np.eye(3), 4.0, depth)
    shift = Transform(np.eye(3), np.array([10.0, 0, 0]), "map", "odom")
    sightings = Sightings.of(tracker.update([thing], 0.0), shift)
    assert (sightings.track_ids, sightings.class_names) == ([1], ["dog"])
    assert sightings.positions == pytest.approx(np.array([[11.0, 2, 3]]))
    assert sightings.radii == pytest.approx([0.3]) and sightings.hits.tolist() == [1]
    assert len(Sightings.of(tracker.update([], 0.1), shift).track_ids) == 0   # not seen now
    assert Sightings.of(tracker.update([thing], 0.2)).positions[0] == pytest.approx([1, 2, 3])


# frame, shape, whether a line's ends lie at those heights
@pytest.mark.parametrize(("shape", "low", "high"), [
    (Prism(((0, 0), (1, 0), (0, 1)), 0.5, 1.5), 0.5, 1.5),
    (Cylinder((0, 0), 1.0), 0.0, 2.0),                       # no limits: drawn from the floor
    (Cylinder((0, 0), 1.0, z_max_m=-1.0), -3.0, -1.0),       # all below the floor
    (Sector((0.5, 2.0), (0, 90), 1.0), 1.0, 3.0),
])
def test_lines_to_draw(shape: object, low: float, high: float) -> None:
    lines = Zone("z", "map", shape).edges()  # type: ignore[arg-type]
    assert lines.shape[1:] == (2, 3)
    assert set(np.unique(lines[..., 2])) == {low, high}
    assert (Zone("z", "map", shape).floor()[:, 2] == low).all()  # type: ignore[arg-type]


def test_lines_of_an_optical_sector_lie_ahead() -> None:
    lines = Zone("z", "camera_optical_frame", Sector((0.5, 2), (-10, 10), optical=True)).edges()
    assert lines[..., 2].min() > 0.45                        # z is forward
    assert lines[..., 1].min() == -2.0                       # y is down: 2 m up
    assert lines[:len(lines) // 3, 0, 1].max() == 0.0        # and it stands on the floor


@pytest.mark.parametrize(("change", "words"), [
    ({"name": " "}, "name is empty"), ({"frame_id": ""}, "frame_id is empty"),
    ({"dwell_s": 0.0}, "dwell_s = 0"), ({"dwell_s": math.inf}, "dwell_s = inf"),
    ({"enter_hits": 0}, "enter_hits = 0 must be 1 to 100"),
    ({"enter_after_s": -1.0}, "enter_after_s"),
    ({"leave_after_s": -1.0}, "leave_after_s = -1"), ({"hysteresis_m": math.nan}, "hysteresis_m"),
])
def test_zone_is_checked(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Zone(**{"name": "z", "frame_id": "map", "shape": Cylinder((0, 0), 1.0),
                **change})  # type: ignore[arg-type]

"""Tracker3D: numbers that stay over crossings, misses and the gate's gaps."""
from __future__ import annotations

import math

import numpy as np
import pytest

from smolvlm_ros.fusion.depth_result import ObjectDepth
from smolvlm_ros.fusion.fuse import Object3D, Unplaced
from smolvlm_ros.fusion.tracks import Track, TrackConfig, Tracker3D

DEPTH = ObjectDepth(4.0, 0.1, 0.2, 1.0, 1.0, 100)


def thing(x: float, y: float = 0.0, name: str = "person", std: float = 0.05) -> Object3D:
    left, top = 100 * x, 100 * y   # the boxes of things 0.5 m apart do not touch
    return Object3D(name, 0.9, (left, top, left + 40, top + 40), np.array([x, y, 1.0]),
                    np.array([0.5, 1.7, 0.3]), std ** 2 * np.eye(3), 4.0, DEPTH)


def seen(tracks: tuple[Track, ...]) -> dict[int, int]:
    """Track id by index of the object."""
    return {t.source: t.id for t in tracks if t.source is not None}


def test_one_person_walks() -> None:
    tracker = Tracker3D()
    for k in range(20):
        (track,) = tracker.update([thing(0.3 * k)], 10 + 0.2 * k)
    assert (track.id, track.hits, track.class_name) == (1, 20, "person")
    assert (track.first_seen_s, track.last_seen_s) == (10, pytest.approx(13.8))
    assert track.position == pytest.approx([5.7, 0, 1], abs=0.1)
    assert track.velocity == pytest.approx([1.5, 0, 0], abs=0.25)
    assert np.sqrt(track.covariance[0, 0]) < 0.05   # better than one sighting
    assert (track.range_m, track.score, track.size[1]) == (4.0, 0.9, 1.7)
    assert track.seen and track.source == 0


@pytest.mark.parametrize("rate_hz", [5, 10, 30])
def test_two_cross(rate_hz: int) -> None:
    # They pass each other 0.5 m apart, each at 1 m/s.
    tracker = Tracker3D()
    for k in range(4 * rate_hz):
        t = k / rate_hz
        ids = seen(tracker.update([thing(t - 2), thing(2 - t, 0.5)], t))
    assert ids == {0: 1, 1: 2}


# seconds without a passed frame, metres moved meanwhile
@pytest.mark.parametrize(("gap_s", "moved_m"), [(1.0, 1.2), (3.0, 2.5), (10.0, 0.0), (29.0, 0.1)])
def test_number_survives_the_gates_gap(gap_s: float, moved_m: float) -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 0.0)
    tracker.update([thing(0.0)], 0.2)
    (track,) = tracker.update([thing(moved_m)], 0.2 + gap_s)
    assert (track.id, track.hits) == (1, 3)


def walked_by(tracker: Tracker3D, from_s: float = 0.0) -> int:
    """Somebody walks 4 m to the right and out of the image; the number."""
    for k in range(9):
        (number,) = seen(tracker.update([thing(0.5 * k)], from_s + 0.4 * k)).values()
    return number


@pytest.mark.parametrize("gap_s", [6.0, 12.0, 25.0])
def test_whoever_comes_after_somebody_has_gone_is_somebody_else(gap_s: float) -> None:
    tracker = Tracker3D()
    first = walked_by(tracker)
    tracker.update([], 3.6)     # the frame that shows that there is nobody; then the gate is closed
    assert walked_by(tracker, 3.6 + gap_s) == first + 1


def test_a_few_missed_frames_change_no_number() -> None:
    tracker = Tracker3D()
    first = walked_by(tracker)
    for k in range(5):          # behind a pillar for 2 s
        tracker.update([], 3.6 + 0.4 * k)
    assert seen(tracker.update([thing(4.8)], 5.6)) == {0: first}


def test_what_stands_still_is_known_again_when_the_camera_turns_back() -> None:
    tracker = Tracker3D()
    for k in range(5):
        tracker.update([thing(0.02 * k, 0.0, "box")], 0.4 * k)
    for k in range(10):
        tracker.update([], 2.0 + k)
    (track,) = tracker.update([thing(0.1, 0.0, "box")], 14.0)
    assert (track.id, track.hits) == (1, 6)
    # But at its place only.
    for k in range(10):
        tracker.update([], 15.0 + k)
    assert seen(tracker.update([thing(1.2, 0.0, "box")], 26.0)) == {0: 2}


def test_neighbours_keep_their_numbers_over_a_gap() -> None:
    # Cups 0.3 m apart; after ten seconds the middle one is gone.
    tracker = Tracker3D()
    tracker.update([thing(0.0, 0.3 * k, "cup") for k in range(3)], 0.0)
    tracks = tracker.update([thing(0.0, 0.6, "cup"), thing(0.0, 0.0, "cup")], 10.0)
    assert seen(tracks) == {0: 3, 1: 1}


def test_unseen_tracks_are_given_and_forgotten_after_keep_s() -> None:
    tracker = Tracker3D(TrackConfig(keep_s=5.0))
    tracker.update([thing(0.0)], 0.0)
    (track,) = tracker.update([], 5.0)
    assert not track.seen and track.last_seen_s == 0.0
    assert track.covariance[0, 0] > 1   # it may have gone anywhere
    assert tracker.update([], 5.1) == ()
    (track,) = tracker.update([thing(0.0)], 5.2)
    assert track.id == 2


def test_who_stands_there_in_the_last_frame_is_known_in_the_next_however_late_it_comes() -> None:
    tracker = Tracker3D(TrackConfig(keep_s=30.0))
    for stamp in (0.0, 60.0, 180.0):   # a slow heartbeat of the gate
        assert seen(tracker.update([thing(0.0)], stamp)) == {0: 1}
        tracker.unchanged(stamp + 50.0)
        tracker.unchanged(stamp + 59.0 if stamp < 60.0 else stamp + 119.0)
    for stamp in (300.0, 329.0):   # frames that fail to show it, and keep_s after it was there
        (track,) = tracker.update([], stamp)
        assert not track.seen and track.last_seen_s == 180.0
    assert tracker.update([], 330.0) == ()


def test_who_stands_there_after_an_outage_may_be_somebody_else() -> None:
    tracker = Tracker3D(TrackConfig(keep_s=30.0))
    assert seen(tracker.update([thing(0.0)], 0.0)) == {0: 1}
    tracker.unchanged(20.0)   # then gate, camera or detector die
    assert seen(tracker.update([thing(0.0)], 45.0)) == {0: 1}
    assert seen(tracker.update([thing(0.0)], 100.0)) == {0: 2}


def test_a_box_without_a_pose_holds_a_track_no_longer_than_it_is_remembered() -> None:
    tracker = Tracker3D(TrackConfig(keep_s=30.0))
    tracker.update([thing(0.0)], 0.0)
    held = [stamp for stamp in range(2, 60, 2) if tracker.update([], float(stamp), [in_box(0)])]
    assert held == list(range(2, 31, 2))


def test_who_stayed_long_is_remembered_without_a_pose_and_over_one_miss() -> None:
    tracker = Tracker3D(TrackConfig(keep_s=30.0))
    tracker.update([thing(0.0)], 0.0)
    tracker.unchanged(59.0)                # a slow heartbeat of the gate
    (track,) = tracker.update([], 60.0, [in_box(0)])
    assert track.unplaced
    (track,) = tracker.update([], 61.0)    # nor does a single miss end it
    assert not track.unplaced
    assert seen(tracker.update([thing(0.0)], 63.0)) == {0: 1}


def test_stillness_holds_no_track_that_the_last_frame_did_not_see() -> None:
    tracker = Tracker3D(TrackConfig(keep_s=30.0))
    tracker.update([thing(0.0), thing(5.0)], 0.0)
    tracks = tracker.update([thing(10.0)], 1.0, [in_box(0)])
    assert [(t.id, t.unplaced, t.seen) for t in tracks] == [
        (1, True, False), (2, False, False), (3, False, True)]
    tracker.unchanged(60.0)
    assert [t.id for t in tracker.update([], 61.0, [in_box(0)])] == [3]


def in_box(left: float, name: str = "person") -> Unplaced:
    return Unplaced(name, 0.9, (left, 0, left + 40, 40), "no depth")


# what was detected without a pose, and whether the track at (0, 0, 40, 40) may be it
@pytest.mark.parametrize(("unplaced", "held"), [
    ((in_box(5),), True), ((in_box(100), in_box(-5)), True), ((in_box(5, "moving"),), True),
    ((), False), ((in_box(30),), False), ((in_box(5, "dog"),), False),
    ((Unplaced("person", 0.9, (0, 0, 15, 15), "too far"),), False),   # somebody far behind it
])
def test_what_is_detected_without_a_pose_is_not_missing(unplaced: tuple[Unplaced, ...],
                                                        held: bool) -> None:
    tracker = Tracker3D(TrackConfig(keep_s=30.0))
    tracker.update([thing(0.0)], 0.0)
    (track,) = tracker.update([], 1.0, unplaced)
    assert (track.unplaced, track.seen, track.hits) == (held, False, 1)


def test_the_box_of_a_track_without_a_pose_goes_with_it() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 0.0)
    for stamp, left in enumerate((15, 30, 45), 1):
        (track,) = tracker.update([], float(stamp), [in_box(left)])
        assert track.unplaced


def test_a_box_without_a_pose_is_one_track_s_and_no_seen_one_s() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0), thing(0.2)], 0.0)          # boxes that overlap
    tracks = tracker.update([thing(0.21)], 0.2, [in_box(18)])
    assert [(t.seen, t.unplaced) for t in tracks] == [(False, True), (True, False)]
    tracks = tracker.update([], 0.4, [in_box(20)])
    assert [t.unplaced for t in tracks].count(True) == 1


# second object, and whether it is a new one
@pytest.mark.parametrize(("second", "new"), [
    (thing(0.1), False),
    (thing(2.9), True),                  # too far for a fifth of a second
    (thing(2.9, std=2.0), False),        # unless nobody knows so exactly where it is
    (thing(3.1, std=9.0), True),         # max_match_m holds for the vaguest
    (thing(0.0, name="dog"), True),      # another class
    (thing(0.0, name="moving"), False),  # a moving region may be anything
])
def test_gates(second: Object3D, new: bool) -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 0.0)
    tracks = tracker.update([second], 0.2)
    assert seen(tracks) == {0: 2 if new else 1}
    assert [t.id for t in tracks] == ([1, 2] if new else [1])


def test_a_moving_region_gets_the_name_it_is_recognised_by() -> None:
    tracker = Tracker3D()
    (track,) = tracker.update([thing(0.0, name="moving")], 0.0)
    assert track.class_name == "moving"
    (track,) = tracker.update([thing(0.1)], 0.2)
    assert (track.id, track.class_name) == (1, "person")
    (track,) = tracker.update([thing(0.2, name="moving")], 0.4)   # and keeps it
    assert (track.id, track.class_name, track.hits) == (1, "person", 3)


def test_a_person_and_its_moving_region_are_one() -> None:
    tracker = Tracker3D()
    for k in range(5):   # the region is listed first and lies nearer to the track
        tracks = tracker.update([thing(0.1 * k, name="moving"), thing(0.1 * k + 0.05)], 0.2 * k)
    assert len([t for t in tracks if t.seen]) == 1
    assert tracks[0].class_name == "person"
    # A region elsewhere is a thing of its own.
    tracks = tracker.update([thing(0.5), thing(0.5, 3.0, "moving")], 1.0)
    assert len([t for t in tracks if t.seen]) == 2


def test_no_any_class() -> None:
    tracker = Tracker3D(TrackConfig(any_class=""))
    tracker.update([thing(0.0, name="moving")], 0.0)
    (_, track) = tracker.update([thing(0.0)], 0.2)
    assert (track.id, track.class_name) == (2, "person")


def test_time_back_starts_anew_and_says_so() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 100.0)
    (track,) = tracker.update([thing(0.0)], 3.0)
    assert track.id == 2   # a number is never used again
    assert tracker.resets == 1
    assert "from 100.000 s to 3.000 s: 1 tracks forgotten" in tracker.last_reset


def test_a_late_frame_changes_nothing() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 10.0)
    (track,) = tracker.update([thing(0.5), thing(5.0)], 9.5)
    assert (track.id, track.hits, track.seen, track.last_seen_s) == (1, 1, False, 10.0)
    assert (tracker.late, tracker.resets) == (1, 0)


def test_two_cameras_at_one_stamp() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 1.0)
    (track,) = tracker.update([thing(0.05)], 1.0)
    assert (track.id, track.hits) == (1, 2)


def test_configure_keeps_the_tracks() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 0.0)
    tracker.configure(TrackConfig(max_match_m=0.1, speed_std=2.0, velocity_memory_s=1.0))
    assert seen(tracker.update([thing(0.2)], 0.2)) == {0: 2}
    assert tracker.config.max_match_m == 0.1


def test_clear_forgets() -> None:
    tracker = Tracker3D()
    tracker.update([thing(0.0)], 50.0)
    tracker.clear()
    (track,) = tracker.update([thing(0.0)], 1.0)
    assert (track.id, tracker.resets) == (2, 0)


@pytest.mark.parametrize("stamp", [math.nan, math.inf])
def test_stamp_must_be_finite(stamp: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Tracker3D().update([], stamp)


def test_returned_arrays_are_copies() -> None:
    tracker = Tracker3D()
    (track,) = tracker.update([thing(0.0)], 0.0)
    track.position[:] = 99
    (track,) = tracker.update([], 0.1)
    assert track.position[0] == 0

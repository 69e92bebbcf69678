"""When the zones may be told the time, as a table of what happened before."""
from __future__ import annotations

import pytest

from smolvlm_ros.fusion import FramesUnderWay, GateWord

PASS, DROP, FUSED, FROZEN, MOVES, TURNS = "pass", "drop", "fused", "frozen", "moves", "turns"


def word(what: str, stamp_s: float) -> GateWord:
    return GateWord(stamp_s, what == PASS, what == FROZEN, what == MOVES,
                    0.2 if what == TURNS else 0.02)


@pytest.mark.parametrize(("story", "told"), [
    # Nothing has been fused yet: what the zones know may be of long ago.
    ([(DROP, 1.0), (PASS, 2.0), (DROP, 2.1), (FUSED, 2.0), (DROP, 2.2)], [2.2]),
    # From a frame's passing to its end nothing is told, however long it takes.
    ([(PASS, 1.0), (DROP, 1.1), (DROP, 60.0), (FUSED, 1.0), (DROP, 60.1)], [60.1]),
    # The newest counts: one before it may have been replaced on its way.
    ([(PASS, 1.0), (PASS, 1.2), (FUSED, 1.0), (DROP, 1.3), (FUSED, 1.2), (DROP, 1.4)], [1.4]),
    # A newer frame that came through means that an older one never will.
    ([(PASS, 1.0), (FUSED, 1.5), (DROP, 1.6)], [1.6]),
    # The decision may arrive after the frame it is about has gone through.
    ([(DROP, 0.9), (FUSED, 1.0), (PASS, 1.0), (DROP, 1.1)], [1.1]),
    # A recording loops while a frame of its end is under way: that one is waited for no longer,
    # and when it comes through it does not stand for one of the new time.
    ([(FUSED, 80.0), (PASS, 90.0), (DROP, 0.1), (PASS, 0.2), (FUSED, 90.0), (DROP, 0.3),
      (FUSED, 0.2), (DROP, 0.4)], [0.1, 0.4]),
    # A frozen camera shows no time passing, nor does the first word after it: only a new frame that
    # has gone through, not one of before.
    ([(FUSED, 1.0), (DROP, 1.5), (FROZEN, 2.0), (FROZEN, 9.0), (DROP, 9.1), (FUSED, 1.6),
      (DROP, 9.2), (PASS, 9.3), (FUSED, 9.3), (DROP, 9.4)], [1.5, 9.4]),
    # Where a recording loops, its frozen end is of the old time.
    ([(FUSED, 80.0), (FROZEN, 90.0), (PASS, 0.1), (FUSED, 0.1), (DROP, 0.2)], [0.2]),
    # The gate's words come late, a newer frame has been fused: they would set the clock back.
    ([(PASS, 1.0), (FUSED, 1.0), (FROZEN, 1.6), (FUSED, 4.1), (FROZEN, 1.9), (DROP, 3.0),
      (PASS, 4.1), (DROP, 4.2)], [4.2]),
    # A frame slightly out of order is no new clock.
    ([(PASS, 5.0), (DROP, 4.5), (FUSED, 5.0), (DROP, 5.1)], [5.1]),
])
def test_what_is_told(story: list[tuple[str, float]], told: list[float]) -> None:
    frames = FramesUnderWay()
    heard = []
    for what, stamp_s in story:
        if what == FUSED:
            frames.fused(stamp_s)
        elif frames.decided(word(what, stamp_s)):
            heard.append(stamp_s)
    assert heard == told


# what happened, and whether something has moved, or the camera, since the newest frame fused
@pytest.mark.parametrize(("story", "moved", "changed"), [
    ([(PASS, 1.0), (FUSED, 1.0), (DROP, 1.1)], False, False),
    ([(PASS, 1.0), (FUSED, 1.0), (MOVES, 1.1), (DROP, 1.2)], True, True),   # it has stopped: where?
    ([(MOVES, 0.9), (PASS, 1.0), (FUSED, 1.0), (DROP, 1.1)], False, False),  # the frame shows where
    # What moves after a frame has passed is not in it, whenever that one comes through.
    ([(PASS, 1.0), (MOVES, 1.1), (FUSED, 1.0), (DROP, 1.2)], True, True),
    ([(PASS, 1.0), (MOVES, 1.1), (PASS, 1.2), (FUSED, 1.0), (FUSED, 1.2)], False, False),
    ([(MOVES, 90.0), (PASS, 0.1), (FUSED, 0.1), (DROP, 0.2)], False, False),  # of the old time
    # Who sits before a camera that turns has not moved, but is elsewhere before it.
    ([(FUSED, 1.0), (TURNS, 1.1), (TURNS, 1.2)], False, True),
    ([(FUSED, 1.0), (TURNS, 1.1), (PASS, 1.2), (FUSED, 1.2), (DROP, 1.3)], False, False),
    ([(TURNS, 90.0), (PASS, 0.1), (FUSED, 0.1), (DROP, 0.2)], False, False),
])
def test_what_has_moved_since_the_last_frame(story: list[tuple[str, float]], moved: bool,
                                             changed: bool) -> None:
    frames = FramesUnderWay()
    for what, stamp_s in story:
        if what == FUSED:
            frames.fused(stamp_s)
        else:
            frames.decided(word(what, stamp_s))
    assert (frames.moved, frames.changed) == (moved, changed)
    assert frames.wants_frame == changed


def counted(stamp_s: float, frames_in: int, frames_passed: int, reset: bool = False) -> GateWord:
    """A word on a dropped frame."""
    return GateWord(stamp_s, reset=reset, frames_in=frames_in, frames_passed=frames_passed)


# the word on a dropped frame at 13.1 s, after one at 10.2 s of 102 frames, 5 of them passed; stamp
# of a frame that goes through then, and whether its words stand for anything before and after that
@pytest.mark.parametrize(("then", "fused_s", "told"), [
    (counted(13.1, 131, 5), 13.0, (True, True)),
    # A gate that was started anew, or activated again: another's word than that on its first frame.
    (counted(13.1, 2, 1), 13.0, (False, False)),
    (counted(13.1, 2, 1), 13.2, (False, True)),
    (counted(13.1, 2, 5), 13.0, (False, False)),
    (counted(13.1, 131, 5, reset=True), 13.0, (False, False)),
    # One pass was not heard of: what comes through after the last word is that one.
    (counted(13.1, 131, 6), 10.1, (False, False)),
    (counted(13.1, 131, 6), 10.3, (False, True)),
    # Of two, it may be the first.
    (counted(13.1, 131, 7), 10.3, (False, False)),
    (counted(13.1, 131, 7), 13.2, (False, True)),
])
def test_a_word_that_is_no_continuation_says_nothing_of_what_was_seen_before(
        then: GateWord, fused_s: float, told: tuple[bool, bool]) -> None:
    frames = FramesUnderWay()
    frames.fused(10.0)
    assert frames.decided(counted(10.2, 102, 5))
    assert (frames.decided(then), frames.wants_frame) == (told[0], not told[0])
    frames.fused(fused_s)
    after = counted(13.3, then.frames_in + 1, then.frames_passed)
    assert (frames.decided(after), frames.wants_frame) == (told[1], not told[1])


def test_a_missed_pass_is_older_than_one_that_was_heard_of() -> None:
    frames = FramesUnderWay()
    frames.fused(10.0)
    assert frames.decided(counted(10.2, 102, 5))
    assert not frames.decided(GateWord(13.0, True, frames_in=2, frames_passed=2))
    frames.fused(13.0)
    assert frames.decided(counted(13.1, 3, 2))


def test_a_missed_pass_at_the_end_of_a_recording_is_of_the_old_time() -> None:
    frames = FramesUnderWay()
    frames.fused(80.0)
    assert frames.decided(counted(89.0, 890, 5))
    assert not frames.decided(counted(90.0, 900, 7))
    assert not frames.decided(GateWord(0.1, True, frames_in=901, frames_passed=8))
    frames.fused(0.1)
    assert frames.decided(counted(0.2, 902, 8))

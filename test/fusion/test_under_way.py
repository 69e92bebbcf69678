"""When the zones may be told the time, as a table of what happened before."""
from __future__ import annotations

import pytest

from smolvlm_ros.fusion import FramesUnderWay

PASS, DROP, FUSED, FROZEN, MOVES = "pass", "drop", "fused", "frozen", "moves"


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
        elif frames.decided(stamp_s, what == PASS, what == FROZEN):
            heard.append(stamp_s)
    assert heard == told


@pytest.mark.parametrize(("story", "moved"), [
    ([(PASS, 1.0), (FUSED, 1.0), (DROP, 1.1)], False),
    ([(PASS, 1.0), (FUSED, 1.0), (MOVES, 1.1), (DROP, 1.2)], True),   # it has stopped: somewhere
    ([(MOVES, 0.9), (PASS, 1.0), (FUSED, 1.0), (DROP, 1.1)], False),  # the frame shows where
    # What moves after a frame has passed is not in it, whenever that one comes through.
    ([(PASS, 1.0), (MOVES, 1.1), (FUSED, 1.0), (DROP, 1.2)], True),
    ([(PASS, 1.0), (MOVES, 1.1), (PASS, 1.2), (FUSED, 1.0), (FUSED, 1.2)], False),
    ([(MOVES, 90.0), (PASS, 0.1), (FUSED, 0.1), (DROP, 0.2)], False),  # of the old time
])
def test_what_has_moved_since_the_last_frame(story: list[tuple[str, float]], moved: bool) -> None:
    frames = FramesUnderWay()
    for what, stamp_s in story:
        if what == FUSED:
            frames.fused(stamp_s)
        else:
            frames.decided(stamp_s, what == PASS, moving=what == MOVES)
    assert frames.moved == moved

"""Which camera_info belongs to a frame that passed."""
from __future__ import annotations

from smolvlm_ros.ros.pairing import InfoPairing


def test_the_message_came_first() -> None:
    pairing: InfoPairing[str] = InfoPairing(1.0)
    assert pairing.came(7, "info") is None
    assert pairing.passed(7, 0.0) == "info"
    assert pairing.passed(7, 0.0) is None  # given once


def test_the_frame_came_first() -> None:
    pairing: InfoPairing[str] = InfoPairing(1.0)
    assert pairing.passed(7, 0.0) is None
    assert pairing.came(8, "other") is None
    assert pairing.came(7, "info") == "info"
    assert pairing.alone(9.0) == 0


def test_a_frame_waits_for_so_long_and_is_then_alone_once() -> None:
    pairing: InfoPairing[str] = InfoPairing(1.0)
    pairing.passed(1, 0.0)
    pairing.passed(2, 0.5)
    assert [pairing.alone(now) for now in (0.9, 1.1, 1.2, 1.6)] == [0, 1, 0, 1]
    assert pairing.came(1, "late") is None  # it is given up


def test_messages_of_dropped_frames_are_forgotten_oldest_first() -> None:
    pairing: InfoPairing[int] = InfoPairing(1.0)
    for stamp in range(100):
        pairing.came(stamp, stamp)
    assert pairing.passed(0, 0.0) is None and pairing.passed(99, 0.0) == 99


def test_as_many_are_kept_as_may_come_before_their_frames() -> None:
    pairing: InfoPairing[int] = InfoPairing(1.0, kept=100)
    for stamp in range(100):
        pairing.came(stamp, stamp)
    assert pairing.passed(0, 0.0) == 0


def test_a_recording_that_loops_sends_the_same_stamps_again() -> None:
    pairing: InfoPairing[str] = InfoPairing(1.0)
    for stamp in range(32):
        pairing.came(stamp, "first pass")
    pairing.came(0, "second pass")
    assert pairing.passed(0, 0.0) == "second pass"
    assert pairing.passed(1, 0.0) == "first pass"  # and it pushed no other out

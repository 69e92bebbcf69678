"""PassPolicy: evidence and stamps in, reasons out, as tables."""
from __future__ import annotations

import pytest

from smolvlm_ros.gate import GateConfig, Reason
from smolvlm_ros.gate.policy import Evidence, PassPolicy

MOVES = Evidence(moving=True, present=True)
ONSET = Evidence(onset=True, moving=True, present=True)
STANDS = Evidence(present=True)
EMPTY = Evidence()
REPEAT = Evidence(repeated=True)
STUCK = Evidence(repeated=True, frozen=True)
FAR = Evidence(novelty=0.9)
FOUND = Evidence(detected=True)
CONFIG = GateConfig(max_pass_rate_hz=0.5, heartbeat_s=10.0, quiet_s=0.2, novelty_max_rate_hz=2.0,
                    detector=True)


@pytest.mark.parametrize("script", [
    # first frame, silence, heartbeat
    [(0.0, EMPTY, "heartbeat"), (5.0, EMPTY, "none"), (10.0, EMPTY, "heartbeat")],
    # onset at once, then the pass rate, the end at once when all has left
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (2.0, MOVES, "none"),
     (3.0, MOVES, "motion"), (3.05, EMPTY, "none"), (3.1, EMPTY, "motion"), (3.2, EMPTY, "none")],
    # a second onset does not wait
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.1, ONSET, "motion")],
    # a pause passes after quiet_s
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.1, STANDS, "none"),
     (1.25, STANDS, "motion"), (1.3, STANDS, "none")],
    # a second pause within the pass rate is held back, and a heartbeat makes up for it
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.25, STANDS, "motion"),
     (1.5, MOVES, "none"), (1.75, STANDS, "none"), (3.0, STANDS, "none"),
     (3.25, STANDS, "heartbeat"), (3.5, STANDS, "none")],
    # motion that goes on after a held-back pause owes nothing
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.25, STANDS, "motion"),
     (1.5, MOVES, "none"), (1.75, STANDS, "none"), (1.9, MOVES, "none"), (3.3, MOVES, "motion")],
    # a frozen camera ends nothing and passes nothing
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (9.0, STUCK, "none"),
     (12.0, STUCK, "none"), (12.1, EMPTY, "motion")],
    # a few repeats, of a camera slower than its driver, end nothing either
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.2, REPEAT, "none"),
     (1.45, REPEAT, "none"), (1.5, MOVES, "none"), (1.95, REPEAT, "none"), (3.0, MOVES, "motion")],
    # before a simulator without noise who stops stands in repeats, and heartbeats go on
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.3, MOVES, "none"),
     (1.7, REPEAT, "none"), (1.8, REPEAT, "motion"), (5.0, REPEAT, "none"),
     (11.7, REPEAT, "none"), (11.8, REPEAT, "heartbeat")],
    # who has left is gone in repeats
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.25, STANDS, "motion"),
     (1.5, MOVES, "none"), (1.55, EMPTY, "none"), (2.0, REPEAT, "none"), (2.1, REPEAT, "motion")],
    # and a pause held back is made up for in repeats
    [(0.0, EMPTY, "heartbeat"), (1.0, ONSET, "motion"), (1.25, STANDS, "motion"),
     (1.5, MOVES, "none"), (2.0, REPEAT, "none"), (3.25, REPEAT, "heartbeat")],
    # a new view that came too early passes when a turn has ended
    [(0.0, EMPTY, "heartbeat"), (0.4, FAR, "none"),
     (0.5, Evidence(novelty=0.9, repeated=True), "novelty")],
    # novelty at its own rate
    [(0.0, EMPTY, "heartbeat"), (0.2, FAR, "none"), (0.5, FAR, "novelty"), (0.9, FAR, "none"),
     (1.0, FAR, "novelty")],
    # the detector at the pass rate
    [(0.0, EMPTY, "heartbeat"), (1.0, FOUND, "none"), (2.0, FOUND, "detector"),
     (3.0, FOUND, "none"), (4.0, FOUND, "detector")],
    # motion before novelty, and a heartbeat does not delay motion
    [(0.0, EMPTY, "heartbeat"), (0.1, Evidence(moving=True, present=True, novelty=0.9), "motion")],
])
def test_scripts(script: list[tuple[float, Evidence, str]]) -> None:
    policy = PassPolicy()
    got = [(t, policy.decide(evidence, t, CONFIG).value) for t, evidence, _ in script]
    assert got == [(t, reason) for t, _, reason in script]


def test_request_passes_even_a_repeat_and_only_once() -> None:
    policy = PassPolicy()
    policy.request()
    assert policy.decide(REPEAT, 0.0, CONFIG) is Reason.REQUEST
    assert policy.decide(EMPTY, 0.1, CONFIG) is Reason.NONE


def test_request_to_a_stuck_camera_waits_for_a_new_image() -> None:
    policy = PassPolicy()
    policy.request()
    assert policy.decide(STUCK, 3.0, CONFIG) is Reason.NONE
    assert policy.decide(STUCK, 20.0, CONFIG) is Reason.NONE
    assert policy.decide(EMPTY, 20.1, CONFIG) is Reason.REQUEST
    assert policy.decide(EMPTY, 20.2, CONFIG) is Reason.NONE


def test_request_switched_off_is_forgotten() -> None:
    policy = PassPolicy()
    policy.decide(EMPTY, 0.0, CONFIG)
    policy.request()
    assert policy.decide(EMPTY, 0.1, CONFIG.changed(request=False)) is Reason.NONE
    assert policy.decide(EMPTY, 0.2, CONFIG) is Reason.NONE


def test_events_are_numbered_and_resume_under_their_number() -> None:
    policy = PassPolicy()
    numbers = []
    for t, evidence in ((0.0, EMPTY), (1.0, ONSET), (2.0, STANDS), (3.0, MOVES), (4.0, EMPTY),
                        (5.0, ONSET)):
        policy.decide(evidence, t, CONFIG)
        numbers.append(policy.event_id)
    assert numbers == [0, 1, 0, 1, 0, 2]
    policy.restart()
    assert policy.event_id == 0
    policy.decide(MOVES, 0.0, CONFIG)  # motion without an onset seen still has a number
    assert policy.event_id == 2


def test_motion_switched_off_owes_no_end() -> None:
    policy = PassPolicy()
    off = CONFIG.changed(motion=False)
    script = ((0.0, EMPTY), (1.0, ONSET), (1.25, STANDS), (1.5, MOVES), (1.75, STANDS),
              (4.0, STANDS))
    assert [policy.decide(e, t, off).value for t, e in script] == ["heartbeat"] + ["none"] * 5

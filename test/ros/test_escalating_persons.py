"""A second opinion is not asked about persons of whom the detector has not told; its end."""
from __future__ import annotations

import dataclasses
import json
import logging
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("vision_msgs.msg", reason="no ROS here")
sys.path.append(str(Path(__file__).resolve().parents[1] / "remote"))
from loopback import Loopback, says, serving  # noqa: E402

from smolvlm_ros.qa.verdict import Answer, Cause, Cut, Frame, Verdict  # noqa: E402
from smolvlm_ros.remote.escalation import EscalationConfig  # noqa: E402
from smolvlm_ros.remote.persons import Persons  # noqa: E402
from smolvlm_ros.remote.privacy import PrivacyConfig  # noqa: E402
from smolvlm_ros.remote.records import Outcome, Sent  # noqa: E402
from smolvlm_ros.ros.escalating import Escalating  # noqa: E402
from smolvlm_ros.ros.faults import Faults  # noqa: E402
from smolvlm_ros.ros.stats import Stats  # noqa: E402

CROP = Frame(np.full((60, 80, 3), 90, np.uint8), 10.0, "camera", (10, 20, 90, 80),
             cut=Cut((10, 20, 90, 80), 640, 480))
DOUBT = Verdict("Is it open?", Answer.UNSURE, math.nan, (), Cause.UNCLEAR, "not clear", 15.0, 10.0)


class Kept:
    def sent(self, record: Sent) -> None:
        pass

    def received(self, outcome: Outcome) -> None:
        pass


@contextmanager
def started(server: Loopback, tmp_path: Path, persons: Persons, stats: Stats, faults: Faults
            ) -> Iterator[Escalating]:
    config = EscalationConfig.from_flat({
        "enabled": True, "server.url": server.url, "server.model": "far",
        "budget_file": str(tmp_path / "budget.sqlite")})
    escalating = Escalating(config, PrivacyConfig(blur_plates=False), Kept(), persons, stats,
                            faults)
    escalating.start()
    try:
        yield escalating
    finally:
        escalating.stop()
        escalating.close()


def test_what_is_not_told_does_not_leave(tmp_path: Path) -> None:
    stats, faults = Stats(), Faults(logging.getLogger("escalating"))
    persons = Persons(teller=lambda: True)
    reply = says(json.dumps({"answer": "yes", "confidence": 0.95, "reason": "It is."}))
    with serving(reply) as s, started(s, tmp_path, persons, stats, faults) as escalating:
        def asked() -> Verdict:
            future = escalating.consider(DOUBT, [CROP], False, time.monotonic() + 60)
            assert future is not None
            return future.result(60)
        verdict = asked()
        assert verdict.answer is Answer.UNSURE
        assert verdict.escalation.startswith("not_sent: the detector told of no persons")
        assert s.requests == [] and stats.counters()["escalated_not_sent"] == 1
        assert any("no second opinion" in f.text for f in faults.findings(time.monotonic()))
        persons.tell(10.0, [])
        assert asked().answer is Answer.YES and len(s.requests) == 1


def test_what_its_end_cuts_short_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture
                                             ) -> None:
    faults, persons = Faults(logging.getLogger("escalating")), Persons()
    with serving(lambda handler, request: s.ended.wait(60)) as s, started(
            s, tmp_path, persons, Stats(), faults) as escalating:
        both = [escalating.consider(dataclasses.replace(DOUBT, question=f"Is door {n} open?"),
                                    [CROP], False, time.monotonic() + 60) for n in range(3)]
        escalating.stop()
        for future in both:
            assert future is not None and "shutting down" in future.result(60).escalation
        assert faults.findings(time.monotonic()) == ()
        assert "shutting down" not in caplog.text

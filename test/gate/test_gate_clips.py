"""The gate on real recordings, where they are beside the repository."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.gate import MotionGate, Reason

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
KITCHEN = [DATA / "rgbd_kitchen" / f"frame-{n:06d}.color.jpg" for n in range(240, 301)]


def frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(path))
    while True:
        found, bgr = capture.read()
        if not found:
            return
        yield np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


# every labelled event within 0.3 s, at most 6 % pass, and nothing but heartbeats in between
@pytest.mark.parametrize("name", ["one-by-one-person-detection.mp4", "bottle-detection.mp4"])
def test_every_event_passes_and_little_else(name: str) -> None:
    path = DATA / "videos" / name
    if not path.exists():
        pytest.skip(f"recording {name} is not beside the repository (../shared/data/videos)")
    label: dict[str, Any] = json.loads((path.parent / "events.json").read_text("utf-8"))[name]
    gate, fps = MotionGate(), label["fps"]
    decisions = [gate.step(image, i / fps) for i, image in enumerate(frames(path))]
    opened = [i for i, d in enumerate(decisions) if d.open]
    for first, end in label["events"]:
        inside = [i for i in opened if first - 4 <= i < end]
        assert inside and inside[0] - first <= 0.3 * fps, f"event {first}..{end}: {inside[:1]}"
    assert len(opened) <= 0.06 * len(decisions)
    strays = [i for i in opened if decisions[i].reason is not Reason.HEARTBEAT
              and not any(first - 4 <= i < end + 4 for first, end in label["events"])]
    assert strays == []


def test_hand_held_camera_passes_by_novelty_alone() -> None:
    if not KITCHEN[0].exists():
        pytest.skip("the kitchen sequence is not beside the repository (../shared/data)")
    gate = MotionGate()
    decisions = []
    for index, path in enumerate(KITCHEN):
        bgr: Any = cv2.imread(str(path))
        decisions.append(gate.step(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), index / 30))
    assert sum(d.open for d in decisions) <= 0.2 * len(decisions)
    assert not any(d.reason is Reason.MOTION for d in decisions)
    assert sum(d.repeated for d in decisions) == 13

"""Frames that the model must not be asked about, told in a node's health."""
from __future__ import annotations

from typing import Any

from smolvlm_ros.qa.engine import Engine, NoEngine
from smolvlm_ros.qa.policy import refusal_of
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.ros.health import Level

FAULT = "foreign"
_SHOWN_S = 30.0  # longer than a gate holds back a scene in which nothing changes


def note_origin(node: Any, engine: Engine | NoEngine, frame: Frame) -> None:
    """Raise an error in the node's health for a frame foreign to its model, else clear it."""
    foreign = "" if isinstance(engine, NoEngine) else refusal_of(engine, [frame])
    if foreign:
        node.stats.count("foreign_frames")
        node.faults.set(FAULT, Level.ERROR, foreign, _SHOWN_S)
    else:
        node.faults.clear(FAULT)

"""Templates as a parameter, and what the ring of frames shows of a time."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smolvlm_ros.fusion.zone_file import load_zones
from smolvlm_ros.qa.frames import FrameRing
from smolvlm_ros.qa.templates import (
    TemplateError,
    load_templates,
    questions_for,
    read_templates,
)
from smolvlm_ros.qa.verdict import Frame

TEXT = "templates: [{name: a, question: 'Is the {class} open?'}]"


def test_a_text_a_path_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.yaml").write_text(TEXT)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [t.name for t in read_templates(TEXT)] == ["a"]
    assert read_templates("~/t.yaml") == read_templates(str(tmp_path / "t.yaml"))
    assert read_templates(" \n") == ()


@pytest.mark.parametrize(("text", "said"), [
    ("nowhere.yaml", "nowhere.yaml cannot be read"),
    ("templates: [{", "not YAML"),
    ("template: 3\n", "expected a mapping with the list 'templates'"),
])
def test_what_is_neither(text: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        read_templates(text)


def test_a_time_is_shown_by_the_newest_frame_that_is_not_newer() -> None:
    ring = FrameRing()
    for stamp_s in (1.0, 2.0, 3.0):
        ring.add(Frame(np.zeros((2, 2, 3), np.uint8), stamp_s))
    shown = [ring.shown_at(at_s) for at_s in (0.9, 1.0, 1.9, 3.0, 99.0)]
    assert [frame and frame.stamp_s for frame in shown] == [None, 1.0, 1.0, 3.0, 3.0]


def test_the_example_is_of_the_example_s_zones() -> None:
    config = Path(__file__).resolve().parents[2] / "config"
    templates = load_templates(config / "templates.yaml")
    zones = {zone.name for zone in load_zones(config / "zones.yaml")}
    assert {name for t in templates for name in t.zones} <= zones
    asked = questions_for(templates, "person", "doorway", "enter")
    assert [(a.template, a.crop) for a in asked] == [("lying", ""), ("presence", "object")]
    assert [a.question for a in questions_for(templates, "box", "doorway", "leave")] == [
        "Is the doorway blocked?"]

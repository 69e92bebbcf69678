"""Values set over a parameter file, as the nodes will read it."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from smolvlm_ros.launching.parameter_file import value_of, with_values, write_with_values

CONFIG = Path(__file__).parents[2] / "config"


def test_values_replace_those_of_every_namespace_and_keep_the_rest() -> None:
    ground = {"max_range_m": 5.0, "camera_roll_deg": 1}
    content: dict[str, Any] = {
        "/**/depth": {"ros__parameters": {"scene": "indoor", "ground_plane": ground}},
        "/robot1/depth": {"ros__parameters": {"scene": "outdoor"}},
        "gate": {"ros__parameters": {"heartbeat_s": 3.0}}}
    made = with_values(content, {"depth": {"scene": "indoor", "ground_plane.max_range_m": 9.0},
                                 "fusion": {"zones": "zones: []"}})
    assert made["/**/depth"]["ros__parameters"] == {
        "scene": "indoor", "ground_plane.max_range_m": 9.0, "ground_plane.camera_roll_deg": 1}
    assert made["/robot1/depth"]["ros__parameters"]["scene"] == "indoor"
    assert made["/**/fusion"]["ros__parameters"] == {"zones": "zones: []"}
    assert made["gate"] == content["gate"]
    assert content["/robot1/depth"]["ros__parameters"]["scene"] == "outdoor"  # not touched


def test_an_empty_section_is_filled() -> None:
    for empty in (None, {}, {"ros__parameters": None}):
        made = with_values({"/**/depth": empty}, {"depth": {"scene": "outdoor"}})
        assert made == {"/**/depth": {"ros__parameters": {"scene": "outdoor"}}}


@pytest.mark.parametrize("section", ["text", {"ros__parameters": [1]}])
def test_a_section_that_is_none_is_refused(section: object) -> None:
    with pytest.raises(ValueError, match="/\\*\\*/depth"):
        with_values({"/**/depth": section}, {"depth": {"scene": "outdoor"}})


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    zones = 'zones:\n  - name: "a b"\n    points: [[0, 1], [2, 3]]\n'
    path = write_with_values(CONFIG / "demo.yaml", {"fusion": {"zones": zones}},
                             tmp_path / "parameters.yaml")
    read = yaml.safe_load(path.read_text())
    assert read["/**/fusion"]["ros__parameters"]["zones"] == zones
    assert read["/**/video_source"]["ros__parameters"]["mount"]["pitch_deg"] == 9.0


@pytest.mark.parametrize("text", ["a: [", "[1, 2]", "", None])
def test_what_is_no_parameter_file_is_named(text: str | None, tmp_path: Path) -> None:
    source = tmp_path / "mine.yaml"
    if text is not None:
        source.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml"):
        write_with_values(source, {}, tmp_path / "out.yaml")


def test_the_value_of_a_node_in_any_form_of_section() -> None:
    for section in ("fusion", "/fusion", "/**/fusion", "/robot1/fusion", "/**"):
        content = {"/**/gate": {"ros__parameters": {"target_frame": "no"}},
                   section: {"ros__parameters": {"target_frame": "odom"}}}
        assert value_of(content, "fusion", "target_frame", "") == "odom"
    # Not there, empty, or no section at all.
    for empty in ({}, {"/**/fusion": {"ros__parameters": None}}, {"/**/fusion": None},
                  {"/**/fusion": {"ros__parameters": ["target_frame"]}}):
        assert value_of(dict(empty), "fusion", "target_frame", "map") == "map"

"""Zones as a parameter: a path, or the text itself."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.fusion import read_zones
from smolvlm_ros.fusion.zone_file import ZoneError

POLE = "zones: [{name: pole, frame_id: map, type: cylinder, center: [1, 2], radius_m: 0.5}]"


@pytest.mark.parametrize("text", [
    POLE, POLE.replace("zones: [", "zones:\n  - ").replace("]}]", "]}").replace("}]", "}"),
    "{" + POLE + "}"])
def test_a_text(text: str) -> None:
    assert [z.name for z in read_zones(text)] == ["pole"]


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_is_no_zones(text: str) -> None:
    assert read_zones(text) == ()


def test_a_path_also_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "z.yaml").write_text(POLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_zones(str(tmp_path / "z.yaml")) == read_zones("~/z.yaml") == read_zones(POLE)


@pytest.mark.parametrize(("text", "said"), [
    ("nowhere.yaml", "nowhere.yaml: cannot be read"),
    ("zone: 3\n", "expected one key 'zones'"),  # a text with a mistake is not taken for a path
    ("zones: [{name: pole", "not YAML"),
])
def test_what_is_neither(text: str, said: str) -> None:
    with pytest.raises(ZoneError, match=said):
        read_zones(text)

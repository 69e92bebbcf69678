"""parse_zones and load_zones: good files, and errors that say where and what to do."""
from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smolvlm_ros.fusion import zone_file
from smolvlm_ros.fusion.shapes import Cylinder, Prism, Sector
from smolvlm_ros.fusion.zone_file import ZoneError, load_zones, parse_zones
from smolvlm_ros.fusion.zones import Zone

POLE = "{name: pole, frame_id: map, type: cylinder, center: [4, 1], radius_m: 0.8}"


def entry(**changes: object) -> str:
    fields = {**yaml.safe_load(POLE), **changes}
    return yaml.safe_dump({"zones": [{k: v for k, v in fields.items() if v is not None}]})


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ZoneError) as caught:
        parse_zones(text, "zones.yaml")
    assert all(p.startswith("zones.yaml: ") for p in caught.value.problems)
    return caught.value.problems


def test_the_modules_example() -> None:
    text = textwrap.dedent((zone_file.__doc__ or "").split("\n\n", 1)[1])
    door, dock, ahead = parse_zones(text)
    assert door == Zone("doorway", "map", Prism(((0, 0), (2, 0), (2, 1), (0, 1)), z_max_m=2.2),
                        ("person",), dwell_s=3.0)
    assert dock == Zone("dock", "map", Cylinder((4, 1), 0.8), keep_out=True)
    assert ahead == Zone("ahead", "base_link", Sector((0.3, 2), (-30, 30)))


# frame, field, whether its axes are an optical frame's
@pytest.mark.parametrize(("frame", "optical", "expected"), [
    ("base_link", None, False), ("camera_color_optical_frame", None, True),
    ("camera_color_optical_frame", False, False), ("cam", True, True)])
def test_optical_frames_are_known_by_name(frame: str, optical: bool | None, expected: bool) -> None:
    text = entry(type="sector", frame_id=frame, range_m=[0, 2], bearing_deg=[-9, 9], center=None,
                 radius_m=None, optical=optical)
    (zone,) = parse_zones(text)
    assert isinstance(zone.shape, Sector) and zone.shape.optical is expected


@pytest.mark.parametrize("text", ["", "# none", "zones:", "zones: []"])
def test_no_zones(text: str) -> None:
    assert parse_zones(text) == ()


# text, words of the one problem
@pytest.mark.parametrize(("text", "words"), [
    ("zones: [", "not YAML"),
    ("zone: []", "one key 'zones'"),
    ("[1, 2]", "one key 'zones'"),
    ("zones: 3", "'zones' is int 3"),
    ("zones: {name: a}", "begin each zone with"),
    ("zones: [7]", "zone 1: is int 7"),
    ("zones: []\nzones: []", "'zones' is given twice"),
    (f"zones: [{POLE[:-1]}, name: x}}]", "'name' is given twice"),
    ("zones: [{? [1, 2] : 3}]", "not YAML"),
    ("zones: !!python/object:os.system {}", "not YAML"),
    ("a: &a [*a]", "one key 'zones'"),
    ("zones: &z [*z]", "zone 1: is list"),
    ("\0", "not YAML"),
    ("zones: 2001-99-99", "not YAML"),          # YAML's date that is none
    ("[" * 3000, "not YAML"),
    (entry(type=None), "type is None, expected one of polygon, cylinder, sector"),
    (entry(type=["polygon"]), "expected one of"),
    (entry(radius_m=None), "zone 1 ('pole'): radius_m is missing; add it"),
    (entry(frame_id=None), "frame_id is missing"),
    (entry(name=None), "zone 1: name is missing"),
    (entry(name=5), "name = 5 is not a text"),
    (entry(name=""), "name is empty"),
    (entry(radius=1), "'radius' is not a field of a cylinder; did you mean 'radius_m'?"),
    (entry(colour="red"), "known are center"),
    (entry(points=[]), "'points' is not a field of a cylinder"),
    (entry(radius_m="0.8"), "without quotes"),
    (entry(radius_m=True), "radius_m = True is not a number"),
    (entry(radius_m=-1), "radius_m = -1 must be above 0"),
    (entry(radius_m=float("nan")), "not a finite number"),
    (entry(z_max_m=float("inf")), "leave a limit out for none"),
    (entry(radius_m=10 ** 400), "not a finite number"),
    (entry(center=[1]), "a list of two numbers"),
    (entry(center=[1, "x"]), "without quotes"),
    (entry(keep_out="yes"), "keep_out = 'yes' is not true or false"),
    (entry(classes="person"), "a list of texts"),
    (entry(classes=[1]), "is not a text"),
    (entry(enter_hits=1.5), "enter_hits = 1.5 is not a whole number"),
    (entry(enter_hits=True), "is not a whole number"),
    (entry(enter_hits=0), "enter_hits = 0 must be 1 to 100"),
    (entry(enter_after_s=-1), "enter_after_s = -1 must be at least 0"),
    (entry(dwell_s=-3), "dwell_s = -3 must be above 0 s"),
    (entry(z_min_m=2, z_max_m=1), "swap them"),
    (entry(name="x" * 500, radius_m=["y" * 500]), "…"),
])
def test_each_problem_is_named(text: str, words: str) -> None:
    (problem,) = problems(text)
    assert words in problem
    assert len(problem) < 900


def test_all_problems_are_told_at_once() -> None:
    text = f"zones:\n- {POLE}\n- {POLE}\n- {{name: b, type: cylinder, radius_m: x, hight: 3}}\n"
    told = problems(text)
    assert len(told) == 5
    assert "zone 2 ('pole'): name is used by another zone" in told[0]
    assert all("zone 3 ('b')" in p for p in told[1:])


def test_polygon_errors() -> None:
    fields = {"type": "polygon", "center": None, "radius_m": None}
    assert "3 to 500 corners" in problems(entry(points=[[0, 0], [1, 1]], **fields))[0]
    assert "3 to 500 corners" in problems(entry(points=[[k, k * k] for k in range(501)],
                                                **fields))[0]
    crossed = [[0, 0], [2, 2], [2, 0], [0, 2]]
    assert "list the corners in order" in problems(entry(points=crossed, **fields))[0]


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "zones.yaml"
    path.write_text(f"zones: [{POLE}]", encoding="utf-8")
    assert load_zones(path) == load_zones(str(path)) == parse_zones(f"zones: [{POLE}]")
    with pytest.raises(ZoneError, match=r"none\.yaml: cannot be read .*check the path"):
        load_zones(tmp_path / "none.yaml")
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ZoneError, match="cannot be read"):
        load_zones(path)
    path.write_text("zones: [1]", encoding="utf-8")
    with pytest.raises(ZoneError, match=r"zones\.yaml: zone 1"):
        load_zones(path)


@given(st.text())
@example("!!timestamp x")
@example("- !!binary ☃")
@example("{<<: 1}")
@settings(max_examples=300, deadline=None)
def test_any_text_is_zones_or_a_zone_error(text: str) -> None:
    try:
        assert all(isinstance(z, Zone) for z in parse_zones(text))
    except ZoneError as error:
        assert error.problems


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3), max_leaves=12)
FIELDS = ("name", "frame_id", "type", "points", "center", "radius_m", "range_m", "bearing_deg",
          "z_min_m", "z_max_m", "classes", "dwell_s", "leave_after_s", "hysteresis_m", "keep_out",
          "optical", "other")
NEARLY = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"]), "frame_id": st.just("map"),
     "type": st.sampled_from(["polygon", "cylinder", "sector"])},
    optional={"points": st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), max_size=6),
              "center": st.just([0, 1]), "radius_m": st.floats(),
              "range_m": st.lists(st.floats(), max_size=3),
              "bearing_deg": st.lists(st.floats(-400, 400), min_size=2, max_size=2),
              "z_min_m": st.floats(), "dwell_s": st.floats()})


@given(st.lists(NEARLY | st.dictionaries(st.sampled_from(FIELDS), VALUES), max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_fields_are_zones_or_a_zone_error(entries: list[dict[str, object]]) -> None:
    try:
        zones = parse_zones(yaml.safe_dump({"zones": entries}), "f")
    except ZoneError as error:
        assert all(p.startswith("f: zone ") for p in error.problems)
    else:
        assert len(zones) == len(entries)

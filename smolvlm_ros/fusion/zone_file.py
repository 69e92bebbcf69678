"""Zones from YAML, with errors that name the file, the zone, the field and the fix.

    zones:
      - name: doorway
        frame_id: map
        type: polygon                    # or cylinder, sector
        points: [[0, 0], [2, 0], [2, 1], [0, 1]]
        z_max_m: 2.2
        classes: [person]
        dwell_s: 3
      - {name: dock, frame_id: map, type: cylinder, center: [4, 1], radius_m: 0.8, keep_out: true}
      - {name: ahead, frame_id: base_link, type: sector, range_m: [0.3, 2], bearing_deg: [-30, 30]}
"""
from __future__ import annotations

import difflib
import math
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from smolvlm_ros.fusion.shapes import Cylinder, Prism, Sector, Shape
from smolvlm_ros.fusion.transform import is_optical
from smolvlm_ros.fusion.zones import Zone

_MOST_CORNERS = 500


class ZoneError(ValueError):
    """Zones cannot be used; `problems` holds a sentence for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML's own loader silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, count in keys.items():
            if count > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice; remove one", node.start_mark)
        return super().construct_mapping(node, deep)


def load_zones(path: str | os.PathLike[str]) -> tuple[Zone, ...]:
    """The zones of a YAML file.

    Raises:
        ZoneError: when the file cannot be read, or as `parse_zones` does.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ZoneError([f"{path}: cannot be read ({error}); check the path"]) from error
    return parse_zones(text, str(path))


def read_zones(text: str) -> tuple[Zone, ...]:
    """Zones of a parameter: of a YAML file when it is a path, else of the YAML text itself.

    Raises:
        ZoneError: as `load_zones` and `parse_zones` do.
    """
    inline = not text.strip() or any(mark in text for mark in ("\n", "{", "zones:"))
    return parse_zones(text) if inline else load_zones(Path(text.strip()).expanduser())


def parse_zones(text: str, source: str = "zones") -> tuple[Zone, ...]:
    """The zones of a YAML text.

    Args:
        text: as in the module's example; empty for no zones.
        source: what to call the text in errors, such as its file.

    Raises:
        ZoneError: naming every zone and field that is wrong, and the fix.
    """
    try:
        tree = yaml.load(text, _Loader)   # noqa: S506 (a SafeLoader)
    except Exception as error:   # PyYAML lets AttributeError, KeyError and others out as well
        said = " ".join(str(error).split()) or type(error).__name__
        raise ZoneError([f"{source}: not YAML: {said}"]) from error
    if tree is None:
        return ()
    if not isinstance(tree, dict) or set(tree) != {"zones"}:
        raise ZoneError([f"{source}: expected one key 'zones' with a list of zones"])
    entries = tree["zones"] if tree["zones"] is not None else []
    if not isinstance(entries, list):
        raise ZoneError([f"{source}: 'zones' is {_kind(entries)}, expected a list; begin each zone "
                         "with '- name: …'"])
    zones: list[Zone] = []
    problems: list[str] = []
    for number, entry in enumerate(entries, 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        label = f"{source}: zone {number}" + (f" ({name!r})" if isinstance(name, str) else "")
        wrong: list[str] = []
        zone = _zone(entry, wrong)
        if zone is not None and any(zone.name == other.name for other in zones):
            wrong.append("name is used by another zone; give each a name of its own")
        problems += [f"{label}: {text}" for text in wrong]
        if zone is not None:
            zones.append(zone)
    if problems:
        raise ZoneError(problems)
    return tuple(zones)


def _zone(entry: Any, wrong: list[str]) -> Zone | None:
    """One entry's zone, or None with what is wrong appended."""
    if not isinstance(entry, dict):
        wrong.append(f"is {_kind(entry)}, expected fields such as 'name: doorway'")
        return None
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in _SHAPES:
        wrong.append(f"type is {kind!r}, expected one of {', '.join(_SHAPES)}")
        return None
    make, required, optional = _SHAPES[kind]
    shape_fields = {**required, **optional, **_HEIGHTS}
    known = {**shape_fields, **_NEEDED, **_OTHERS, "type": _text}
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            wrong.append(f"{key!r} is not a field of a {kind}; "
                         + (f"did you mean {near[0]!r}?" if near else
                            f"known are {', '.join(known)}"))
    for key in (*_NEEDED, *required):
        if key not in entry:
            wrong.append(f"{key} is missing; add it")
    values: dict[str, Any] = {}
    for key, convert in known.items():
        if key in entry:
            try:
                values[key] = convert(entry[key])
            except ValueError as error:
                wrong.append(f"{key} = {_short(entry[key])} is not {error}")
    if wrong:
        return None
    if kind == "sector":
        values.setdefault("optical", is_optical(values["frame_id"]))
    try:
        shape: Shape = make(**{k: v for k, v in values.items() if k in shape_fields})
        return Zone(shape=shape, **{k: v for k, v in values.items()
                                    if k in _NEEDED or k in _OTHERS})
    except ValueError as error:
        wrong.append(str(error))
        return None


def _kind(value: Any) -> str:
    return f"{type(value).__name__} {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text; put it in quotes")
    return value


def _number(value: Any) -> float:
    """A finite number. YAML reads 1e3 (no dot) as text: told apart in the error."""
    if isinstance(value, str):
        raise ValueError("a number; write it without quotes, and 1.0e3 rather than 1e3")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("a finite number; leave a limit out for none")
    return number


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _pair(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a list of two numbers, such as [1.0, 2.5]")
    return _number(value[0]), _number(value[1])


def _points(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not 3 <= len(value) <= _MOST_CORNERS:
        raise ValueError(f"a list of 3 to {_MOST_CORNERS} corners, as [[0, 0], [2, 0], [2, 1]]")
    return tuple(_pair(point) for point in value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of texts, such as [person, dog]")
    return tuple(_text(item) for item in value)


_Fields = dict[str, Callable[[Any], Any]]
_NEEDED: _Fields = {"name": _text, "frame_id": _text}
_OTHERS: _Fields = {"classes": _texts, "enter_hits": _count, "enter_after_s": _number,
                    "dwell_s": _number, "leave_after_s": _number, "hysteresis_m": _number,
                    "keep_out": _bool}
_HEIGHTS: _Fields = {"z_min_m": _number, "z_max_m": _number}
_SHAPES: dict[str, tuple[Callable[..., Shape], _Fields, _Fields]] = {
    "polygon": (Prism, {"points": _points}, {}),
    "cylinder": (Cylinder, {"center": _pair, "radius_m": _number}, {}),
    "sector": (Sector, {"range_m": _pair, "bearing_deg": _pair}, {"optical": _bool}),
}

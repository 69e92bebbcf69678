"""Settings: values declared once with default, unit, range and description, and checked as one.

The declaration of a field is the only place that holds its default and its limits. The library
checks with it, the ROS nodes make their parameters from it, and `docs/parameters.md` is printed
from it.

    @dataclass(frozen=True)
    class GateConfig(Settings):
        heartbeat_s: float = setting(10.0, "Longest time without a passed frame.", unit="s",
                                     ge=0.1, le=3600.0, runtime=True)

    GateConfig(heartbeat_s=0)   # SettingError: heartbeat_s = 0 is below its least value 0.1 s …
"""
from __future__ import annotations

import dataclasses
import math
import numbers
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

_KEY = "smolvlm_ros.setting"
_SCALARS: dict[type, str] = {bool: "bool", int: "integer", float: "double", str: "string"}

T = TypeVar("T", bound="Settings")


class SettingError(ValueError):
    """One or more settings are outside their limits; the text names each, its limit and the fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Setting:
    """What is known of one setting, as its declaration says it.

    Attributes:
        doc: one or more sentences for the user.
        unit: SI unit or the kind of thing counted ('s', 'm', 'px', 'Hz', …), empty where none is.
        ge: least value, included; None for no limit. For text and lists: least length.
        le: greatest value, included; None for no limit. For text and lists: greatest length.
        choices: the only values allowed; empty for any.
        runtime: True when a running node takes a new value; False when it needs configuring again.
    """

    doc: str
    unit: str = ""
    ge: float | None = None
    le: float | None = None
    choices: tuple[Any, ...] = ()
    runtime: bool = False

    def range_text(self) -> str:
        """The limits in words, empty where there are none: '0.1 to 3600 s'."""
        unit = f" {self.unit}" if self.unit else ""
        if self.choices:
            return ", ".join(repr(c) if isinstance(c, str) else str(c) for c in self.choices)
        if self.ge is not None and self.le is not None:
            return f"{self.ge:g} to {self.le:g}{unit}"
        if self.ge is not None:
            return f"at least {self.ge:g}{unit}"
        if self.le is not None:
            return f"at most {self.le:g}{unit}"
        return ""


@dataclass(frozen=True)
class Declared:
    """One leaf setting of a Settings class: dotted name, type, default and declaration."""

    name: str
    type: Any
    default: Any
    setting: Setting

    @property
    def type_text(self) -> str:
        """The ROS parameter type in words: 'double', 'string array', …"""
        item = _item_type(self.type)
        return f"{_SCALARS[item]} array" if item is not None else _SCALARS[self.type]


def setting(default: Any, doc: str, *, unit: str = "", ge: float | None = None,
            le: float | None = None, choices: tuple[Any, ...] = (), runtime: bool = False) -> Any:
    """Declare a field of a Settings class; see `Setting` for the arguments."""
    described = Setting(doc, unit, ge, le, tuple(choices), runtime)
    return field(default=default, metadata={_KEY: described})


def group(kind: type[T]) -> Any:
    """Declare a nested Settings class; its fields are named `group.field`."""
    return field(default_factory=kind)


class Settings:
    """Base of frozen dataclasses whose fields are made by `setting` and `group`.

    Raises:
        SettingError: on construction, naming every field that is outside its limits.
    """

    def __post_init__(self) -> None:
        problems: list[str] = []
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            described = item.metadata.get(_KEY)
            if described is None:
                continue
            value, problem = _check(item.name, getattr(self, item.name), hints[item.name],
                                    described)
            if problem:
                problems.append(problem)
            else:
                object.__setattr__(self, item.name, value)
        if not problems:
            problems.extend(self.conflicts())
        if problems:
            raise SettingError(problems)

    def conflicts(self) -> list[str]:
        """Rules between settings, for a subclass to give: one sentence for each broken one."""
        return []

    @classmethod
    def declared(cls, prefix: str = "") -> Iterator[Declared]:
        """Every leaf setting, nested ones with dotted names, in order of declaration."""
        hints = typing.get_type_hints(cls)
        for item in dataclasses.fields(cls):  # type: ignore[arg-type]
            kind = hints[item.name]
            if isinstance(kind, type) and issubclass(kind, Settings):
                yield from kind.declared(f"{prefix}{item.name}.")
            elif _KEY in item.metadata:
                yield Declared(prefix + item.name, kind, item.default, item.metadata[_KEY])

    @classmethod
    def from_flat(cls: type[T], values: Mapping[str, Any]) -> T:
        """Build from dotted names, defaults for those left out.

        Raises:
            SettingError: for unknown names and for every value outside its limits.
        """
        known = {d.name for d in cls.declared()}
        problems = [f"{name} is not a setting; known are {', '.join(sorted(known))}"
                    for name in values if name not in known]
        arguments: dict[str, Any] = {}
        hints = typing.get_type_hints(cls)
        for item in dataclasses.fields(cls):  # type: ignore[arg-type]
            kind = hints[item.name]
            if isinstance(kind, type) and issubclass(kind, Settings):
                head = item.name + "."
                inner = {k[len(head):]: v for k, v in values.items()
                         if k.startswith(head) and k in known}
                try:
                    arguments[item.name] = kind.from_flat(inner)
                except SettingError as error:
                    problems.extend(head + p for p in error.problems)
            elif item.name in values:
                arguments[item.name] = values[item.name]
        try:
            made = cls(**arguments)
        except SettingError as error:
            problems.extend(error.problems)
        if problems:
            raise SettingError(problems)
        return made

    def flat(self) -> dict[str, Any]:
        """The values by dotted name, as `from_flat` takes them."""
        result: dict[str, Any] = {}
        for declared in self.declared():
            value: Any = self
            for part in declared.name.split("."):
                value = getattr(value, part)
            result[declared.name] = value
        return result

    def changed(self: T, **values: Any) -> T:
        """A copy with other values, checked like a new one. Dots in names are written `__`."""
        dotted = {name.replace("__", "."): value for name, value in values.items()}
        return self.from_flat({**self.flat(), **dotted})


def _item_type(kind: Any) -> type | None:
    """`tuple[float, ...]` gives float; a scalar type gives None."""
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0]  # type: ignore[no-any-return]
    return None


def _check(name: str, value: Any, kind: Any, described: Setting) -> tuple[Any, str]:
    """The value in its declared type and '', or the problem in words."""
    item = _item_type(kind)
    if item is not None:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            return value, (f"{name} = {value!r} must be a list of {_SCALARS[item]}; "
                           "write it as [a, b]")
        elements = []
        for index, element in enumerate(value):
            converted, problem = _convert(f"{name}[{index}]", element, item)
            if problem:
                return value, problem
            elements.append(converted)
        result = tuple(elements)
        return result, _limit(name, len(result), described, "entries", result)
    converted, problem = _convert(name, value, kind)
    if problem:
        return value, problem
    measured = len(converted) if kind is str else converted
    unit = "characters" if kind is str else described.unit
    return converted, _limit(name, measured, described, unit, (converted,))


def _convert(name: str, value: Any, kind: type) -> tuple[Any, str]:
    is_bool = isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if kind is bool and is_bool:
        return bool(value), ""
    if kind is int and isinstance(value, numbers.Integral) and not is_bool:
        return int(value), ""
    if kind is float and isinstance(value, numbers.Real) and not is_bool:
        if math.isfinite(value):
            return float(value), ""
        return value, f"{name} = {value!r} must be finite; give a number"
    if kind is str and isinstance(value, str):
        return value, ""
    return value, (f"{name} = {value!r} has type {type(value).__name__}, "
                   f"expected {_SCALARS[kind]}; give a {_SCALARS[kind]}")


def _limit(name: str, measured: Any, described: Setting, unit: str, values: tuple[Any, ...]) -> str:
    if described.choices:
        wrong = [v for v in values if v not in described.choices]
        return (f"{name} = {wrong[0]!r} is not one of {described.range_text()}; use one of these"
                if wrong else "")
    suffix = f" {unit}" if unit else ""
    if described.ge is not None and measured < described.ge:
        return (f"{name} = {measured!r} is below its least value {described.ge:g}{suffix}; "
                f"use {described.range_text()}")
    if described.le is not None and measured > described.le:
        return (f"{name} = {measured!r} is above its greatest value {described.le:g}{suffix}; "
                f"use {described.range_text()}")
    return ""

"""ROS parameters made from a Settings class: declared, described, validated all or nothing."""
from __future__ import annotations

import difflib
import threading
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from smolvlm_ros.settings import Declared, Setting, SettingError, Settings, setting

T = TypeVar("T", bound="NodeSettings")

_HUGE = 1e18  # a range needs both ends; this stands for the missing one


@dataclass(frozen=True)
class NodeSettings(Settings):
    """Parameters that every node of the package has."""

    autostart: bool = setting(
        False, "Configure and activate by itself when the process starts. Leave it off when a "
        "lifecycle manager does that.")
    autostart_retry_s: float = setting(
        10.0, "Time after which a failed start is tried again by itself; 0 for never.", unit="s",
        ge=0.0, le=3600.0, runtime=True)
    diagnostics_period_s: float = setting(
        1.0, "Time between two messages on /diagnostics.", unit="s", ge=0.1, le=60.0,
        runtime=True)


def describe(declared: Declared) -> ParameterDescriptor:
    """The ROS descriptor of a declared setting.

    Typing is dynamic so that `1` is accepted where a double is meant; the settings check the type.
    """
    info = declared.setting
    descriptor = ParameterDescriptor(
        name=declared.name, dynamic_typing=True,
        description=f"{info.doc} [{info.unit}]" if info.unit else info.doc,
        additional_constraints=_constraints(info))
    has_range = info.ge is not None or info.le is not None
    low = -_HUGE if info.ge is None else info.ge
    high = _HUGE if info.le is None else info.le
    if declared.type is float and has_range:
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low),
                                                              to_value=float(high))]
    elif declared.type is int and has_range:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor


def _constraints(info: Setting) -> str:
    when = "changes while running" if info.runtime else "takes effect at the next configure"
    return f"allowed: {info.range_text()}; {when}" if info.range_text() else when


@dataclass(frozen=True)
class Change(Generic[T]):
    """A set request that has been found good.

    Attributes:
        settings: the node's settings with it.
        parameters: what rclpy is to store: the values in their declared types.
        wanted: every value that was asked for until now, by dotted name.
        problems: what is still wrong with values given at start.
    """

    settings: T
    parameters: list[Parameter]
    wanted: Mapping[str, Any]
    problems: tuple[str, ...]


class Parameters(Generic[T]):
    """The parameters of one node, and the settings object that they add up to.

    Args:
        kind: the settings class.
        overrides: values given at start (from a YAML file or the command line) by dotted name.

    Attributes:
        current: the settings as the node has them, always valid: values given at start that cannot
            be used are left at their defaults.
        lock: held over a check and what follows from it, where more than one thread sets.
    """

    def __init__(self, kind: type[T], overrides: Mapping[str, Any]) -> None:
        self._kind = kind
        self._declared = {d.name: d for d in kind.declared()}
        self.lock = threading.RLock()
        given = {k: v for k, v in overrides.items() if not _is_ros_own(k)}
        self._unknown = tuple(self._misspelt(name) for name in given if name not in self._declared)
        known = {k: v for k, v in given.items() if k in self._declared}
        self._wrong: tuple[str, ...] = ()
        try:
            self.current: T = kind.from_flat(known)
        except SettingError as error:
            self._wrong = error.problems
            self.current = _usable(kind, known)
        self._wanted: Mapping[str, Any] = {**self.current.flat(), **known}

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the values given at start cannot be used; empty when they can.

        A bad value is mended by setting it; a name that does not exist only where it was written.
        """
        return self._unknown + self._wrong

    def declare(self, node: Any) -> None:
        """Declare every parameter on the node, with the values that are in use."""
        flat = self.current.flat()
        for name, declared in self._declared.items():
            node.declare_parameter(name, _to_ros(flat[name]), describe(declared),
                                   ignore_override=True)
        # An empty list has no type by itself; rclpy would take it for bytes.
        empty = [self._parameter(name, flat[name]) for name in flat if flat[name] == ()]
        if empty:
            LifecycleNode.set_parameters_atomically(node, empty)

    def check(self, changes: Sequence[Any], configured: bool) -> Change[T]:
        """What a set request comes to.

        Args:
            changes: rclpy Parameters.
            configured: True when the node has been configured; then only runtime ones may change.

        Raises:
            SettingError: naming each refused parameter, its limit and the fix.
        """
        unknown = [self._misspelt(p.name) for p in changes
                   if p.name not in self._declared and not _is_ros_own(p.name)]
        if unknown:
            raise SettingError(unknown)
        values = {p.name: p.value for p in changes if p.name in self._declared}
        wanted = {**self._wanted, **values}
        wrong: tuple[str, ...] = ()
        try:
            made = self._kind.from_flat(wanted)
        except SettingError as error:
            # What was wrong at the start is mended one by one.
            made, wrong = self._kind.from_flat({**self.current.flat(), **values}), error.problems
        flat, now = made.flat(), self.current.flat()
        fixed = [f"{name} cannot change while the node is configured; clean the node up first "
                 f"(ros2 lifecycle set NODE cleanup), or restart it"
                 for name in values if configured and flat[name] != now[name]
                 and not self._declared[name].setting.runtime]
        if fixed:
            raise SettingError(fixed)
        parameters = [self._parameter(p.name, flat[p.name]) if p.name in flat else p
                      for p in changes]
        return Change(made, parameters, wanted, wrong)

    def accept(self, change: Change[T]) -> None:
        """Make a checked change the node's settings."""
        self.current, self._wanted, self._wrong = change.settings, change.wanted, change.problems

    def put(self, node: Any, name: str, value: Any) -> None:
        """A change that the node makes by itself; `ros2 param get` shows it."""
        with self.lock:
            change = self.check([self._parameter(name, value)], configured=False)
            LifecycleNode.set_parameters_atomically(node, change.parameters)
            self.accept(change)

    def _parameter(self, name: str, value: Any) -> Parameter:
        return Parameter(name, _ros_type(self._declared[name].type), _to_ros(value))

    def _misspelt(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._declared, n=1)
        hint = f"did you mean {near[0]}?" if near else "see docs/parameters.md"
        return f"{name} is not a parameter of this node; {hint}"


def _usable(kind: type[T], given: Mapping[str, Any]) -> T:
    """The settings with those of the values that can be used, defaults for the others."""
    good: dict[str, Any] = {}
    for name, value in given.items():
        try:
            kind.from_flat({**good, name: value})
        except SettingError:
            continue
        good[name] = value
    return kind.from_flat(good)


def _is_ros_own(name: str) -> bool:
    return (name in ("use_sim_time", "start_type_description_service")
            or name.startswith("qos_overrides."))


def _ros_type(kind: Any) -> Parameter.Type:
    if typing.get_origin(kind) is tuple:
        return {bool: Parameter.Type.BOOL_ARRAY, int: Parameter.Type.INTEGER_ARRAY,
                float: Parameter.Type.DOUBLE_ARRAY,
                str: Parameter.Type.STRING_ARRAY}[typing.get_args(kind)[0]]
    return {bool: Parameter.Type.BOOL, int: Parameter.Type.INTEGER, float: Parameter.Type.DOUBLE,
            str: Parameter.Type.STRING}[kind]


def _to_ros(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

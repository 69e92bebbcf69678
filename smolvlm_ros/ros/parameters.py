"""ROS parameters made from a Settings class: declared, described, validated all or nothing."""
from __future__ import annotations

import difflib
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
        1.0, "Time between two messages on /diagnostics.", unit="s", ge=0.1, le=60.0)


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
    limits = f"allowed: {info.range_text()}; " if info.range_text() else ""
    return limits + ("changes while running" if info.runtime else "takes effect at the next configure")


class Parameters(Generic[T]):
    """The parameters of one node, and the settings object that they add up to.

    Args:
        kind: the settings class.
        overrides: values given at start (from a YAML file or the command line) by dotted name.

    Attributes:
        current: the settings as the node has them, always valid.
        problems: why the values given at start cannot be used; empty when they can.
    """

    def __init__(self, kind: type[T], overrides: Mapping[str, Any]) -> None:
        self._kind = kind
        self._declared = {d.name: d for d in kind.declared()}
        given = {k: v for k, v in overrides.items() if not _is_ros_own(k)}
        self.problems = [self._unknown(name) for name in given if name not in self._declared]
        known = {k: v for k, v in given.items() if k in self._declared}
        try:
            self.current: T = kind.from_flat(known)
        except SettingError as error:
            self.problems.extend(error.problems)
            self.current = kind()

    def declare(self, node: Any) -> None:
        """Declare every parameter on the node, with the values that are in use."""
        flat = self.current.flat()
        for name, declared in self._declared.items():
            node.declare_parameter(name, _to_ros(flat[name]), describe(declared),
                                   ignore_override=True)

    def check(self, changes: Sequence[Any], configured: bool) -> T:
        """The settings after a set request, or the reasons against it.

        Args:
            changes: rclpy Parameters.
            configured: True when the node has been configured; then only runtime ones may change.

        Raises:
            SettingError: naming each refused parameter, its limit and the fix.
        """
        values = {p.name: p.value for p in changes if p.name in self._declared}
        made = self._kind.from_flat({**self.current.flat(), **values})
        flat, now = made.flat(), self.current.flat()
        fixed = [f"{name} cannot change while the node is configured; clean the node up first "
                 f"(ros2 lifecycle set NODE cleanup), or restart it"
                 for name in values if configured and flat[name] != now[name]
                 and not self._declared[name].setting.runtime]
        if fixed:
            raise SettingError(fixed)
        return made

    def accept(self, made: T) -> None:
        """Make checked settings the current ones; values given at start are forgotten."""
        self.current = made
        self.problems = []

    def show(self, node: Any, name: str) -> None:
        """Let `ros2 param get` show a value that the node has changed by itself."""
        value = Parameter(name, value=_to_ros(self.current.flat()[name]))
        LifecycleNode.set_parameters_atomically(node, [value])

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._declared, n=1)
        hint = f"did you mean {near[0]}?" if near else "see docs/parameters.md"
        return f"{name} is not a parameter of this node; {hint}"


def _is_ros_own(name: str) -> bool:
    return name in ("use_sim_time", "start_type_description_service") or name.startswith("qos_overrides.")


def _to_ros(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

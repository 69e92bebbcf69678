"""Launch arguments in which a typo is an error.

`ros2 launch` takes any `name:=value` and drops what nobody declared, and an argument takes any
text; so `rvzi:=true` would be a quiet start without rviz, and `rviz:=ture` a late error.
"""
from __future__ import annotations

import difflib
from collections.abc import Iterator

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.events import IncludeLaunchDescription as LaunchRequested
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

# Configurations that launch itself reads, declared by nobody.
_LAUNCH_OWN = ("emulate_tty", "launch-prefix", "launch-prefix-filter", "sigkill_timeout",
               "sigterm_timeout")
_FLAGS = ["true", "false", "True", "False"]


def flag(name: str, description: str, default: bool = False) -> DeclareLaunchArgument:
    """Declare a launch argument that is true or false and nothing else."""
    return DeclareLaunchArgument(name, default_value=str(default).lower(), choices=_FLAGS,
                                 description=description)


def optional_flag(name: str, description: str) -> DeclareLaunchArgument:
    """Declare a launch argument that is true, false, or not given: then something else says."""
    return DeclareLaunchArgument(name, default_value="", choices=["", *_FLAGS],
                                 description=description)


def is_true(context: LaunchContext, name: str) -> bool:
    """The value of an argument declared by `flag`; False for an `optional_flag` not given."""
    return str(context.launch_configurations[name]).lower() == "true"


def refuse_unknown_arguments(context: LaunchContext) -> None:
    """Refuse arguments that nothing in the whole launch declares.

    What is looked at are the arguments given to the launch file that was started; a launch file
    that includes ours answers for its own.

    Raises:
        RuntimeError: naming each unknown argument and the nearest known one.
    """
    request = context.get_locals_as_dict().get("event")
    here = context.get_locals_as_dict().get("current_launch_file_path")
    if not isinstance(request, LaunchRequested):
        return
    declared = {a.name for a in request.launch_description.get_launch_arguments()}
    declared.update(_LAUNCH_OWN)
    given = [name for action in request.launch_description.entities
             if isinstance(action, IncludeLaunchDescription)
             and action.launch_description_source.location == here
             for name in _names(context, action)]
    unknown = [_sentence(name, declared) for name in given if name not in declared]
    if unknown:
        raise RuntimeError("; ".join(unknown) + " (ros2 launch … --show-args lists all)")


def _names(context: LaunchContext, include: IncludeLaunchDescription) -> Iterator[str]:
    for name, _ in include.launch_arguments:
        yield perform_substitutions(context, normalize_to_list_of_substitutions(name))


def _sentence(name: str, declared: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(declared), n=1)
    return f"unknown launch argument '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")

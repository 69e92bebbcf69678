"""Whether nodes take the time from /clock: by the launch argument, else as was set outside."""
from __future__ import annotations

from typing import Any

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument

from smolvlm_ros.launching.arguments import is_true, optional_flag
from smolvlm_ros.launching.parameter_file import read, value_of

_NAME = "use_sim_time"
_ANY_NODE = "gate"  # a launch with two clocks is none


def sim_time_argument() -> DeclareLaunchArgument:
    """Declare the argument."""
    return optional_flag(_NAME, "Take the time from /clock. Where it is not given, the parameter "
                         "file or a SetParameter around this launch says.")


def sim_time_parameters(context: LaunchContext) -> list[dict[str, Any]]:
    """What a node's parameters end with: the argument, where it was given."""
    return [{_NAME: is_true(context, _NAME)}] if context.launch_configurations[_NAME] else []


def is_sim_time(context: LaunchContext) -> bool:
    """What holds for the nodes, for programs that read no parameter file.

    Raises:
        ValueError: a parameter file cannot be read.
    """
    values = context.launch_configurations
    if values[_NAME]:
        return is_true(context, _NAME)
    # The order in which launch_ros gives them to a node: the last one wins.
    held: Any = False
    for each in (*values.get("global_params", ()), values["params_file"]):
        if not isinstance(each, tuple):
            held = value_of(read(each), _ANY_NODE, _NAME, held)
        elif each[0] == _NAME:
            held = each[1]
    return str(held).lower() == "true"

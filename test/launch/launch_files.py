"""The package's launch files, run as `ros2 launch` does or loaded as modules."""
from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription

LAUNCH = Path(__file__).parents[2] / "launch"
FILES = sorted(p.name for p in LAUNCH.glob("*.launch.py"))


def include(name: str, **arguments: str) -> IncludeLaunchDescription:
    """What `ros2 launch` does with a file and its arguments."""
    return IncludeLaunchDescription(str(LAUNCH / name), launch_arguments=arguments.items())


def run(*actions: object) -> int:
    service = LaunchService()
    service.include_launch_description(LaunchDescription(list(actions)))
    code: int = service.run()
    return code


def load(name: str) -> Any:
    """A launch file as a module."""
    spec = importlib.util.spec_from_file_location(name.partition(".")[0], LAUNCH / name)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def funnel_context(**given: str) -> tuple[Any, LaunchContext]:
    """The module of funnel.launch.py, and a context with its arguments."""
    funnel = load("funnel.launch.py")
    context = LaunchContext()
    context.launch_configurations.update(
        {a.name: "".join(context.perform_substitution(part) for part in a.default_value)
         for a in funnel.declared_arguments()}, **given)
    return funnel, context

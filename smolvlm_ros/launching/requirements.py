"""What a launch needs, checked before anything starts."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from rclpy.exceptions import NameValidationException
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace


def require_namespace(argument: str, name: str) -> None:
    """Refuse a namespace that ROS would refuse.

    Raises:
        RuntimeError: naming the argument and what is wrong.
    """
    try:
        validate_namespace(name)
    except NameValidationException as error:
        raise RuntimeError(f"{argument}: {error}") from error


def require_topic(argument: str, name: str) -> None:
    """Refuse a full topic name that ROS would refuse.

    Raises:
        RuntimeError: naming the argument and what is wrong.
    """
    try:
        validate_full_topic_name(name)
    except NameValidationException as error:
        raise RuntimeError(f"{argument}: {error}") from error


def require_parameters(path: str) -> dict[str, Any]:
    """Read a parameter file; refuse one that is missing or not YAML.

    A node would end at once on it, and be respawned for ever.

    Returns:
        What it holds.

    Raises:
        RuntimeError: naming the file, what is wrong and the fix.
    """
    if not Path(path).is_file():
        raise RuntimeError(f"params_file '{path}' is not a file; give the path of a YAML file")
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuntimeError(f"params_file '{path}' cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RuntimeError(f"params_file '{path}' holds no parameters; begin it with a node's "
                           "name, as '/**/gate:', and below it 'ros__parameters:'")
    return content


def parameter(content: dict[str, Any], node: str, name: str, default: Any) -> Any:
    """What a parameter file gives a node, whatever its namespace.

    Args:
        content: as `require_parameters` returns it.
        node: the node's name.
        name: the parameter's name, without dots.
        default: for a parameter that is not there.
    """
    value = default
    for section, inner in content.items():
        if str(section).rsplit("/", 1)[-1] in (node, "**") and isinstance(inner, dict):
            value = (inner.get("ros__parameters") or {}).get(name, value)
    return value


def require_package(package: str, argument: str) -> None:
    """Refuse an argument whose package is not installed.

    Raises:
        RuntimeError: naming the argument, the package and how to install it.
    """
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        apt = f"ros-{os.environ.get('ROS_DISTRO', 'DISTRO')}-{package.replace('_', '-')}"
        raise RuntimeError(f"{argument} needs the package {package}, which is not installed; "
                           f"sudo apt install {apt}, or leave {argument} out") from None

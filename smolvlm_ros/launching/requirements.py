"""What a launch needs, checked before anything starts."""
from __future__ import annotations

import os
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from rclpy.exceptions import NameValidationException
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace

from smolvlm_ros.launching import parameter_file


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
    try:
        return parameter_file.read(path)
    except ValueError as error:
        raise RuntimeError(f"params_file {error}") from error


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

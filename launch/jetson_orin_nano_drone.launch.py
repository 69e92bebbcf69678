"""Launches the funnel on a drone with a Jetson Orin Nano (8 GB), in one process."""
from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction

from smolvlm_ros.launching.arguments import flag, refuse_unknown_arguments

HERE = Path(__file__).parent


def generate_launch_description() -> LaunchDescription:
    """Describe the launch; the arguments of funnel.launch.py are its arguments too."""
    return LaunchDescription([
        OpaqueFunction(function=refuse_unknown_arguments),
        DeclareLaunchArgument("params_file",
                              default_value=str(HERE.parent / "config/jetson_orin_nano_drone.yaml"),
                              description="YAML file with the parameters of the nodes."),
        flag("composed", "All nodes in one process: least memory. Else a process for each.",
             default=True),
        IncludeLaunchDescription(str(HERE / "funnel.launch.py")),
    ])

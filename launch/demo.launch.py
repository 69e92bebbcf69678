"""Launches the funnel on a video, folder, recording or camera, played by video_source.

Without arguments it plays a scene that the package draws itself, and needs no file and no weights.
"""
from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.substitutions import EnvironmentVariable
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from smolvlm_ros.launching.arguments import flag, is_true, refuse_unknown_arguments
from smolvlm_ros.launching.startup import Stage, full_name, start_in_order

HERE = Path(__file__).parent
# Fast DDS with room for images; where another middleware is in use nobody reads it.
FAST_DDS = "FASTRTPS_DEFAULT_PROFILES_FILE"


def generate_launch_description() -> LaunchDescription:
    """Describe the launch; the arguments of funnel.launch.py are its arguments too."""
    return LaunchDescription([
        OpaqueFunction(function=refuse_unknown_arguments),
        DeclareLaunchArgument("source", default_value="demo",
                              description="A video file, a folder of images, an RGB-D folder, a "
                              "rosbag2 or MCAP recording, a camera (0 or /dev/video0), or demo "
                              "for the drawn scene."),
        flag("loop", "Start again after the last frame."),
        DeclareLaunchArgument("params_file", default_value=str(HERE.parent / "config/demo.yaml"),
                              description="YAML file with the parameters of the nodes. The default "
                              "holds the camera's mount in the drawn scene; another source needs "
                              "its own."),
        SetEnvironmentVariable(FAST_DDS, EnvironmentVariable(
            FAST_DDS, default_value=str(HERE.parent / "config/fastdds.xml"))),
        IncludeLaunchDescription(str(HERE / "funnel.launch.py")),
        OpaqueFunction(function=start_source),
    ])


def start_source(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The source, last: when the gate listens."""
    values = context.launch_configurations
    source = Node(
        package="smolvlm_ros", executable="video_source", name="video_source",
        namespace=values["namespace"],
        parameters=[values["params_file"], {
            "source": ParameterValue(values["source"], value_type=str),
            "loop": is_true(context, "loop"),
            "autostart": is_true(context, "autostart"),
            "use_sim_time": is_true(context, "use_sim_time")}],
        remappings=[("image_raw", values["image"]),
                    ("image_raw/compressed", values["image"] + "/compressed"),
                    ("camera_info", values["camera_info"])],
        respawn=True, respawn_delay=2.0, output="both")
    if not is_true(context, "autostart"):
        return [source]
    names = [full_name(context, values["namespace"], node) for node in ("gate", "video_source")]
    return [start_in_order(context, [Stage(source, names[1:])], after=names[:1])]

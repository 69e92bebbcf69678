"""Launches the funnel on a video, folder, recording or camera, played by video_source.

Without arguments it plays a minute of the embedded world, with the checkpoints made for it.
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
from launch_ros.actions import Node, SetRemap
from launch_ros.parameter_descriptions import ParameterValue

from smolvlm_ros.demo.wiring import opening, wiring_of_source
from smolvlm_ros.demo.world import DEMO_SOURCE, world_parameters
from smolvlm_ros.launching.arguments import flag, is_true, refuse_unknown_arguments
from smolvlm_ros.launching.models import choose_models, models_argument
from smolvlm_ros.launching.recording import also_record
from smolvlm_ros.launching.requirements import require_parameters
from smolvlm_ros.launching.sim_time import sim_time_parameters
from smolvlm_ros.launching.startup import Stage, full_name, start_in_order
from smolvlm_ros.models.choice import AUTO, merged
from smolvlm_ros.sources import SourceError

HERE = Path(__file__).parent
PARAMETERS = str(HERE.parent / "config/demo.yaml")
# Fast DDS with room for images; where another middleware is in use nobody reads it.
FAST_DDS = "FASTRTPS_DEFAULT_PROFILES_FILE"


def generate_launch_description() -> LaunchDescription:
    """Describe the launch; the arguments of funnel.launch.py are its arguments too."""
    return LaunchDescription([
        OpaqueFunction(function=refuse_unknown_arguments),
        DeclareLaunchArgument("source", default_value=DEMO_SOURCE,
                              description="A video file, a folder of images, an RGB-D folder, a "
                              "rosbag2 or MCAP recording, a camera (0 or /dev/video0), a minute of "
                              "the embedded world (world:path?seed=3&camera=drone), or demo for a "
                              "drawn room that needs no weights."),
        models_argument(AUTO),
        flag("loop", "Start again after the last frame."),
        DeclareLaunchArgument("params_file", default_value=PARAMETERS,
                              description="YAML file with the parameters of the nodes. The default "
                              "holds the camera's mount in the drawn room; another source needs "
                              "its own. The embedded world brings its poses, and with the default "
                              "file its zones."),
        SetEnvironmentVariable(FAST_DDS, EnvironmentVariable(
            FAST_DDS, default_value=str(HERE.parent / "config/fastdds.xml"))),
        OpaqueFunction(function=choose),
        IncludeLaunchDescription(str(HERE / "funnel.launch.py")),
        OpaqueFunction(function=start_source),
    ])


def choose(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The models and the wiring for the source, before anything starts."""
    values = context.launch_configurations
    file = require_parameters(values["params_file"])
    try:
        world = world_parameters(values["source"], zones=values["params_file"] == PARAMETERS)
        wiring = wiring_of_source(values["source"], opening(file))
    except SourceError as error:
        raise RuntimeError(str(error)) from error
    choose_models(context, values["source"], merged(world, wiring.parameters), wiring.frame_id)
    also_record(context, [topic for _, topic in wiring.remappings])
    return [SetRemap(*pair) for pair in wiring.remappings]


def start_source(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The source, last: when the gate listens."""
    values = context.launch_configurations
    source = Node(
        package="smolvlm_ros", executable="video_source", name="video_source",
        namespace=values["namespace"],
        parameters=[values["params_file"], {
            "source": ParameterValue(values["source"], value_type=str),
            "loop": is_true(context, "loop"),
            "autostart": is_true(context, "autostart")}, *sim_time_parameters(context)],
        remappings=[("image_raw", values["image"]),
                    ("image_raw/compressed", values["image"] + "/compressed"),
                    ("camera_info", values["camera_info"])],
        respawn=True, respawn_delay=2.0, output="both")
    if not is_true(context, "autostart"):
        return [source]
    names = [full_name(context, values["namespace"], node) for node in ("gate", "video_source")]
    return [start_in_order(context, [Stage(source, names[1:])], after=names[:1])]

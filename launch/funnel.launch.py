"""Launches the funnel: gate, depth, detector, fusion and scene_qa; to record, anonymizer as well.

The nodes come up by themselves, consumers first, and one that dies is started again and comes back
active. `ros2 launch smolvlm_ros funnel.launch.py --show-args` lists the arguments.
"""
from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

from smolvlm_ros.launching.arguments import flag, is_true, refuse_unknown_arguments
from smolvlm_ros.launching.models import choose_models, models_argument
from smolvlm_ros.launching.parameter_file import value_of
from smolvlm_ros.launching.recording import (
    anonymizes,
    check_recording,
    record_arguments,
    recorder,
)
from smolvlm_ros.launching.requirements import (
    require_namespace,
    require_package,
    require_parameters,
    require_topic,
)
from smolvlm_ros.launching.sim_time import (
    is_sim_time,
    sim_time_argument,
    sim_time_parameters,
)
from smolvlm_ros.launching.startup import Stage, full_name, start_in_order
from smolvlm_ros.models.choice import PARAMS

CONFIG = Path(__file__).parent.parent / "config"
NODES = ("scene_qa", "fusion", "detector", "depth", "gate")  # consumers first
ANONYMIZER = "anonymizer"
RESPAWN_DELAY_S = 2.0
STOP_S = "15"  # what a node may take to end a forward pass and release its model


def generate_launch_description() -> LaunchDescription:
    """Describe the launch."""
    return LaunchDescription([
        OpaqueFunction(function=refuse_unknown_arguments),
        *declared_arguments(),
        OpaqueFunction(function=check),
        OpaqueFunction(function=start_tools),
        OpaqueFunction(function=start_nodes),
    ])


def declared_arguments() -> list[DeclareLaunchArgument]:
    """The launch arguments."""
    return [
        DeclareLaunchArgument("namespace", default_value="",
                              description="Namespace of all nodes and of their relative topics."),
        DeclareLaunchArgument("params_file", default_value=str(CONFIG / "funnel.yaml"),
                              description="YAML file with the parameters of the nodes."),
        DeclareLaunchArgument("image", default_value="image_raw",
                              description="The camera's image topic; for compressed images "
                              "without /compressed at its end."),
        DeclareLaunchArgument("camera_info", default_value="camera_info",
                              description="The camera's CameraInfo topic."),
        flag("rectified", "The images are rectified (image_rect of image_proc): depth and fusion "
             "take the camera from P of camera_info, not K and D. Else the parameter file says."),
        models_argument(PARAMS),
        flag("composed", "All nodes in one process: least memory. Else a process for each: one "
             "that dies takes no other with it."),
        flag("autostart", "Configure and activate the nodes, also after a respawn. Else a "
             "lifecycle manager does it.", default=True),
        DeclareLaunchArgument("log_level", default_value="info",
                              choices=["debug", "info", "warn", "error", "fatal"],
                              description="What the nodes log."),
        sim_time_argument(),
        flag("rviz", "Show image, depth, objects and zones in rviz. Its fixed frame is fusion's "
             "target_frame; where that is not set, choose the camera's frame in rviz."),
        *record_arguments(),
    ]


def check(context: LaunchContext) -> None:
    """Refuse, before anything starts, what would fail later."""
    values = context.launch_configurations
    require_namespace("namespace", full_name(context, values["namespace"]))
    for argument in ("image", "camera_info"):
        topic = values[argument]
        require_topic(argument, topic if topic.startswith("/")
                      else full_name(context, values["namespace"], topic))
    require_parameters(values["params_file"])
    lens = {"rectified": True} if is_true(context, "rectified") else {}
    choose_models(context, "", {"depth": lens, "fusion": lens} if lens else {})
    if is_true(context, "rviz"):
        require_package("rviz2", "rviz:=true")
    check_recording(context)


def start_tools(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Rviz and the recorder, which miss nothing when they come first."""
    tools: list[LaunchDescriptionEntity] = []
    if is_true(context, "rviz"):
        tools.append(rviz(context))
    if is_true(context, "record"):
        tools.append(recorder(context, context.launch_configurations["namespace"]))
    return tools


def rviz(context: LaunchContext) -> Node:
    """Rviz in the funnel's namespace, its fixed frame that of the objects."""
    values = context.launch_configurations
    frame = value_of(require_parameters(values["params_file"]), "fusion", "target_frame", "")
    return Node(
        package="rviz2", executable="rviz2", namespace=values["namespace"],
        arguments=["-d", str(CONFIG / "smolvlm_ros.rviz"), *(["-f", frame] if frame else [])],
        parameters=[{"use_sim_time": is_sim_time(context)}], output="both")


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The nodes, one after the other, or at once where a lifecycle manager orders them."""
    namespace = context.launch_configurations["namespace"]
    nodes = (ANONYMIZER, *NODES) if anonymizes(context) else NODES
    names = {node: full_name(context, namespace, node) for node in nodes}
    if is_true(context, "composed"):
        stages = [Stage(node_process(context, "funnel", nodes), list(names.values()))]
    else:
        stages = [Stage(node_process(context, node, [node]), [names[node]]) for node in nodes]
    if is_true(context, "autostart"):
        return [start_in_order(context, stages)]
    return [stage.process for stage in stages]


def node_process(context: LaunchContext, executable: str, nodes: list[str] | tuple[str, ...]
                 ) -> Node:
    """One process with one or all nodes."""
    values = context.launch_configurations
    loggers = [full_name(context, values["namespace"], node)[1:].replace("/", ".")
               for node in nodes]
    return Node(
        package="smolvlm_ros", executable=executable,
        arguments=["--anonymizer"] if len(nodes) > 1 and ANONYMIZER in nodes else [],
        name=nodes[0] if len(nodes) == 1 else None,
        namespace=values["namespace"],
        parameters=[values["params_file"], {"autostart": is_true(context, "autostart")},
                    *sim_time_parameters(context)],
        remappings=[("gate:image", values["image"]),
                    ("gate:image/compressed", values["image"] + "/compressed"),
                    ("gate:camera_info", values["camera_info"])],
        ros_arguments=[part for logger in loggers
                       for part in ("--log-level", f"{logger}:={values['log_level']}")],
        respawn=True, respawn_delay=RESPAWN_DELAY_S, sigterm_timeout=STOP_S, output="both")

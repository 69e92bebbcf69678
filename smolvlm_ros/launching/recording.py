"""Record what the funnel says, as MCAP, with rosbag2."""
from __future__ import annotations

import time
from collections.abc import Sequence

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, ExecuteProcess

from smolvlm_ros.launching.arguments import flag, is_true
from smolvlm_ros.launching.requirements import require_package
from smolvlm_ros.launching.sim_time import is_sim_time
from smolvlm_ros.launching.startup import full_name
from smolvlm_ros.launching.topics import ANONYMIZED, GLOBAL_TOPICS, TOPICS, WITH_FACES

_ALSO = "record_also"  # a launch configuration, declared by nobody: not for the command line
_FLUSH_S = "20"  # what it may take to write what is still in memory when the launch ends


def record_arguments() -> list[DeclareLaunchArgument]:
    """Declare the arguments."""
    return [
        flag("record", "Record what the funnel publishes, as MCAP, into a folder rosbag2_* in the "
             "working directory. In the frames heads, faces and licence plates are covered, by the "
             "node anonymizer, which runs for that."),
        flag("record_faces", "With record:=true, record the frames as they are, and what is drawn "
             "on them: faces and all."),
    ]


def anonymizes(context: LaunchContext) -> bool:
    """Whether frames are covered for the recording."""
    return is_true(context, "record") and not is_true(context, "record_faces")


def check_recording(context: LaunchContext) -> None:
    """Refuse a recording where rosbag2 or its MCAP storage is not installed.

    Raises:
        RuntimeError: naming the package; or `record_faces` is given without `record`.
    """
    if not is_true(context, "record"):
        if is_true(context, "record_faces"):
            raise RuntimeError("record_faces:=true records nothing by itself; give record:=true "
                               "too, or leave it out")
        return
    for package in ("ros2bag", "rosbag2_storage_mcap"):
        require_package(package, "record:=true")


def also_record(context: LaunchContext, topics: Sequence[str]) -> None:
    """Have topics recorded that take the place of the funnel's own, such as a sensor's depth.

    Every message of them is written, those of frames that did not pass too.

    Args:
        context: of the launch.
        topics: relative names, in the funnel's namespace.
    """
    context.launch_configurations[_ALSO] = " ".join(topics)


def recorder(context: LaunchContext, namespace: str) -> ExecuteProcess:
    """Records into a folder rosbag2_NAMESPACE_DATE_TIME in the working directory."""
    pictures = ANONYMIZED if anonymizes(context) else WITH_FACES
    also = context.launch_configurations.get(_ALSO, "").split()
    topics = [full_name(context, namespace, topic) for topic in (*TOPICS, *pictures, *also)]
    return ExecuteProcess(
        cmd=["ros2", "bag", "record", *topics, *GLOBAL_TOPICS, "--storage", "mcap",
             "--output", _folder(full_name(context, namespace)),
             *(["--use-sim-time"] if is_sim_time(context) else [])],
        name="record", output="both", sigterm_timeout=_FLUSH_S)


def _folder(namespace: str) -> str:
    """rosbag2's own name, with the namespace in it: two robots' recordings may start at once."""
    parts = [*namespace.strip("/").split("/"), time.strftime("%Y_%m_%d-%H_%M_%S")]
    return "_".join(["rosbag2", *filter(None, parts)])

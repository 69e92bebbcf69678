"""Record what the funnel says, as MCAP, with rosbag2."""
from __future__ import annotations

from launch import LaunchContext
from launch.actions import ExecuteProcess

from smolvlm_ros.launching.requirements import require_package
from smolvlm_ros.launching.startup import full_name
from smolvlm_ros.launching.topics import GLOBAL_TOPICS, TOPICS

_FLUSH_S = "20"  # what it may take to write what is still in memory when the launch ends


def require_recorder() -> None:
    """Refuse `record:=true` where rosbag2 or its MCAP storage is not installed.

    Raises:
        RuntimeError: naming the package.
    """
    for package in ("ros2bag", "rosbag2_storage_mcap"):
        require_package(package, "record:=true")


def recorder(context: LaunchContext, namespace: str) -> ExecuteProcess:
    """Records into a folder rosbag2_DATE_TIME in the working directory."""
    topics = [full_name(context, namespace, topic) for topic in TOPICS]
    return ExecuteProcess(
        cmd=["ros2", "bag", "record", *topics, *GLOBAL_TOPICS, "--storage", "mcap"],
        name="record", output="both", sigterm_timeout=_FLUSH_S)

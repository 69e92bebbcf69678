"""A ROS domain of a benchmark's own."""
from __future__ import annotations

import contextlib
import os

from smolvlm_ros.demo.files import shared_file


def own_domain(stack: contextlib.ExitStack) -> None:
    """Keep these nodes apart from all others, here and on the network."""
    try:
        from domain_coordinator import domain_id

        os.environ["ROS_DOMAIN_ID"] = str(stack.enter_context(domain_id()))
    except ImportError:  # not part of every ROS installation; one of 101 is seldom taken
        os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 101)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    if os.environ.get("ROS_DISTRO") == "humble":
        os.environ["ROS_LOCALHOST_ONLY"] = "1"
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(shared_file("config/fastdds.xml")))

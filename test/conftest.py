"""What every test run shares: a ROS domain of its own, and a log folder that is not the home's."""
from __future__ import annotations

import contextlib
import os
import tempfile

_KEPT = contextlib.ExitStack()


def pytest_configure() -> None:
    """Keeps this run's nodes apart from every other run's and from a robot's on the network."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    if os.environ.get("ROS_DISTRO") == "humble":  # which does not know that variable yet
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")
    log_folder = _KEPT.enter_context(tempfile.TemporaryDirectory(prefix="smolvlm_ros_log_"))
    os.environ.setdefault("ROS_LOG_DIR", log_folder)
    try:
        from domain_coordinator import domain_id
    except ImportError:  # no ROS here: the tests that need it skip themselves
        return
    # Held until the run ends; child processes inherit the variable.
    os.environ["ROS_DOMAIN_ID"] = str(_KEPT.enter_context(domain_id()))


def pytest_unconfigure() -> None:
    """Gives the domain back."""
    _KEPT.close()

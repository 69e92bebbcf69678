"""Environment variables: what a process inside gets, and what is kept from outside."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

FOREIGN = ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH", "PYTHONHOME",
           "PYTHONPATH", "ROS_DISTRO", "ROS_LOCALHOST_ONLY", "ROS_PYTHON_VERSION", "ROS_VERSION",
           "VIRTUAL_ENV")
"""Of another ROS or another Python: mixed with this environment they break it."""


def outside(variables: Mapping[str, str]) -> dict[str, str]:
    """Returns the caller's variables without those of another ROS or Python."""
    return {name: value for name, value in variables.items() if name not in FOREIGN}


def inside(variables: Mapping[str, str], prefixes: Sequence[Path], modules: Path,
           python: str) -> dict[str, str]:
    """Returns the variables of a process in the environment.

    Args:
        variables: the caller's.
        prefixes: install folders, the most specific first; the last is the virtual environment.
        modules: the folder of the stand-in Python modules.
        python: the interpreter's name as in lib/python3.11.
    """
    found = outside(variables)
    overlays, venv = prefixes[:-1], prefixes[-1]
    joined = os.pathsep.join(map(str, prefixes))
    libraries = [str(prefix / "lib") for prefix in prefixes]
    found.update({
        "PATH": os.pathsep.join((str(prefixes[0] / "lib" / "smolvlm_ros"), str(venv / "bin"),
                                 variables.get("PATH", os.defpath))),
        "PYTHONPATH": os.pathsep.join(
            [str(prefix / "lib" / python / "site-packages") for prefix in overlays]
            + [str(modules)]),
        "AMENT_PREFIX_PATH": joined,
        "CMAKE_PREFIX_PATH": joined,
        # The type supports of the interfaces are found by name when a message is first used.
        "LD_LIBRARY_PATH": os.pathsep.join(
            libraries + [path for path in [variables.get("LD_LIBRARY_PATH", "")] if path]),
        "VIRTUAL_ENV": str(venv),
    })
    found.setdefault("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    # Demos and tests keep to this machine; set it to SUBNET to reach others.
    found.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return found

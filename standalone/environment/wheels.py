"""The ROS wheels were built in another place, and say so in text files: this puts it right."""
from __future__ import annotations

import re
import sysconfig
from pathlib import Path

_BUILDERS_NUMPY = re.compile(
    r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_core/include")
_BUILDERS_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
_BUILDERS_PREFIX = re.compile(r"/opt/python/cp\d+-cp\d+")


def rewrite_paths(prefix: Path) -> int:
    """Replaces the wheel builder's paths by this machine's; returns how many files changed.

    They stand in the ament index (which prefixes a package was built on) and in exported CMake
    targets (Python's and numpy's headers). CMake refuses to generate while they are missing.

    Args:
        prefix: the virtual environment, made with the running interpreter.

    Raises:
        FileNotFoundError: numpy is not in the environment.
    """
    numpy_headers = next((found for place in ("_core", "core")
                          for found in prefix.glob(
                              f"lib/python3.*/site-packages/numpy/{place}/include")), None)
    if numpy_headers is None:
        raise FileNotFoundError(f"no numpy headers below {prefix}")
    python_headers = sysconfig.get_paths()["include"]
    changed = 0
    for file in (*prefix.glob("share/ament_index/resource_index/parent_prefix_path/*"),
                 *prefix.glob("share/*/cmake/*.cmake"), *prefix.glob("lib/cmake/*/*.cmake")):
        text = file.read_text(encoding="utf-8")
        # The longer paths first: each begins with the next.
        mended = _BUILDERS_NUMPY.sub(str(numpy_headers), text)
        mended = _BUILDERS_PYTHON.sub(python_headers, mended)
        mended = _BUILDERS_PREFIX.sub(str(prefix), mended)
        if mended != text:
            file.write_text(mended, encoding="utf-8")
            changed += 1
    return changed

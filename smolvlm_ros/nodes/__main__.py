"""`python -m smolvlm_ros.nodes NAME [--ros-args …]`: a node from a source tree, not installed."""
from __future__ import annotations

import importlib
import sys

NAMES = ("anonymizer", "depth", "detector", "funnel", "fusion", "gate", "scene_qa",
         "video_source")


def main(arguments: list[str]) -> int:
    """Run the node of that name; returns the exit code, 2 when there is none."""
    if not arguments or arguments[0] not in NAMES:
        given = repr(arguments[0]) if arguments else "nothing"
        print(f"{given} is not a node; use one of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"smolvlm_ros.nodes.{arguments[0]}")
    code: int = module.main(arguments[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m smolvlm_ros.nodes NAME [--ros-args …]`: a node from a source tree, without an install."""
from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    sys.exit(importlib.import_module(f"smolvlm_ros.nodes.{sys.argv[1]}").main(sys.argv[2:]))

"""The whole funnel in one process: one Python, one model runtime, least memory.

With the argument `--anonymizer` the frames are covered in the same process, for recordings.
"""
from __future__ import annotations

import sys

from smolvlm_ros.nodes.anonymizer import AnonymizerNode
from smolvlm_ros.nodes.depth import DepthNode
from smolvlm_ros.nodes.detector import DetectorNode
from smolvlm_ros.nodes.fusion import FusionNode
from smolvlm_ros.nodes.gate import GateNode
from smolvlm_ros.nodes.scene_qa import SceneQaNode
from smolvlm_ros.ros.process import run

# Consumers first: whoever publishes finds its listeners there already.
NODES = (SceneQaNode, FusionNode, DetectorNode, DepthNode, GateNode)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros funnel`."""
    given = sys.argv[1:] if args is None else args
    return run((AnonymizerNode, *NODES) if "--anonymizer" in given else NODES, args)

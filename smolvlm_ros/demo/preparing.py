"""Models made ready before the funnel starts, so that what is missing is said at once."""
from __future__ import annotations

from collections.abc import Callable

from smolvlm_ros.models.choice import Parameters
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.exported import exported, is_checkpoint
from smolvlm_ros.models.registry import Task
from smolvlm_ros.qa.engine import AUTO, NONE, EngineConfig, EngineError


def prepare(values: Parameters, report: Callable[[str], None]) -> None:
    """Export what the nodes would export on first use, and look whether scene_qa has its model.

    Args:
        values: of the nodes, as `models.choice.parameters` gives them.
        report: told what takes a while.

    Raises:
        ModelError: a model is missing, damaged, or cannot be exported here.
    """
    depth = values.get("depth", {})
    if depth.get("estimator") == "depth_anything_v2":
        _exported(Task.DEPTH, depth.get(f"model_{depth.get('scene', 'indoor')}", ""), report)
    _exported(Task.DETECTION, values.get("detector", {}).get("model", ""), report)
    vlm = values.get("scene_qa", {}).get("engine.model", NONE)
    if vlm not in (AUTO, NONE):
        from smolvlm_ros.qa.checkpoint import locate

        try:
            locate(EngineConfig(model=vlm))
        except EngineError as error:
            raise CheckpointError(str(error)) from error


def _exported(task: Task, value: str, report: Callable[[str], None]) -> None:
    if value and is_checkpoint(value):
        exported(task, value, report=report)

"""The models that a ROS parameter file sets."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smolvlm_ros.models.errors import CheckpointError

AUTO = "auto"  # scene_qa takes the largest SmolVLM2 at hand: its default, too
_PARAMETER_STARTS = ("model", "checkpoint")
_ADAPTERS = "adapters"
_NO_CHECKPOINT = ("none", "server")  # what scene_qa's engine.model may say instead
_SERVERS = {"server", "escalation"}  # groups of parameters whose model is a server's
_SCENE_QA, _PARAMETERS = "scene_qa", "ros__parameters"


def models_in_parameters(path: str | Path) -> list[str]:
    """The models that a ROS parameter file sets: texts of parameters named `model…`, `checkpoint…`,
    and lists named `adapters`.

    A `revision` beside a model is added to it, 'owner/name@revision'. Parameters of a scene_qa
    that set no engine.model leave it at 'auto'.

    Raises:
        CheckpointError: when the file is missing or not YAML.
    """
    import yaml
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read as YAML ({error}); "
                              "give a ROS parameter file") from error
    return sorted(set(_models(content)))


def _models(node: Any) -> Iterator[str]:
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        *groups, last = str(key).split(".")
        if not _SERVERS.isdisjoint((*groups, last)):
            continue
        if isinstance(value, str) and last.startswith(_PARAMETER_STARTS):
            if value and value not in _NO_CHECKPOINT:
                revision = node.get(".".join((*groups, "revision")))
                yield f"{value}@{revision}" if last == "model" and revision else value
        elif isinstance(value, list) and last == _ADAPTERS:
            yield from (v for v in value if isinstance(v, str) and v)
        else:
            yield from _models(value)
            if str(key).rpartition("/")[2] == _SCENE_QA and isinstance(value, Mapping):
                yield from _default(value.get(_PARAMETERS))


def _default(parameters: Any) -> Iterator[str]:
    if isinstance(parameters, Mapping) and "engine.model" not in parameters:
        engine = parameters.get("engine")
        if not isinstance(engine, Mapping) or "model" not in engine:
            yield AUTO

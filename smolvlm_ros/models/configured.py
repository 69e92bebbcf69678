"""The models that a ROS parameter file sets."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.registry import DEFAULT_DETECTOR

AUTO = "auto"  # scene_qa takes the largest SmolVLM2 at hand: its default, too
_PARAMETER_STARTS = ("model", "checkpoint")
_ADAPTERS = "adapters"
_NO_CHECKPOINT = ("none", "server")  # what scene_qa's engine.model may say instead
_SERVERS = {"server", "escalation"}  # groups of parameters whose model is a server's
_SCENE_QA, _PARAMETERS = "scene_qa", "ros__parameters"
_ENGINE_MODEL = ("engine", "model")

# Of a value in a file: the keys down to it, dotted ones taken apart.
_Path: TypeAlias = tuple[str, ...]


def models_in_parameters(path: str | Path) -> list[str]:
    """The models that a ROS parameter file sets: texts of parameters named `model…`, `checkpoint…`,
    and lists named `adapters`.

    A `revision` beside a model is added to it, 'owner/name@revision'. What is left at its default
    is named where the file shows that it is used: 'auto' for a scene_qa without engine.model, the
    detector's for a `kind` of onnx without a model.

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
    found = list(_values(content))
    return sorted({*_set(found), *_defaults(dict(found))})


def _values(node: Any, above: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    if isinstance(node, Mapping) and (node or not above):
        for key, value in node.items():
            yield from _values(value, (*above, *str(key).split(".")))
    elif above:
        yield above, node


def _set(found: Sequence[tuple[_Path, Any]]) -> Iterator[str]:
    values = dict(found)
    for path, value in found:
        if not _SERVERS.isdisjoint(path):
            continue
        *groups, last = path
        if isinstance(value, str) and last.startswith(_PARAMETER_STARTS):
            if value and value not in _NO_CHECKPOINT:
                revision = values.get((*groups, "revision"))
                yield f"{value}@{revision}" if last == "model" and revision else value
        elif isinstance(value, list) and last == _ADAPTERS:
            yield from (v for v in value if isinstance(v, str) and v)


def _defaults(values: Mapping[_Path, Any]) -> Iterator[str]:
    for path, value in values.items():
        *groups, last = path
        if (last, value) == ("kind", "onnx") and (*groups, "model") not in values:
            yield DEFAULT_DETECTOR
        if _PARAMETERS in path:
            head = path[:path.index(_PARAMETERS) + 1]
            if "/".join(head[:-1]).rpartition("/")[2] == _SCENE_QA and (
                    (*head, *_ENGINE_MODEL) not in values):
                yield AUTO

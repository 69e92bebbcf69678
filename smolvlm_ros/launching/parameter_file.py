"""A ROS parameter file with some values set over what it says. No ROS and no launch needed."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_VALUES = "ros__parameters"


def with_values(content: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]]
                ) -> dict[str, Any]:
    """The content of a parameter file with other values.

    Args:
        content: sections such as '/**/depth', each with `ros__parameters`.
        values: by node, then by the parameter's dotted name. They replace what any section for
            that node says, whatever its namespace, and hold in every namespace.

    Raises:
        ValueError: when a section for a node is none.
    """
    result = dict(content)
    for node, wanted in values.items():
        for section in {key for key in content if _node(key) == node} | {f"/**/{node}"}:
            body = result.get(section) or {}
            if not isinstance(body, Mapping) or not isinstance(body.get(_VALUES) or {}, Mapping):
                raise ValueError(f"the section {section!r} holds no {_VALUES}; give a ROS "
                                 "parameter file")
            result[section] = {**body, _VALUES: {**_flat(body.get(_VALUES) or {}), **wanted}}
    return result


def write_with_values(source: str | Path, values: Mapping[str, Mapping[str, Any]],
                      target: str | Path) -> Path:
    """Write a parameter file like `source` with other values; see `with_values`.

    Raises:
        ValueError: when the source cannot be read as a parameter file.
    """
    try:
        content = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{source} cannot be read as a parameter file: {error}") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{source} holds no parameters; begin it with a node's name, as "
                         f"'/**/gate:', and below it '{_VALUES}:'")
    text = yaml.safe_dump(with_values(content, values), sort_keys=False, allow_unicode=True)
    target = Path(target)
    target.write_text(f"# {Path(source).name}, with what was chosen at the start.\n{text}",
                      encoding="utf-8")
    return target


def _node(section: str) -> str:
    return str(section).rsplit("/", 1)[-1]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested groups as dotted names, so that each parameter is there once."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat

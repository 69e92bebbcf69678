"""ROS parameter files: read, and written with other values. No ROS and no launch needed."""
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


def read(path: str | Path) -> dict[str, Any]:
    """The content of a parameter file.

    Raises:
        ValueError: when it is missing or no parameter file, naming it, what is wrong and the fix.
    """
    if not Path(path).is_file():
        raise ValueError(f"'{path}' is not a file; give the path of a YAML file")
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"'{path}' cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' holds no parameters; begin it with a node's name, as "
                         f"'/**/gate:', and below it '{_VALUES}:'")
    return content


def value_of(content: Mapping[str, Any], node: str, name: str, default: Any) -> Any:
    """What a parameter file gives a node, whatever its namespace.

    Args:
        content: as `read` returns it.
        node: the node's name.
        name: the parameter's name, without dots.
        default: for a parameter that is not there.
    """
    value = default
    for section, body in content.items():
        values = body.get(_VALUES) if isinstance(body, Mapping) else None
        if _node(section) in (node, "**") and isinstance(values, Mapping):
            value = values.get(name, value)
    return value


def write_with_values(source: str | Path, values: Mapping[str, Mapping[str, Any]],
                      target: str | Path) -> Path:
    """Write a parameter file like `source` with other values; see `with_values`.

    Raises:
        ValueError: when the source cannot be read as a parameter file.
    """
    text = yaml.safe_dump(with_values(read(source), values), sort_keys=False, allow_unicode=True)
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

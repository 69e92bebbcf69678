"""Message definitions as recordings carry them: the type's text, then those of all types in it."""
from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_TYPE = re.compile(r"([a-zA-Z]\w*)/msg/([A-Z]\w*)")
_FIELD = re.compile(r"^([a-zA-Z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[a-zA-Z]\w*")
_BUILT_IN = frozenset(("bool", "byte", "char", "float32", "float64", "string", "wstring", "int8",
                       "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"))
_SEPARATOR = "=" * 80


def definition_text(type_name: str, prefixes: Sequence[Path | str] | None = None) -> str:
    """The definition of a message type from the `.msg` files of installed packages.

    Args:
        type_name: 'sensor_msgs/msg/Image'.
        prefixes: installation prefixes, each with `share/<package>/msg`; None for those of the
            environment (AMENT_PREFIX_PATH).

    Returns:
        The type's own text followed by that of every type it contains, each after a line of 80 '='
        and 'MSG: package/Name', as rosbag2 and Foxglove read it.

    Raises:
        ValueError: when the name is no message type or a file is not found.
    """
    if prefixes is None:
        prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    package, name = split_type(type_name)
    texts: dict[tuple[str, str], str] = {}
    waiting = [(package, name)]
    while waiting:
        wanted = waiting.pop(0)
        if wanted not in texts:
            texts[wanted] = _read(wanted, prefixes, type_name)
            waiting += _contained(texts[wanted], wanted[0])
    own = texts.pop((package, name))
    return own + "".join(f"\n{_SEPARATOR}\nMSG: {p}/{n}\n{text}" for (p, n), text in texts.items())


def type_hash(type_name: str, definition: str) -> str:
    """The type's hash ('RIHS01_…', REP-2016) from its full definition.

    Raises:
        ValueError: when the definition cannot be parsed or lacks a type that it uses.
        ImportError: when the Python package 'rosbags' is missing.
    """
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.EMPTY)
    try:
        store.register(get_types_from_msg(definition, type_name))
        return str(store.hash_rihs01(type_name))
    except Exception as error:  # the parser and the store raise errors of their own kinds
        raise ValueError(f"definition of {type_name} cannot be used: {error}; give the full text, "
                         "with every contained type") from error


def split_type(type_name: str) -> tuple[str, str]:
    """'sensor_msgs/msg/Image' gives ('sensor_msgs', 'Image').

    Raises:
        ValueError: when it is no message type.
    """
    match = _TYPE.fullmatch(type_name)
    if match is None:
        raise ValueError(f"type {type_name!r} is no message type; write it as package/msg/Name")
    return match[1], match[2]


def _read(wanted: tuple[str, str], prefixes: Sequence[Path | str], asked: str) -> str:
    package, name = wanted
    relative = Path("share") / package / "msg" / f"{name}.msg"
    for prefix in prefixes:
        file = Path(prefix) / relative
        if file.is_file():
            return file.read_text(encoding="utf-8")
    searched = os.pathsep.join(map(str, prefixes)) or "nothing: AMENT_PREFIX_PATH is empty"
    raise ValueError(f"{relative}, needed for {asked}, is not installed (searched {searched}); "
                     "source the workspace that has it")


def _contained(text: str, package: str) -> list[tuple[str, str]]:
    """The message types of a definition's fields, as (package, name)."""
    found = []
    for line in text.splitlines():
        match = _FIELD.match(line.split("#")[0].strip())
        if match is None or match[1] in _BUILT_IN:
            continue
        parts = match[1].split("/")
        found.append((parts[0] if len(parts) > 1 else package, parts[-1]))
    return found

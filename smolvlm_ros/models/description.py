"""What an exported model says of itself, inside the ONNX file.

It is one JSON object under one key of the file's metadata, so it cannot be lost or mixed up as a
file beside it could. A robot refuses a file without it: nothing else tells indoor from outdoor, or
names the classes.
"""
from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from smolvlm_ros.models.errors import CheckpointError

FORMAT = 1

D = TypeVar("D", bound="ModelDescription")


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """The part of a description that every task has; a subclass adds its own and its checks.

    Attributes:
        height, width: its fixed input size in pixels.
        source: hub id or name of the folder it was exported from.
        source_sha256: hash of the weights it was exported from.
        licence: SPDX identifier, 'unknown' when nobody said.
        commercial: False when the licence forbids commercial use.
        parameters: number of elements of its weights.
        format: version of this description.

    Raises:
        CheckpointError: when the values contradict each other.
    """

    KEY: ClassVar[str]
    NOUN: ClassVar[str]      # of the model, in the texts of errors
    COMMAND: ClassVar[str]   # that writes it

    height: int
    width: int
    source: str = ""
    source_sha256: str = ""
    licence: str = "unknown"
    commercial: bool = True
    parameters: int = 0
    format: int = FORMAT

    def __post_init__(self) -> None:
        problem = self.problem()
        if self.format != FORMAT:
            problem = f"format {self.format}, this version reads {FORMAT}"
        if problem:
            raise CheckpointError(f"the {self.NOUN}'s description is wrong: {problem}; "
                                  f"export it again with '{self.COMMAND}'")

    def problem(self) -> str:
        """Where the values contradict each other, in words; empty where they do not."""
        return ""

    def to_entry(self) -> tuple[str, str]:
        """Key and JSON text for the ONNX file's metadata."""
        return self.KEY, json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_entries(cls: type[D], entries: Mapping[str, str]) -> D:
        """Read from an ONNX file's metadata.

        Raises:
            CheckpointError: when it is missing, damaged or contradicts itself.
        """
        if cls.KEY not in entries:
            raise CheckpointError(f"the file carries no {cls.KEY!r} description: it was not "
                                  f"written by '{cls.COMMAND}', or is no {cls.NOUN}. Export it "
                                  f"with '{cls.COMMAND}'")
        try:
            return cls(**_typed(cls, json.loads(entries[cls.KEY])))
        except CheckpointError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise CheckpointError(f"the file's {cls.KEY!r} description is damaged ({error}); "
                                  f"export it again with '{cls.COMMAND}'") from error


def _typed(kind: type[ModelDescription], value: Any) -> dict[str, Any]:
    """The JSON values in the types of the fields; unknown keys and wrong types are TypeErrors."""
    value = _instance("the description", value, dict)
    hints = typing.get_type_hints(kind)
    fields = [item.name for item in dataclasses.fields(kind)]
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise TypeError(f"unknown entries {unknown}")
    return {name: _converted(name, value[name], hints[name]) for name in fields if name in value}


def _converted(name: str, given: Any, kind: Any) -> Any:
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        return tuple(_converted(name, item, element) for item in _instance(name, given, list))
    if kind is float:
        if (isinstance(given, bool) or not isinstance(given, (int, float))
                or not math.isfinite(given)):
            raise TypeError(f"{name} must be finite numbers, got {given!r:.80}")
        return float(given)
    return _instance(name, given, kind)


def _instance(name: str, given: Any, kind: type) -> Any:
    if type(given) is not kind:  # True is no number here
        raise TypeError(f"{name} must be of type {kind.__name__}, got {given!r:.80}")
    return given

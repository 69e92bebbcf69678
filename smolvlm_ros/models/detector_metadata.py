"""What an exported detector says of itself, inside the ONNX file.

One JSON object under one key of the file's metadata, as `depth_metadata` has it for depth. A robot
refuses a file without it: nothing else names the classes.
"""
from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from smolvlm_ros.models.errors import CheckpointError

KEY = "smolvlm_ros.detector"
FORMAT = 1
ARCHITECTURES = ("d_fine", "rt_detr", "rt_detr_v2")
_MAX_CLASSES = 10_000
_AGAIN = "export it again with 'smolvlm_ros export detector'"

# Class id, score, and the box's centre and size as shares of the image: x, y, width, height.
Canary: TypeAlias = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class DetectorMetadata:
    """The description of an exported detector.

    Attributes:
        architecture: 'd_fine', 'rt_detr' or 'rt_detr_v2': their outputs have the same form.
        classes: names, by class id.
        height, width: its fixed input size in pixels.
        queries: number of boxes it gives, before any is left out.
        source: hub id or name of the folder it was exported from.
        source_sha256: hash of the weights it was exported from.
        licence: SPDX identifier, 'unknown' when nobody said.
        commercial: False when the licence forbids commercial use.
        parameters: number of elements of its weights.
        canary: the source model's best detections on `canary_image`, each as class id, score, x, y,
            width, height (shares of the image, from its centre); empty when there are none.
        format: version of this description.

    Raises:
        CheckpointError: when the values contradict each other.
    """

    architecture: str
    classes: tuple[str, ...]
    height: int
    width: int
    queries: int
    source: str = ""
    source_sha256: str = ""
    licence: str = "unknown"
    commercial: bool = True
    parameters: int = 0
    canary: Canary = ()
    format: int = FORMAT

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise CheckpointError(f"the detector's description is wrong: {problem}; {_AGAIN}")

    def _problem(self) -> str:
        if self.format != FORMAT:
            return f"format {self.format}, this version reads {FORMAT}"
        if self.architecture not in ARCHITECTURES:
            return f"architecture {self.architecture!r} is not one of {', '.join(ARCHITECTURES)}"
        if not 1 <= len(self.classes) <= _MAX_CLASSES or not all(self.classes):
            return f"{len(self.classes)} classes, expected 1 to {_MAX_CLASSES} names, none empty"
        if min(self.height, self.width, self.queries) < 1:
            return (f"input {self.height}x{self.width} and {self.queries} queries must be positive "
                    "numbers")
        if any(len(row) != 6 for row in self.canary):
            return "each detection of the canary must have six numbers"
        return ""

    def to_entry(self) -> tuple[str, str]:
        """Key and JSON text for the ONNX file's metadata."""
        return KEY, json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_entries(cls, entries: Mapping[str, str]) -> DetectorMetadata:
        """Read from an ONNX file's metadata.

        Raises:
            CheckpointError: when it is missing, damaged or contradicts itself.
        """
        if KEY not in entries:
            raise CheckpointError(f"the file carries no {KEY!r} description: it was not written by "
                                  "'smolvlm_ros export detector', or is no detector. Export it "
                                  "with 'smolvlm_ros export detector'")
        try:
            value = json.loads(entries[KEY])
            if not isinstance(value, dict):
                raise TypeError(f"expected an object, got a {type(value).__name__}")
            return cls(**{item.name: _typed(item.name, str(item.type), value[item.name])
                          for item in dataclasses.fields(cls) if item.name in value})
        except CheckpointError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise CheckpointError(f"the file's {KEY!r} description is damaged ({error}); "
                                  f"{_AGAIN}") from error


def _typed(name: str, kind: str, given: Any) -> Any:
    """A JSON value in the type of its field; a wrong one is a TypeError."""
    if name == "classes":
        return tuple(_instance(name, text, str) for text in _instance(name, given, list))
    if name == "canary":
        return tuple(tuple(_number(name, v) for v in _instance(name, row, list))
                     for row in _instance(name, given, list))
    expected = {"str": str, "int": int, "bool": bool}[kind]
    if expected is int and isinstance(given, bool):
        raise TypeError(f"{name} must be a number, got {given!r}")
    return _instance(name, given, expected)


def _instance(name: str, given: Any, kind: type) -> Any:
    if not isinstance(given, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, got {given!r:.80}")
    return given


def _number(name: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise TypeError(f"{name} must hold finite numbers, got {given!r:.80}")
    return float(given)

"""What an exported depth model says of itself, inside the ONNX file.

It is one JSON object under one key of the file's metadata, so it cannot be lost or mixed up as a
file beside it could. A robot refuses a file without it: nothing else tells indoor from outdoor.
"""
from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smolvlm_ros.models.errors import CheckpointError

KEY = "smolvlm_ros.depth"
FORMAT = 1
RANGES_M = {"indoor": 20.0, "outdoor": 80.0}
# Focal length over image width of the cameras that the published variants were trained on:
# Hypersim and Virtual KITTI 2.
PUBLISHED_FOCAL = {"indoor": 887 / 1024, "outdoor": 725 / 1242}
# Where config.json of a checkpoint trained on another camera has this value.
TRAINING_FOCAL = "training_focal"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PATCH = 14


@dataclass(frozen=True)
class DepthMetadata:
    """The description of an exported depth model.

    Attributes:
        variant: 'indoor' or 'outdoor'; the published ones were trained on Hypersim and Virtual
            KITTI 2.
        max_depth_m: the range it was trained for, metres.
        depth_estimation_type: 'metric'; relative models are refused.
        height, width: its fixed input size in pixels, multiples of 14.
        mean, std: normalisation of RGB scaled to 0..1.
        precision: 'fp32' or 'int8' (weights and activations of the matrix products).
        source: hub id or name of the folder it was exported from.
        source_sha256: hash of the weights it was exported from.
        licence: SPDX identifier, 'unknown' when nobody said.
        commercial: False when the licence forbids commercial use.
        parameters: number of elements of its weights.
        canary: 8x8 means of the source model's output, in metres, on `canary_image`, row by row;
            empty when the export did not compute them.
        training_focal: focal length over image width of the camera it was trained on; 0 in files
            of earlier versions, which means the published variant's.
        format: version of this description.

    Raises:
        CheckpointError: when the values contradict each other.
    """

    variant: str
    max_depth_m: float
    depth_estimation_type: str
    height: int
    width: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    precision: str = "fp32"
    source: str = ""
    source_sha256: str = ""
    licence: str = "unknown"
    commercial: bool = True
    parameters: int = 0
    canary: tuple[float, ...] = ()
    training_focal: float = 0.0
    format: int = FORMAT

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise CheckpointError(f"the depth model's description is wrong: {problem}; "
                                  "export it again with 'smolvlm_ros export'")

    def _problem(self) -> str:
        if self.format != FORMAT:
            return f"format {self.format}, this version reads {FORMAT}"
        if self.depth_estimation_type != "metric":
            return (f"depth_estimation_type is {self.depth_estimation_type!r}, expected 'metric': "
                    "relative depth has no metres")
        if self.variant not in RANGES_M:
            return f"variant {self.variant!r} is not one of {', '.join(RANGES_M)}"
        if self.max_depth_m != RANGES_M[self.variant]:
            return (f"max_depth is {self.max_depth_m:g} m, but the {self.variant} variant has "
                    f"{RANGES_M[self.variant]:g} m")
        if min(self.height, self.width) < PATCH or self.height % PATCH or self.width % PATCH:
            return f"input {self.height}x{self.width} is not a multiple of {PATCH}"
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            return f"mean {self.mean} and std {self.std} must be three numbers, std positive"
        if self.canary and len(self.canary) != 64:
            return f"canary has {len(self.canary)} values, expected 64"
        if self.training_focal and not 0.05 <= self.training_focal <= 20:
            return (f"training_focal is {self.training_focal:g}, expected the focal length over "
                    "the image width, 0.05 to 20")
        return ""

    @property
    def focal(self) -> float:
        """Focal length over image width of the camera it was trained on."""
        return self.training_focal or PUBLISHED_FOCAL[self.variant]

    def to_entry(self) -> tuple[str, str]:
        """Key and JSON text for the ONNX file's metadata."""
        return KEY, json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_entries(cls, entries: Mapping[str, str]) -> DepthMetadata:
        """Read from an ONNX file's metadata.

        Raises:
            CheckpointError: when it is missing, damaged or contradicts itself.
        """
        if KEY not in entries:
            raise CheckpointError(f"the file carries no {KEY!r} description: it was not written by "
                                  "'smolvlm_ros export', or is no metric depth model. Export it "
                                  "with 'smolvlm_ros export'")
        try:
            value = json.loads(entries[KEY])
            if not isinstance(value, dict):
                raise TypeError(f"expected an object, got a {type(value).__name__}")
            return cls(**_typed(value))
        except CheckpointError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise CheckpointError(f"the file's {KEY!r} description is damaged ({error}); "
                                  "export it again with 'smolvlm_ros export'") from error


def _typed(value: dict[str, Any]) -> dict[str, Any]:
    """The JSON values in the types of the fields; unknown keys and wrong types are TypeErrors."""
    result: dict[str, Any] = {}
    for item in dataclasses.fields(DepthMetadata):
        if item.name not in value:
            continue
        given = value[item.name]
        if str(item.type).startswith("tuple"):
            if not isinstance(given, list):
                raise TypeError(f"{item.name} must be a list")
            result[item.name] = tuple(_number(item.name, element) for element in given)
        elif item.type == "float":
            result[item.name] = _number(item.name, given)
        else:
            kind = {"str": str, "int": int, "bool": bool}[str(item.type)]
            if type(given) is not kind:
                raise TypeError(f"{item.name} must be a {kind.__name__}")
            result[item.name] = given
    unknown = set(value) - set(result)
    if unknown:
        raise TypeError(f"unknown entries {sorted(unknown)}")
    return result


def _number(name: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise TypeError(f"{name} must be finite numbers, got {given!r}")
    return float(given)

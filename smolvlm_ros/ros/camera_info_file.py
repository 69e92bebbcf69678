"""Camera info in a YAML file, in the layout of camera_calibration_parsers.

It is what camera_calibration writes and camera_info_manager reads:

    image_width: 640
    image_height: 480
    camera_name: front
    camera_matrix:
      rows: 3
      cols: 3
      data: [525.0, 0.0, 319.5, 0.0, 525.0, 239.5, 0.0, 0.0, 1.0]
    distortion_model: plumb_bob
    distortion_coefficients: {rows: 1, cols: 5, data: [0.0, 0.0, 0.0, 0.0, 0.0]}
    rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
    projection_matrix: {rows: 3, cols: 4, data: [525, 0, 319.5, 0, 0, 525, 239.5, 0, 0, 0, 1, 0]}
"""
from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sensor_msgs.msg import CameraInfo

from smolvlm_ros.ros.camera_info import CameraInfoError
from smolvlm_ros.ros.encodings import MAX_SIDE

_MAX_BYTES = 1 << 20
_MAX_COEFFICIENTS = 14
_IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


@dataclass(frozen=True)
class CalibrationFile:
    """What a camera_info YAML file holds.

    Attributes:
        camera_name: may be empty.
        info: the camera info, with an empty header.
    """

    camera_name: str
    info: CameraInfo


def load_camera_info(path: Path | str) -> CalibrationFile:
    """Read a camera_info YAML file.

    Raises:
        CameraInfoError: when it cannot be read, is no such file, or an entry is missing or wrong.
    """
    try:
        if Path(path).stat().st_size > _MAX_BYTES:
            raise CameraInfoError(f"{path} has more than {_MAX_BYTES} bytes, which no camera_info "
                                  "YAML has; give the calibration file")
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CameraInfoError(f"{path} cannot be read: {error}; give the YAML file that "
                              "camera_calibration wrote") from error
    return parse_camera_info(text, str(path))


def parse_camera_info(text: str, name: str) -> CalibrationFile:
    """Read the text of a camera_info YAML file.

    R may be missing (no rotation), and P ([K | 0]), D (none) and its model (plumb_bob).

    Args:
        text: the file's content.
        name: the file's name, for errors.

    Raises:
        CameraInfoError: as in `load_camera_info`.
    """
    try:
        content = yaml.safe_load(text)
    except Exception as error:
        # PyYAML raises more than YAMLError: ValueError for a date, KeyError for `!!bool x`, …
        raise CameraInfoError(f"{name} is no YAML: {_short(error)}") from error
    if not isinstance(content, dict):
        raise CameraInfoError(f"{name} holds {_short(content)}, expected a mapping with "
                              "camera_matrix; give the file that camera_calibration wrote")
    info = CameraInfo()
    info.width = _size(content, "image_width", name)
    info.height = _size(content, "image_height", name)
    info.distortion_model = _text(content, "distortion_model", "plumb_bob", name)
    info.d = _numbers(content, "distortion_coefficients", None, [], name)
    info.k = k = _numbers(content, "camera_matrix", (3, 3), None, name)
    info.r = _numbers(content, "rectification_matrix", (3, 3), _IDENTITY, name)
    ideal = [*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0]
    info.p = _numbers(content, "projection_matrix", (3, 4), ideal, name)
    return CalibrationFile(_text(content, "camera_name", "", name), info)


def dump_camera_info(info: CameraInfo, camera_name: str) -> str:
    """The text of a camera_info YAML file; `parse_camera_info` gives the same numbers back."""
    def matrix(rows: int, values: Any) -> dict[str, Any]:
        data = [float(value) for value in values]
        return {"rows": rows, "cols": len(data) // rows, "data": data}

    content = {"image_width": int(info.width), "image_height": int(info.height),
               "camera_name": camera_name, "camera_matrix": matrix(3, info.k),
               "distortion_model": info.distortion_model,
               "distortion_coefficients": matrix(1, info.d),
               "rectification_matrix": matrix(3, info.r), "projection_matrix": matrix(3, info.p)}
    return yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=math.inf)


def save_camera_info(path: Path | str, info: CameraInfo, camera_name: str) -> None:
    """Write a camera_info YAML file; it appears whole or not at all.

    Raises:
        CameraInfoError: when it cannot be written.
    """
    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        part.write_text(dump_camera_info(info, camera_name), encoding="utf-8")
        part.replace(target)
    except OSError as error:
        raise CameraInfoError(f"{path} cannot be written: {error}; "
                              "give a folder that can") from error


def _size(content: dict[Any, Any], key: str, name: str) -> int:
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SIDE:
        raise CameraInfoError(f"{name}: {key} is {_short(value)}, expected 1 to {MAX_SIDE} pixels")
    return value


def _text(content: dict[Any, Any], key: str, default: str, name: str) -> str:
    value = content.get(key)
    if value is None:
        return default
    # A camera called 0 or on is a number or a truth value to YAML.
    if not isinstance(value, (str, int, float)):
        raise CameraInfoError(f"{name}: {key} is {_short(value)}, expected text")
    text = str(value)
    if "\0" in text or len(text) > 255:
        raise CameraInfoError(f"{name}: {key} is {_short(value)}, expected at most 255 characters "
                              "without NUL")
    return text


def _numbers(content: dict[Any, Any], key: str, shape: tuple[int, int] | None,
             default: list[float] | None, name: str) -> list[float]:
    """The `data` of one matrix; a missing one gives the default, None for required."""
    entry = content.get(key)
    if entry is None and default is not None:
        return default
    data = entry.get("data") if isinstance(entry, dict) else None
    if not isinstance(data, list):
        raise CameraInfoError(f"{name}: {key} is {_short(entry)}, expected rows, cols "
                              "and data: [...]")
    rows, cols = shape or (1, len(data))
    if len(data) != rows * cols or len(data) > _MAX_COEFFICIENTS:
        raise CameraInfoError(f"{name}: {key} has {len(data)} numbers, expected "
                              f"{rows * cols if shape else f'at most {_MAX_COEFFICIENTS}'}")
    said = [content[key].get("rows", rows), content[key].get("cols", cols)]
    if said != [rows, cols]:
        raise CameraInfoError(f"{name}: {key} says {_short(said)} rows and cols, but has "
                              f"{len(data)} numbers; expected [{rows}, {cols}]")
    return [_number(value, f"{name}: {key}[{index}]") for index, value in enumerate(data)]


def _number(value: Any, what: str) -> float:
    # YAML 1.1 reads 1e-05, as C++ writes it, as text: hence float() of text too.
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise CameraInfoError(f"{what} is {_short(value)}, expected a finite number")
    return number


def _short(value: Any) -> str:
    """A value in at most one line: aliases make a small file hold a list without end."""
    return (str(value) if isinstance(value, Exception) else reprlib.repr(value))[:120]

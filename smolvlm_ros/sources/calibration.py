"""The camera_info YAML format: what camera_calibration writes and camera_info_manager reads.

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
from pathlib import Path
from typing import Any

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources.base import RawCameraInfo, SourceError

_MODELS = {"plumb_bob": "plumb_bob", "radtan": "plumb_bob",
           "rational_polynomial": "rational_polynomial", "equidistant": "equidistant",
           "fisheye": "equidistant"}
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_MAX_BYTES = 1 << 20
_MAX_SIDE = 32767
_MAX_COEFFICIENTS = 14


def read_calibration(path: Path | str) -> RawCameraInfo:
    """Read a calibration file.

    Args:
        path: YAML with image_width, image_height and camera_matrix. It may leave out R (no
            rotation), P ([K | 0]), D (none) and D's model (plumb_bob).

    Returns:
        The fields of CameraInfo; `camera_model` makes a CameraModel of them.

    Raises:
        SourceError: when it cannot be read, an entry is missing or wrong, or it makes no camera.
    """
    try:
        if Path(path).stat().st_size > _MAX_BYTES:
            raise SourceError(f"calibration {path} has more than {_MAX_BYTES} bytes, which no "
                              "camera_info YAML has; give the calibration file")
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"calibration {path} cannot be read: {error}; give the YAML file that "
                          "camera_calibration wrote") from error
    return parse_calibration(text, f"calibration {path}")


def parse_calibration(text: str, name: str) -> RawCameraInfo:
    """Read the text of a calibration file.

    Args:
        text: the file's content.
        name: what it is, for errors.

    Raises:
        SourceError: as in `read_calibration`.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
    except Exception as error:
        # PyYAML raises more than YAMLError: ValueError for a date, KeyError for `!!bool x`, …
        raise SourceError(f"{name} is no YAML: {_short(error)}") from error
    if not isinstance(content, dict):
        raise SourceError(f"{name} holds {_short(content)}, expected a mapping with camera_matrix; "
                          "give the file that camera_calibration wrote")
    entries = _Entries(content, name)
    k = entries.numbers("camera_matrix", (3, 3), None)
    ideal = (*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0)
    info = RawCameraInfo(
        entries.size("image_width"), entries.size("image_height"),
        entries.text("distortion_model", "plumb_bob"),
        entries.numbers("distortion_coefficients", None, ()), k,
        entries.numbers("rectification_matrix", (3, 3), _IDENTITY),
        entries.numbers("projection_matrix", (3, 4), ideal))
    if k[1] or k[3] or k[6:] != (0.0, 0.0, 1.0):
        raise SourceError(f"{name}: camera_matrix is {_short(list(k))}, expected fx, 0, cx, 0, fy, "
                          "cy, 0, 0, 1; calibrate again without skew")
    if camera_model(info, name) is None:
        raise SourceError(f"{name} has a focal length of 0; calibrate the camera")
    return info


def camera_model(info: RawCameraInfo, name: str) -> CameraModel | None:
    """The camera that K and D of a CameraInfo describe; None where fx is 0: not calibrated.

    Args:
        info: the fields of CameraInfo.
        name: file or topic, for the error.

    Raises:
        SourceError: when the fields make no camera.
    """
    if len(info.k) != 9:
        raise SourceError(f"{name}: K has {len(info.k)} values, expected 9")
    if info.k[0] == 0.0:
        return None
    model = _MODELS.get(info.distortion_model)
    if model is None and any(info.d):
        raise SourceError(f"{name}: distortion model {info.distortion_model[:60]!r} is not known, "
                          f"expected one of {', '.join(_MODELS)}")
    try:
        # Simulators leave the model's name empty or put in their own, with coefficients of zero.
        return CameraModel(info.width, info.height, info.k[0], info.k[4], info.k[2], info.k[5],
                           () if model is None else info.d, model or "none")
    except ValueError as error:
        raise SourceError(f"{name}: {error}") from error


def fitted(camera: CameraModel | None, shape: tuple[int, ...], name: str) -> CameraModel | None:
    """The camera for an image of that shape; scaled where only the resolution differs.

    Args:
        camera: None gives None.
        shape: (H, W) or (H, W, 3).
        name: of the source, for the error.

    Raises:
        SourceError: when the image has another aspect than the calibration.
    """
    height, width = shape[:2]
    if camera is None or (camera.width, camera.height) == (width, height):
        return camera
    if abs(width * camera.height / (height * camera.width) - 1.0) > 0.02:
        raise SourceError(f"{name} is {width}x{height}, its calibration "
                          f"{camera.width}x{camera.height}: another aspect; calibrate at this "
                          "resolution")
    return camera.scaled(width, height)


class _Entries:
    """Entries of a calibration file, each checked, with the file's name in every error."""

    def __init__(self, content: dict[Any, Any], name: str) -> None:
        self._content = content
        self._name = name

    def size(self, key: str) -> int:
        """An image side in pixels."""
        value = self._content.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_SIDE:
            raise SourceError(f"{self._name}: {key} is {_short(value)}, expected 1 to {_MAX_SIDE} "
                              "pixels")
        return value

    def text(self, key: str, default: str) -> str:
        """A short text; the default where there is none."""
        value = self._content.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or "\0" in value or len(value) > 255:
            raise SourceError(f"{self._name}: {key} is {_short(value)}, expected text of at most "
                              "255 characters")
        return value

    def numbers(self, key: str, shape: tuple[int, int] | None,
                default: tuple[float, ...] | None) -> tuple[float, ...]:
        """The `data` of a matrix; a missing one gives the default, None for required."""
        entry = self._content.get(key)
        if entry is None and default is not None:
            return default
        data = entry.get("data") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(data, list):
            raise SourceError(f"{self._name}: {key} is {_short(entry)}, expected rows, cols and "
                              "data: [...]")
        rows, cols = shape or (1, len(data))
        if len(data) != rows * cols or len(data) > _MAX_COEFFICIENTS:
            wanted = rows * cols if shape else f"at most {_MAX_COEFFICIENTS}"
            raise SourceError(f"{self._name}: {key} has {len(data)} numbers, expected {wanted}")
        said = [entry.get("rows", rows), entry.get("cols", cols)]
        if said != [rows, cols]:
            raise SourceError(f"{self._name}: {key} says {_short(said)} rows and cols, but has "
                              f"{len(data)} numbers; expected [{rows}, {cols}]")
        return tuple(_number(value, f"{self._name}: {key}[{index}]")
                     for index, value in enumerate(data))


def _number(value: Any, what: str) -> float:
    # YAML 1.1 reads 1e-05, as C++ writes it, as text: hence float() of text too.
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise SourceError(f"{what} is {_short(value)}, expected a finite number")
    return number


def _short(value: Any) -> str:
    """A value in at most one line: aliases make a small file hold a list without end."""
    return (str(value) if isinstance(value, Exception) else reprlib.repr(value))[:120]

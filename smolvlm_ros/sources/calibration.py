"""The camera_info YAML format: what camera_calibration writes and camera_info_manager reads."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources.base import RawCameraInfo, SourceError

_MODELS = {"": "none", "plumb_bob": "plumb_bob", "radtan": "plumb_bob",
           "rational_polynomial": "rational_polynomial", "equidistant": "equidistant",
           "fisheye": "equidistant"}
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def read_calibration(path: Path | str) -> RawCameraInfo:
    """Read a calibration file.

    Args:
        path: YAML with image_width, image_height, camera_matrix, distortion_model,
            distortion_coefficients and, optionally, rectification_matrix and projection_matrix.

    Returns:
        The fields of CameraInfo; `camera_model` makes a CameraModel of them.

    Raises:
        SourceError: when it cannot be read, or an entry is missing, has a wrong length or makes no
            camera.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(f"calibration {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise SourceError(f"calibration {path} is no mapping; write it with camera_calibration")
    reader = _Entries(content, str(path))
    k = reader.matrix("camera_matrix", (9,))
    p = reader.matrix("projection_matrix", (12,),
                      default=(*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0))
    info = RawCameraInfo(
        reader.size("image_width"), reader.size("image_height"),
        str(content.get("distortion_model") or ""),
        reader.matrix("distortion_coefficients", (0, 4, 5, 8, 12, 14), default=()), k,
        reader.matrix("rectification_matrix", (9,), default=_IDENTITY), p)
    if camera_model(info, str(path)) is None:
        raise SourceError(f"calibration {path} has a focal length of 0; calibrate the camera")
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
    if info.distortion_model not in _MODELS:
        raise SourceError(f"{name}: distortion model {info.distortion_model!r} is not known, "
                          f"expected one of {', '.join(repr(m) for m in _MODELS)}")
    model = _MODELS[info.distortion_model]
    try:
        return CameraModel(info.width, info.height, info.k[0], info.k[4], info.k[2], info.k[5],
                           () if model == "none" else info.d, model)
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
        value = self._content.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise SourceError(f"calibration {self._name}: {key} is {value!r}, expected pixels "
                              "above 0")
        return value

    def matrix(self, key: str, lengths: Sequence[int],
               default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        entry = self._content.get(key)
        if entry is None and default is not None:
            return default
        data = entry.get("data") if isinstance(entry, dict) else entry
        try:
            values = tuple(float(v) for v in data)  # type: ignore[union-attr]
        except (TypeError, ValueError):
            values = None  # type: ignore[assignment]
        if values is None or len(values) not in lengths:
            have = "nothing" if entry is None else repr(data)
            raise SourceError(f"calibration {self._name}: {key} is {have}, expected a list 'data' "
                              f"of {' or '.join(map(str, lengths))} numbers")
        return values

"""sensor_msgs/CameraInfo to the camera model of the algorithms, and back.

K, D, R and P of a CameraInfo are those of the full-resolution calibrated image; binning and the
region of interest (ROI) say which part of it the image is. Here the image's own matrices are K and
P moved by

    u' = (u - x_offset + 0.5) / binning_x - 0.5

so that pixel centres stay on their rays. image_geometry leaves the halves out, which is up to half
a pixel of the binned image; without binning the two agree.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.settings import Settings, setting

_MODELS = {"plumb_bob": "plumb_bob", "radtan": "plumb_bob",
           "rational_polynomial": "rational_polynomial",
           "equidistant": "equidistant", "fisheye": "equidistant", "": "none", "none": "none"}
_HALF = 0.5


class CameraInfoError(ValueError):
    """Camera info that describes no usable camera; names the frame, the field and the fix."""


@dataclass(frozen=True)
class CalibrationSettings(Settings):
    """Which part of CameraInfo holds for the images that come."""

    rectified: bool = setting(
        False, "The images are rectified: the camera model is P, without distortion. Off for "
        "images straight from the camera: K and D. Depth and fusion need the same.")


def is_calibrated(msg: CameraInfo, *, rectified: bool = False) -> bool:
    """False where what `to_camera_model` would take, K or P, is all zeros."""
    return bool(_intrinsics(msg, rectified)[:2].any())


def to_camera_model(msg: CameraInfo, *, rectified: bool = False) -> CameraModel:
    """The camera of the image that this camera info comes with.

    Args:
        msg: binning and ROI are honoured.
        rectified: False for the raw image (K and D); True for the rectified one (`image_rect`): the
            left 3x3 of P, no distortion. For a stereo or otherwise rotated camera the rays are then
            those of the rectified frame.

    Raises:
        CameraInfoError: when the camera is not calibrated (K or P of zeros), has no size, a skew,
            an unknown distortion model, a wrong number of coefficients, values that are not finite,
            or an ROI outside its image.
    """
    window, width, height = _window(msg)
    what = f"P of {_name(msg)}" if rectified else f"K of {_name(msg)}"
    matrix = _intrinsics(msg, rectified)
    if not np.isfinite(matrix).all():
        raise CameraInfoError(f"{what} is {matrix.tolist()}, expected finite numbers; "
                              "calibrate the camera again")
    if not matrix[:2].any():
        raise CameraInfoError(f"{what} is all zeros: the camera is not calibrated; run "
                              "camera_calibration, or give the driver its camera_info YAML")
    if matrix[0, 1] or matrix[1, 0] or not np.array_equal(matrix[2], (0, 0, 1)):
        raise CameraInfoError(f"{what} is {matrix.tolist()}, expected [[fx, 0, cx], [0, fy, cy], "
                              "[0, 0, 1]]; calibrate again without skew")
    matrix = window @ matrix
    distortion, model = ((), "none") if rectified else _distortion(msg)
    try:
        camera = CameraModel(width, height, float(matrix[0, 0]), float(matrix[1, 1]),
                             float(matrix[0, 2]), float(matrix[1, 2]), distortion, model)
    except ValueError as error:
        raise CameraInfoError(f"{_name(msg)}: {error}") from error
    if camera.distorted:
        return camera
    return CameraModel(width, height, camera.fx, camera.fy, camera.cx, camera.cy)


def image_size(msg: CameraInfo) -> tuple[int, int]:
    """Width and height in pixels of the image that this camera info comes with.

    Raises:
        CameraInfoError: as in `to_camera_model`, for the size and the ROI.
    """
    _, width, height = _window(msg)
    return width, height


def check_size(msg: CameraInfo, image_width: int, image_height: int) -> None:
    """Check that an image is the one this camera info is for.

    Raises:
        CameraInfoError: when the image has another size, with both and the fix.
    """
    width, height = image_size(msg)
    if (width, height) != (image_width, image_height):
        raise CameraInfoError(
            f"{_name(msg)} is for an image of {width}x{height} px (with binning and ROI), but the "
            f"image is {image_width}x{image_height} px; calibrate at this resolution, or scale the "
            "camera info with the image (image_proc's resize node)")


def scaled_camera_info(msg: CameraInfo, width: int, height: int) -> CameraInfo:
    """Camera info of the same image resized to width x height.

    Binning and ROI are worked into K and P, and are none in the result. Header, D, R and
    `roi.do_rectify` are kept. A camera info of zeros stays one of zeros.

    Raises:
        CameraInfoError: as in `image_size`, or for a wanted size that is not positive.
    """
    if width <= 0 or height <= 0:
        raise CameraInfoError(f"{_name(msg)} cannot be scaled to {width}x{height} px, expected "
                              "positive numbers")
    window, old_width, old_height = _window(msg)
    scale = _affine(width / old_width, 0.0, height / old_height, 0.0) @ window
    scaled = CameraInfo()
    scaled.header = msg.header
    scaled.width, scaled.height = int(width), int(height)
    scaled.distortion_model, scaled.d = msg.distortion_model, list(msg.d)
    scaled.r = list(msg.r)
    scaled.k = (scale @ _matrix(msg.k)).ravel().tolist()
    scaled.p = (scale @ np.array(msg.p, float).reshape(3, 4)).ravel().tolist()
    scaled.roi.do_rectify = msg.roi.do_rectify
    return scaled


def as_raw(msg: CameraInfo) -> CameraInfo:
    """Make it that of the image as the lens gives it, for those who read P: R of no rotation and
    P = [K | 0]; K and D stay. Returns the same message.
    """
    msg.r = np.eye(3).ravel().tolist()
    msg.p = np.hstack([_matrix(msg.k), np.zeros((3, 1))]).ravel().tolist()
    return msg


def from_camera_model(model: CameraModel, header: Any) -> CameraInfo:
    """Camera info of a camera: K and D, R of no rotation, and P = [K | 0].

    ROS knows no distortion model 'none'; an ideal camera is plumb_bob with five zeros.

    Args:
        model: the camera.
        header: std_msgs/Header, taken as it is.
    """
    info = CameraInfo()
    info.header = header
    info.width, info.height = int(model.width), int(model.height)
    ideal = not model.distortion and not model.distorted
    info.distortion_model = "plumb_bob" if ideal else model.distortion_model
    info.d = [0.0] * 5 if ideal else [float(value) for value in model.distortion or (0.0,) * 4]
    info.k = model.camera_matrix.ravel().tolist()
    return as_raw(info)


def _distortion(msg: CameraInfo) -> tuple[tuple[float, ...], str]:
    distortion = tuple(float(value) for value in msg.d)
    model = _MODELS.get(msg.distortion_model)
    if model is not None and model != "none":
        return distortion, model
    # Simulators leave the model's name empty or put in their own, with coefficients of zero.
    if not any(distortion):
        return (), "none"
    raise CameraInfoError(
        f"{_name(msg)} has distortion model {msg.distortion_model[:60]!r} with coefficients that "
        f"are not zero, expected one of {', '.join(n for n, m in _MODELS.items() if m != 'none')}")


def _window(msg: CameraInfo) -> tuple[NDArray[np.float64], int, int]:
    """What moves pixels of the calibrated image to those of the image, and the image's size."""
    if msg.width == 0 or msg.height == 0:
        raise CameraInfoError(f"{_name(msg)} has a size of {msg.width}x{msg.height} px: the camera "
                              "is not calibrated; run camera_calibration, or give the driver its "
                              "camera_info YAML")
    roi = msg.roi
    # A width or height of zero is the whole image by CameraInfo's definition.
    whole = roi.width == 0 or roi.height == 0
    x, y = (0, 0) if whole else (roi.x_offset, roi.y_offset)
    width, height = (msg.width, msg.height) if whole else (roi.width, roi.height)
    if x + width > msg.width or y + height > msg.height:
        raise CameraInfoError(f"{_name(msg)} has an ROI of {width}x{height} px at ({x}, {y}), "
                              f"outside its {msg.width}x{msg.height} px; the ROI is given in "
                              "full-resolution pixels, before binning")
    across, down = max(1, msg.binning_x), max(1, msg.binning_y)
    if across > width or down > height:
        raise CameraInfoError(f"{_name(msg)} has binning {across}x{down}, more than its "
                              f"{width}x{height} px; set the driver's true binning")
    move = _affine(1 / across, -x / across, 1 / down, -y / down)
    return move, width // across, height // down


def _intrinsics(msg: CameraInfo, rectified: bool) -> NDArray[np.float64]:
    """K, or the left 3x3 of P."""
    return np.array(msg.p, float).reshape(3, 4)[:, :3] if rectified else _matrix(msg.k)


def _affine(sx: float, tx: float, sy: float, ty: float) -> NDArray[np.float64]:
    """u' + 0.5 = sx (u + 0.5) + tx, and so for v, as a matrix on (u, v, 1)."""
    return np.array([[sx, 0, sx * _HALF + tx - _HALF], [0, sy, sy * _HALF + ty - _HALF], [0, 0, 1]])


def _matrix(values: Any) -> NDArray[np.float64]:
    return np.array(values, float).reshape(3, 3)


def _name(msg: CameraInfo) -> str:
    return f"camera_info of frame {msg.header.frame_id[:60]!r}"

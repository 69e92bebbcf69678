"""Depth of flat ground from the camera's height and tilt: no weights, no learning.

Right for the ground and for where things touch it, wrong (too far) for whatever stands up from it.

Frames are REP-103's: body x forward, y left, z up; optical x right, y down, z forward. With pitch p
(positive: nose down) and roll r (positive: right side down), R = Ry(p) Rx(r) turns body into
levelled coordinates, and the unit vector that points down is, in the optical frame,

    d = (cos p sin r,  cos p cos r,  sin p).

A pixel with ray q (optical frame, Z = 1) meets the ground h below the camera at depth

    Z = h / (q . d)   where q . d > 0, and never where q . d <= 0 (at or above the horizon).
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth.config import DepthConfig, GroundPlaneConfig
from smolvlm_ros.depth.output import scaled_camera
from smolvlm_ros.depth.types import (
    DepthError,
    DepthInfo,
    DepthMap,
    check_image,
    check_runtime,
)


@dataclass(frozen=True)
class Mount:
    """Where the camera is above the ground.

    Attributes:
        height_m: height of the optical centre, metres, positive.
        pitch_rad: positive looks down.
        roll_rad: positive has the right side lower.

    Raises:
        DepthError: for a height that is not positive or a value that is not finite.
    """

    height_m: float
    pitch_rad: float = 0.0
    roll_rad: float = 0.0

    def __post_init__(self) -> None:
        values = (self.height_m, self.pitch_rad, self.roll_rad)
        if not all(math.isfinite(v) for v in values) or self.height_m <= 0:
            raise DepthError(f"camera mount has height {self.height_m} m, pitch {self.pitch_rad} "
                             f"rad, roll {self.roll_rad} rad; expected finite numbers and a "
                             "height above 0: does TF give the camera above the ground frame?")

    @classmethod
    def from_config(cls, config: GroundPlaneConfig) -> Mount:
        """The mount that the settings describe."""
        return cls(config.camera_height_m, math.radians(config.camera_pitch_deg),
                   math.radians(config.camera_roll_deg))

    @classmethod
    def from_pose(cls, rotation: ArrayLike, translation: ArrayLike) -> Mount:
        """The mount from the optical frame's pose in a frame on the ground with z up.

        Args:
            rotation: shape (3, 3), turns optical into ground coordinates.
            translation: shape (3,), the optical centre in the ground frame, metres.
        """
        down = -np.asarray(rotation, np.float64)[2]
        return cls(float(np.asarray(translation)[2]), math.asin(float(np.clip(down[2], -1, 1))),
                   math.atan2(float(down[0]), float(down[1])))

    def down(self) -> NDArray[np.float64]:
        """The unit vector towards the ground, in the optical frame, shape (3,)."""
        return np.array([math.cos(self.pitch_rad) * math.sin(self.roll_rad),
                         math.cos(self.pitch_rad) * math.cos(self.roll_rad),
                         math.sin(self.pitch_rad)])


def ground_depth(camera: CameraModel, mount: Mount, max_range_m: float) -> NDArray[np.float32]:
    """Depth of flat ground for every pixel.

    Args:
        camera: the camera; its distortion is respected.
        mount: its height and tilt.
        max_range_m: depths beyond this become +Inf.

    Returns:
        shape (height, width) float32, metres along optical Z; NaN at and above the horizon and
        for pixels the lens model gives no ray for.
    """
    falling = camera.ray_image() @ mount.down().astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(falling > 0, np.float32(mount.height_m) / falling, np.float32(np.nan))
        depth[depth > max_range_m] = np.inf
    return depth.astype(np.float32, copy=False)


class GroundPlane:
    """The estimator `ground_plane`: computes its map once per camera and mount.

    The mount is that of the settings until `set_mount` gives another one (from TF, at each frame).
    """

    max_gap_s = math.inf

    def __init__(self, config: DepthConfig) -> None:
        self._config = config
        self._mount = Mount.from_config(config.ground_plane)
        self._made: tuple[CameraModel, Mount, float] | None = None
        self._depth: NDArray[np.float32] | None = None

    @property
    def info(self) -> DepthInfo:
        """See `DepthEstimator`."""
        return DepthInfo("ground_plane", None, self._config.ground_plane.max_range_m)

    @property
    def mount(self) -> Mount:
        """The mount in use."""
        return self._mount

    def set_mount(self, height_m: float, pitch_rad: float, roll_rad: float = 0.0) -> None:
        """Use another mount from the next image on; see `Mount` for the signs.

        Raises:
            DepthError: for a height that is not positive or a value that is not finite.
        """
        self._mount = Mount(height_m, pitch_rad, roll_rad)

    def set_pose(self, rotation: ArrayLike, translation: ArrayLike) -> None:
        """Use the mount of that pose from the next image on; see `Mount.from_pose`.

        Raises:
            DepthError: for a camera that is not above the ground frame.
        """
        self._mount = Mount.from_pose(rotation, translation)

    def estimate(self, image_rgb: NDArray[np.uint8], camera: CameraModel | None,
                 stamp_s: float) -> DepthMap:
        """See `DepthEstimator`; only the image's size is used.

        Raises:
            DepthError: for an image that is none, without a camera, or a camera of another size.
        """
        check_image(image_rgb, camera)
        if camera is None:
            raise DepthError("ground_plane needs a calibrated CameraInfo: none has come, or its K "
                             "(P for rectified images) is zeros; calibrate the camera, or check "
                             "that camera_info is published and remapped")
        scaled = scaled_camera(camera, self._config.output_scale)
        key = (scaled, self._mount, self._config.ground_plane.max_range_m)
        if key != self._made or self._depth is None:
            self._depth, self._made = ground_depth(*key), key
        return DepthMap(self._depth, scaled, self.info)

    def configure(self, config: DepthConfig) -> None:
        """See `DepthEstimator`. A mount that was set stays until the mount's settings change."""
        check_runtime(self._config, config)
        mount = Mount.from_config(config.ground_plane)
        if mount != Mount.from_config(self._config.ground_plane):
            self._mount = mount
        self._config = config

    def reset(self, why: str) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Drop the map."""
        self._made = self._depth = None

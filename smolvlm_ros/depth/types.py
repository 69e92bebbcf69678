"""What a depth estimator takes and gives."""
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth.config import DepthConfig


class DepthError(ValueError):
    """Depth cannot be estimated; the text names the offender, its limit and the fix."""


class Variant(str, Enum):
    """What a metric network was trained for; its value is the setting's text."""

    INDOOR = "indoor"
    OUTDOOR = "outdoor"

    @property
    def other(self) -> Variant:
        """The one that this is not."""
        return Variant.OUTDOOR if self is Variant.INDOOR else Variant.INDOOR


@dataclass(frozen=True)
class DepthInfo:
    """What is at work, for logs, diagnostics and the planner.

    Attributes:
        estimator: 'depth_anything_v2' or 'ground_plane'.
        variant: the network's variant; None for an estimator that has none.
        max_depth_m: range: the network's training range, or the ground plane's limit, metres.
        provider: what computes: 'cpu', 'cuda', 'tensorrt', or 'none' without a network.
        backend: what runs the network: 'onnxruntime' or 'torch'; empty without one.
        checkpoint: name of the file of weights; empty without one.
        licence: SPDX identifier of the weights; empty without any.
        commercial: False when that licence forbids commercial use.
        input_height, input_width: the network's input in pixels; 0 without a network.
        precision: of the network's file, 'fp32' or 'int8'; empty without a network. A GPU may
            compute an fp32 file in half precision (setting `fp16`).
        self_check: how the network's answer to a fixed picture compared, in words.
        notes: what a user should be warned of at every start: fall-backs and licences.
        source: hub id, registry name or folder of the checkpoint that the file was made from.
        source_sha256: hash of that checkpoint's weights, as the file says it.
    """

    estimator: str
    variant: Variant | None
    max_depth_m: float
    provider: str = "none"
    checkpoint: str = ""
    licence: str = ""
    commercial: bool = True
    input_height: int = 0
    input_width: int = 0
    precision: str = ""
    self_check: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""
    source_sha256: str = ""
    backend: str = ""


@dataclass(frozen=True)
class DepthMap:
    """Depth of one image.

    Attributes:
        depth_m: shape (H, W) float32, metres along the optical Z axis; NaN unknown, +Inf beyond
            range (REP-117, REP-118). H and W are the image's, times `output_scale`. Read only.
        camera: the camera of `depth_m`, scaled like it; None when none was given.
        info: what made it.
        focal_scale: the network's metres were multiplied by this (1: no correction made).
        model_ms: time in the network; 0 without one.
        steadied: the stabiliser multiplied the depth's scale by this (1: nothing changed).
    """

    depth_m: NDArray[np.float32]
    camera: CameraModel | None
    info: DepthInfo
    focal_scale: float = 1.0
    model_ms: float = 0.0
    steadied: float = 1.0

    def __post_init__(self) -> None:
        if self.depth_m.ndim != 2 or self.depth_m.dtype != np.float32:
            raise ValueError(f"depth has shape {self.depth_m.shape} and type {self.depth_m.dtype}, "
                             "expected (H, W) float32")
        self.depth_m.setflags(write=False)

    @property
    def range_m(self) -> float:
        """No finite value is larger than this: the estimator's range times the focal scale."""
        return self.info.max_depth_m * self.focal_scale


class DepthEstimator(Protocol):
    """One way to get metric depth. Called from one thread at a time.

    The protocol also fits models that keep state over a video: `reset` tells them to forget.

    Attributes:
        max_gap_s: longest time between two images over which its state holds; infinite for one
            that keeps none, or that finds out from the images.
    """

    max_gap_s: float

    @property
    def info(self) -> DepthInfo:
        """What is at work now."""

    def estimate(self, image_rgb: NDArray[np.uint8], camera: CameraModel | None,
                 stamp_s: float) -> DepthMap:
        """The depth of one image.

        Args:
            image_rgb: shape (H, W, 3) uint8.
            camera: the camera of exactly that image, or None when it is not known.
            stamp_s: time of the image in seconds.

        Raises:
            DepthError: for an image or camera that cannot be used; the next call may succeed.
        """

    def configure(self, config: DepthConfig) -> None:
        """Take the settings that may change while running.

        Raises:
            DepthError: when another setting differs: that needs a new estimator.
        """

    def reset(self, why: str) -> None:
        """Forget earlier images: after a gap, a resize, a jump in time, or as another variant."""

    def close(self) -> None:
        """Free the model's memory; may be called twice."""


def check_image(image_rgb: NDArray[np.uint8], camera: CameraModel | None) -> None:
    """Refuse what is no RGB image, and a camera of another size.

    Raises:
        DepthError: naming what was expected and what was got.
    """
    shape, kind = np.shape(image_rgb), getattr(image_rgb, "dtype", type(image_rgb).__name__)
    if len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8:
        raise DepthError(f"image has shape {shape} and type {kind}, expected (H, W, 3) uint8; "
                         "convert it to rgb8 first")
    if camera is not None and (camera.width, camera.height) != (shape[1], shape[0]):
        raise DepthError(f"image is {shape[1]}x{shape[0]}, its CameraInfo is for "
                         f"{camera.width}x{camera.height}; publish the two with the same size")


def check_runtime(old: DepthConfig, new: DepthConfig) -> None:
    """Refuse a change of settings that a running estimator cannot take.

    Raises:
        DepthError: naming those settings.
    """
    fixed = old.fixed_differences(new)
    if fixed:
        raise DepthError(f"{', '.join(fixed)} cannot change while running; configure again")

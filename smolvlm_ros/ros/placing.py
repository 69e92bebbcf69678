"""From the messages of one frame to its objects in 3D, with errors that name the topic."""
from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection2DArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion import Fused, FusionConfig, Unplaced, fuse
from smolvlm_ros.ros import camera_info as infos
from smolvlm_ros.ros import images
from smolvlm_ros.ros.boxes import best_hypothesis, from_box
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.stamps import to_nanoseconds

_SIZES_KEPT = 64
_LEAST_DEPTH = 0.05  # share of the image; with less and no object placed, the sensor is blind


class ImageSizes:
    """The size of each stamp's image, as its camera_info tells it. Safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def note(self, message: CameraInfo) -> None:
        """Take a calibration.

        Raises:
            ValueError: it tells no size.
        """
        size = infos.image_size(message)
        with self._lock:
            self._sizes[to_nanoseconds(message.header.stamp)] = size
            if len(self._sizes) > _SIZES_KEPT:
                self._sizes.popitem(last=False)

    def of(self, stamp: Time) -> tuple[int, int] | None:
        """Width and height in pixels; the newest where the stamp's own is not known, if any is."""
        with self._lock:
            newest = next(reversed(self._sizes.values()), None)
            return self._sizes.get(to_nanoseconds(stamp), newest)


class InputError(ValueError):
    """A message cannot be used; `topic` is the one it came on."""

    def __init__(self, topic: str, error: ValueError) -> None:
        super().__init__(str(error))
        self.topic = topic


@contextmanager
def reading(endpoint: Endpoint) -> Iterator[None]:
    """Errors met inside are that input's: ValueError becomes InputError."""
    try:
        yield
    except ValueError as error:
        raise InputError(endpoint.name, error) from error


@dataclass(frozen=True)
class FrameInputs:
    """The messages of one frame."""

    detections: Detection2DArray
    depth: Image
    info: CameraInfo


@dataclass(frozen=True)
class Placed:
    """What one frame shows.

    Attributes:
        camera: model of the image that the boxes are in.
        depth_m: shape (H, W) float32 metres, of the same view, at its own resolution.
        fused: the objects and what could not be placed.
        up: which way was up in the camera's optical frame, where known.
    """

    camera: CameraModel
    depth_m: NDArray[np.float32]
    fused: Fused
    up: NDArray[np.float64] | None = None


def place(inputs: FrameInputs, endpoints: tuple[Endpoint, Endpoint, Endpoint],
          image_size: tuple[int, int] | None, rectified: bool, config: FusionConfig,
          up: NDArray[np.float64] | None = None) -> Placed:
    """The objects of one frame, in the camera's optical frame.

    Args:
        inputs: detections, depth and the depth's calibration.
        endpoints: of these, in this order, for errors.
        image_size: width and height in pixels of the image that the boxes are in, where known;
            None takes the depth image's.
        rectified: the calibration to use is P.
        config: settings.
        up: which way is up in the camera's optical frame, where known; see `fuse`.

    Raises:
        InputError: a message cannot be used, or the depth image holds next to no depth and nothing
            of what was detected could be placed: such a frame shows nothing, not that nobody is
            there.
    """
    detections, depth, info = endpoints
    with reading(info):
        camera = infos.to_camera_model(inputs.info, rectified=rectified)
    if image_size is not None and image_size != (camera.width, camera.height):
        camera = camera.scaled(*image_size)
    with reading(detections):
        found = inputs.detections.detections
        boxes = [from_box(d.bbox) for d in found]
        best = [best_hypothesis(d) for d in found]
    with reading(depth):
        depth_m = images.to_depth_m(inputs.depth)
        fused = fuse(boxes, [score for _, score in best], [name for name, _ in best], depth_m,
                     camera, config, up)
        if fused.unplaced and not fused.objects:
            _check_depth(depth_m, fused.unplaced[0])
    return Placed(camera, depth_m, fused, up)


def _check_depth(depth_m: NDArray[np.float32], unplaced: Unplaced) -> None:
    known = np.count_nonzero(np.isfinite(depth_m) & (depth_m > 0)) / max(1, depth_m.size)
    if known < _LEAST_DEPTH:
        raise ValueError(f"only {known:.1%} of the image has a depth, at least {_LEAST_DEPTH:.0%} "
                         f"is needed, and nothing that was detected has a pose "
                         f"({unplaced.class_name}: {unplaced.reason}): the frame is left out; is "
                         "the depth sensor covered, or all beyond its range?")

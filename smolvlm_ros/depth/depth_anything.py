"""Depth Anything V2, metric: an exported ONNX file with no torch in the process, or in torch."""
from __future__ import annotations

import logging
import math
import time

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth.config import DepthConfig
from smolvlm_ros.depth.focal import focal_scale
from smolvlm_ros.depth.network import Network, open_network
from smolvlm_ros.depth.output import metric_depth, scaled_camera, scaled_size
from smolvlm_ros.depth.preprocess import Preprocessor
from smolvlm_ros.depth.stabiliser import DepthStabiliser
from smolvlm_ros.depth.types import (
    DepthError,
    DepthInfo,
    DepthMap,
    Variant,
    check_image,
    check_runtime,
)
from smolvlm_ros.depth.upsample import upsample_depth
from smolvlm_ros.models.errors import ModelError

_log = logging.getLogger(__name__)
_STRETCH_LIMIT = 1.15
# From one image to the next, a lens changes the focal correction by less than this share. By more
# it is another calibration or setting: metres jump, and no wobble may be seen in that.
_LENS_STEP = 0.02


class DepthAnythingV2:
    """The estimator `depth_anything_v2`.

    Raises:
        DepthError: when the file is missing, damaged, of another variant or size, not licensed
            for this use, does not fit into memory, or computes wrong results on this provider.
    """

    max_gap_s = math.inf  # the stabiliser sees for itself whether the view has changed

    def __init__(self, config: DepthConfig) -> None:
        self._config = config
        self._variant = Variant(config.scene)
        try:
            self._network: Network | None = open_network(config)
        except ModelError as error:
            raise DepthError(str(error)) from error
        meta = self._network.metadata
        self._preprocess = Preprocessor(meta.height, meta.width, meta.mean, meta.std)
        self._info = DepthInfo(
            "depth_anything_v2", self._variant, meta.max_depth_m, self._network.provider,
            self._network.path.name, meta.licence, meta.commercial, meta.height, meta.width,
            meta.precision, self._network.self_check, self._network.notes,
            meta.source, meta.source_sha256, self._network.backend)
        self._stabiliser = DepthStabiliser(config.stabiliser)
        self._scale = 1.0
        self._warned_stretch: tuple[int, int] | None = None

    @property
    def info(self) -> DepthInfo:
        """See `DepthEstimator`."""
        return self._info

    def estimate(self, image_rgb: NDArray[np.uint8], camera: CameraModel | None,
                 stamp_s: float) -> DepthMap:
        """See `DepthEstimator`. Without a camera no focal correction is made (focal_scale is 1).

        Raises:
            DepthError: for an image or camera that cannot be used, when the network's output is
                nowhere finite, and after `close`.
        """
        check_image(image_rgb, camera)
        if self._network is None:
            raise DepthError("the depth estimator is closed; make a new one")
        self._warn_of_stretch(image_rgb.shape[1], image_rgb.shape[0])
        tensor = self._preprocess(image_rgb)
        begin = time.perf_counter()
        try:
            predicted = self._network.run(tensor)
        except ModelError as error:
            raise DepthError(str(error)) from error
        model_ms = 1e3 * (time.perf_counter() - begin)
        scale = 1.0
        if camera is not None and self._config.focal_correction:
            scale = focal_scale(camera, self._network.metadata.focal)
        if abs(scale / self._scale - 1) > _LENS_STEP:
            self._stabiliser.reset()
        self._scale = scale
        depth = metric_depth(predicted, self._info.max_depth_m, self._config.far_share, scale)
        size = scaled_size(image_rgb.shape[1], image_rgb.shape[0], self._config.output_scale)
        depth = upsample_depth(depth, *size, guide_rgb=image_rgb)
        depth = self._stabiliser.steady(depth, image_rgb, stamp_s)
        depth[depth > self._info.max_depth_m * scale] = np.inf
        scaled = None if camera is None else scaled_camera(camera, self._config.output_scale)
        return DepthMap(depth, scaled, self._info, scale, model_ms, self._stabiliser.correction)

    def configure(self, config: DepthConfig) -> None:
        """See `DepthEstimator`."""
        check_runtime(self._config, config)
        self._config = config
        self._stabiliser.config = config.stabiliser

    def reset(self, why: str) -> None:
        """The stabiliser begins anew."""
        self._stabiliser.reset()

    def close(self) -> None:
        """See `DepthEstimator`."""
        if self._network is not None:
            self._network.close()
        self._network = None

    def _warn_of_stretch(self, width: int, height: int) -> None:
        """Say once per image size that the network's input has another aspect."""
        stretch = (self._info.input_width / width) / (self._info.input_height / height)
        if max(stretch, 1 / stretch) < _STRETCH_LIMIT or self._warned_stretch == (width, height):
            return
        self._warned_stretch = (width, height)
        _log.warning("images of %dx%d are stretched %.2f times sideways to the network's %dx%d; "
                     "export a file with the camera's aspect", width, height, stretch,
                     self._info.input_width, self._info.input_height)

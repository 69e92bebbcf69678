"""How near an estimator's depth is to the truth on people and things, which is what fusion reads.

They cover few pixels, so an error over whole images says little about them.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth.types import DepthEstimator, DepthMap
from smolvlm_ros.world import palette
from smolvlm_ros.world.truth import WorldFrame

_LEAST_PIXELS = 400  # about 20x20


class ObjectDepths:
    """Stands before an estimator and compares what it says of each object with the truth.

        watched = ObjectDepths(estimator)
        score = evaluate_depth(watched, watched.noting(frames))
        watched.median_errors()         # {'person': 0.04, 'person lying': 0.06, …}
    """

    def __init__(self, estimator: DepthEstimator) -> None:
        self._estimator = estimator
        self._last: DepthMap | None = None
        self._errors: dict[str, list[float]] = defaultdict(list)
        self.info, self.max_gap_s = estimator.info, estimator.max_gap_s
        self.configure, self.reset, self.close = (estimator.configure, estimator.reset,
                                                  estimator.close)

    def estimate(self, image_rgb: np.ndarray, camera: CameraModel | None,
                 stamp_s: float) -> DepthMap:
        """See `DepthEstimator`; the result is remembered until the next."""
        self._last = self._estimator.estimate(image_rgb, camera, stamp_s)
        return self._last

    def noting(self, frames: Iterable[WorldFrame]) -> Iterator[WorldFrame]:
        """The frames; when the next one is asked for, the estimate of the last is compared."""
        for frame in frames:
            self._last = None
            yield frame
            if self._last is not None:
                self.note(self._last.depth_m, frame)

    def note(self, depth_m: np.ndarray, frame: WorldFrame) -> None:
        """Compare one estimate, shape (H, W) metres, with the truth."""
        for item in frame.objects:
            mask = frame.mask == item.track_id
            if np.count_nonzero(mask) < _LEAST_PIXELS:
                continue
            truth = float(np.median(frame.depth_m[mask]))
            found = np.nan_to_num(depth_m[mask], nan=0.0, posinf=10 * truth)
            lying = item.state == palette.LYING
            self._errors[f"{item.class_name}{' lying' if lying else ''}"].append(
                abs(float(np.median(found)) - truth) / truth)

    def median_errors(self) -> dict[str, float]:
        """Median relative error of the median depth of an object, by kind and over all."""
        everything = [error for errors in self._errors.values() for error in errors]
        return {**{kind: float(np.median(errors)) for kind, errors in self._errors.items()},
                **({"all": float(np.median(everything))} if everything else {})}

"""What a detector gives: boxes, scores and class names of one image."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _no_boxes() -> NDArray[np.float32]:
    return np.zeros((0, 4), np.float32)


def _no_scores() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class Detections:
    """N boxes of one image, read only.

        Detections([[10, 20, 50, 120]], [0.9], ("person",))

    Attributes:
        xyxy: shape (N, 4) float32: left, top, right, bottom in pixels of the full-resolution image,
            right > left and bottom > top. Pixel (0, 0) covers 0 to 1.
        scores: shape (N,) float32, 0 to 1; what they mean is the detector's to say.
        class_names: N names.

    Raises:
        ValueError: on a wrong shape, different lengths, values that are not finite, empty boxes or
            scores outside 0 to 1.
    """

    xyxy: NDArray[np.float32] = field(default_factory=_no_boxes)
    scores: NDArray[np.float32] = field(default_factory=_no_scores)
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Copies, so that making them read only does not freeze the caller's arrays.
        xyxy = np.array(self.xyxy, np.float32)
        scores = np.array(self.scores, np.float32)
        names = tuple(self.class_names)
        if xyxy.size == 0:
            xyxy = xyxy.reshape(0, 4)
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise ValueError(f"xyxy has shape {xyxy.shape}, expected (N, 4)")
        if scores.shape != (len(xyxy),) or len(names) != len(xyxy):
            raise ValueError(f"{len(xyxy)} boxes, scores of shape {scores.shape} and {len(names)} "
                             "class names; expected as many of each")
        if not np.isfinite(xyxy).all():
            raise ValueError(f"boxes have values that are not finite: {xyxy.tolist()}")
        if not (xyxy[:, 2:] > xyxy[:, :2]).all():
            raise ValueError(f"boxes must have right > left and bottom > top, got {xyxy.tolist()}")
        if not ((scores >= 0) & (scores <= 1)).all():  # false for NaN too
            raise ValueError(f"scores must lie in 0 to 1, got {scores.tolist()}")
        if not all(isinstance(n, str) and n for n in names):
            raise ValueError(f"class names must be texts that are not empty, got {names!r}")
        for name, array in (("xyxy", xyxy), ("scores", scores)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "class_names", names)

    def __len__(self) -> int:
        return len(self.class_names)

    def select(self, index: Any) -> Detections:
        """Those at `index`: a boolean mask of shape (N,) or a sequence of integers."""
        chosen = np.arange(len(self))[np.asarray(index) if len(index) else np.zeros(0, np.intp)]
        return Detections(self.xyxy[chosen], self.scores[chosen],
                          tuple(self.class_names[i] for i in chosen))

    def where(self, classes: Sequence[str] = (), min_score: float = 0.0,
              own_scores: Mapping[str, float] = MappingProxyType({})) -> Detections:
        """Those of the classes (empty: all) with at least that score, or their class's own."""
        return self.select([(not classes or n in classes) and s >= own_scores.get(n, min_score)
                            for n, s in zip(self.class_names, self.scores, strict=True)])

    def __add__(self, other: Detections) -> Detections:
        return Detections(np.concatenate([self.xyxy, other.xyxy]),
                          np.concatenate([self.scores, other.scores]),
                          self.class_names + other.class_names)

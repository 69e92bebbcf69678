"""What an exported detector says of itself; see `description`."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from smolvlm_ros.models.description import ModelDescription

KEY = "smolvlm_ros.detector"
EXPORTED = ("d_fine", "rt_detr", "rt_detr_v2")   # by this package
ARCHITECTURES = (*EXPORTED, "yolox")
_MAX_CLASSES = 10_000

# Class id, score, and the box's centre and size as shares of the image: x, y, width, height.
Canary: TypeAlias = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class DetectorMetadata(ModelDescription):
    """The description of an exported detector: what `ModelDescription` has, and this.

    Attributes:
        architecture: 'd_fine', 'rt_detr' or 'rt_detr_v2', whose outputs have the same form, or
            'yolox', of a file that somebody else exported.
        classes: names, by class id.
        queries: number of boxes it gives, before any is left out.
        canary: the source model's best detections on `canary_image`, each as class id, score, x, y,
            width, height (shares of the image, from its centre); empty when there are none.
    """

    KEY: ClassVar[str] = KEY
    NOUN: ClassVar[str] = "detector"
    COMMAND: ClassVar[str] = "smolvlm_ros export detector"

    architecture: str
    classes: tuple[str, ...]
    queries: int
    canary: Canary = ()

    def problem(self) -> str:
        """See `ModelDescription`."""
        if self.architecture not in ARCHITECTURES:
            return f"architecture {self.architecture!r} is not one of {', '.join(ARCHITECTURES)}"
        if not 1 <= len(self.classes) <= _MAX_CLASSES or not all(self.classes):
            return f"{len(self.classes)} classes, expected 1 to {_MAX_CLASSES} names, none empty"
        if min(self.height, self.width, self.queries) < 1:
            return (f"input {self.height}x{self.width} and {self.queries} queries must be positive "
                    "numbers")
        if any(len(row) != 6 for row in self.canary):
            return "each detection of the canary must have six numbers"
        return ""

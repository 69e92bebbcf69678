"""What an exported depth model says of itself; see `description`."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from smolvlm_ros.models.description import ModelDescription

KEY = "smolvlm_ros.depth"
RANGES_M = {"indoor": 20.0, "outdoor": 80.0}
# Focal length over image width of the cameras that the published variants were trained on:
# Hypersim and Virtual KITTI 2.
PUBLISHED_FOCAL = {"indoor": 887 / 1024, "outdoor": 725 / 1242}
# Where config.json of a checkpoint trained on another camera has this value.
TRAINING_FOCAL = "training_focal"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PATCH = 14


@dataclass(frozen=True, kw_only=True)
class DepthMetadata(ModelDescription):
    """The description of an exported depth model: what `ModelDescription` has, and this.

    Attributes:
        variant: 'indoor' or 'outdoor'; the published ones were trained on Hypersim and Virtual
            KITTI 2.
        max_depth_m: the range it was trained for, metres.
        depth_estimation_type: 'metric'; relative models are refused.
        mean, std: normalisation of RGB scaled to 0..1.
        precision: 'fp32' or 'int8' (weights and activations of the matrix products).
        canary: 8x8 means of the source model's output, in metres, on `canary_image`, row by row;
            empty when the export did not compute them.
        training_focal: focal length over image width of the camera it was trained on; 0 in files
            of earlier versions, which means the published variant's.

    Its height and width are multiples of 14.
    """

    KEY: ClassVar[str] = KEY
    NOUN: ClassVar[str] = "metric depth model"
    COMMAND: ClassVar[str] = "smolvlm_ros export depth"

    variant: str
    max_depth_m: float
    depth_estimation_type: str
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    precision: str = "fp32"
    canary: tuple[float, ...] = ()
    training_focal: float = 0.0

    def problem(self) -> str:
        """See `ModelDescription`."""
        if self.depth_estimation_type != "metric":
            return (f"depth_estimation_type is {self.depth_estimation_type!r}, expected 'metric': "
                    "relative depth has no metres")
        if self.variant not in RANGES_M:
            return f"variant {self.variant!r} is not one of {', '.join(RANGES_M)}"
        if self.max_depth_m != RANGES_M[self.variant]:
            return (f"max_depth is {self.max_depth_m:g} m, but the {self.variant} variant has "
                    f"{RANGES_M[self.variant]:g} m")
        if min(self.height, self.width) < PATCH or self.height % PATCH or self.width % PATCH:
            return f"input {self.height}x{self.width} is not a multiple of {PATCH}"
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            return f"mean {self.mean} and std {self.std} must be three numbers, std positive"
        if self.canary and len(self.canary) != 64:
            return f"canary has {len(self.canary)} values, expected 64"
        if self.training_focal and not 0.05 <= self.training_focal <= 20:
            return (f"training_focal is {self.training_focal:g}, expected the focal length over "
                    "the image width, 0.05 to 20")
        return ""

    @property
    def focal(self) -> float:
        """Focal length over image width of the camera it was trained on."""
        return self.training_focal or PUBLISHED_FOCAL[self.variant]
